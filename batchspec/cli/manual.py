"""Manual pages made from the commands themselves, and the command that writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import click

from batchspec import __version__
from batchspec.cli.teaching import Taught, examples_in, taught
from batchspec.core.errors import ExitCode

_ALL = "batchspec"
_CODES = "batchspec explain CODE tells what a code in a message means."


@click.command(cls=Taught)
@click.option(
    "--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="The folder to write them into."
)
@click.pass_context
def man(context: click.Context, /, out: Path) -> int:
    """Write the manual pages into a folder.

    One of batchspec and one of each command. A wheel brings them too; `man -l FILE` shows one that is not installed.

    \b
    batchspec man --out ~/.local/share/man/man1
    """
    program = context.find_root().command
    assert isinstance(program, click.Group)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in manual_pages(program).items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return ExitCode.DONE


def manual_pages(program: click.Group) -> dict[str, str]:
    """Return the text of every page by its file's name, such as `batchspec-plan.1`."""
    commands = dict(taught(program))
    pages = {f"{_ALL}.1": _page("", program, commands)}
    for name, command in commands.items():
        pages[f"{_file(name)}.1"] = _page(name, command, {})
    return pages


def _file(name: str) -> str:
    return "-".join([_ALL, *name.split()])


def _page(name: str, command: click.Command, inner: dict[str, click.Command]) -> str:
    said = [" ".join(part.split()) for part in cleandoc(command.help or "").partition("\n\b\n")[0].split("\n\n")]
    summary, *more = [part for part in said if part]
    title = _file(name)
    lines = [f'.TH "{_text(title.upper())}" "1" "" "batchspec {__version__}" "batchspec"', ".SH NAME"]
    lines += [
        f"{_text(title)} \\- {_text(summary.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_text(title.replace('-', ' '))}",
    ]
    arguments = " ".join(each.make_metavar(_context(command)) for each in _arguments(command))
    lines += [_text(f"[OPTIONS] {'COMMAND [ARGUMENTS]' if inner else arguments}".strip()), ".SH DESCRIPTION"]
    lines += _paragraphs([summary, *more])
    lines += _section("COMMANDS", ((f"batchspec {each}", _summary(found)) for each, found in inner.items()))
    lines += _section("OPTIONS", _options(command))
    examples = examples_in(command.help)
    if examples:
        lines += [".SH EXAMPLES", ".nf", *map(_text, examples), ".fi"]
    lines += [".SH SEE ALSO", _text(_CODES)]
    return "\n".join(lines) + "\n"


def _context(command: click.Command) -> click.Context:
    return click.Context(command, info_name=command.name, help_option_names=["-h", "--help"])


def _arguments(command: click.Command) -> list[click.Argument]:
    return [each for each in command.params if isinstance(each, click.Argument)]


def _summary(command: click.Command) -> str:
    return " ".join(cleandoc(command.help or "").split("\n\n")[0].split())


def _options(command: click.Command) -> Iterator[tuple[str, str]]:
    context = _context(command)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield record


def _section(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    lines = []
    for head, words in rows:
        lines += [".TP", f"\\fB{_text(head)}\\fR", _text(" ".join(words.split()))]
    return [f".SH {title}", *lines] if lines else []


def _paragraphs(parts: Iterable[str]) -> list[str]:
    return [line for part in parts for line in (".PP", _text(part))][1:]


def _text(text: str) -> str:
    """Return text in which nothing is taken for roff's own."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe
