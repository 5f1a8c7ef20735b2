"""What a shell may complete beside names of commands and options, and the command that prints a shell's script.

A completion never fails and never writes: what cannot be read is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

from batchspec.cli.teaching import Taught
from batchspec.core.errors import BatchspecError, ExitCode

VARIABLE = "_BATCHSPEC_COMPLETE"
_INSTALL = {
    "bash": "batchspec completion bash > ~/.local/share/bash-completion/completions/batchspec",
    "zsh": "batchspec completion zsh > ~/.zfunc/_batchspec   # with fpath+=(~/.zfunc) before compinit in ~/.zshrc",
    "fish": "batchspec completion fish > ~/.config/fish/completions/batchspec.fish",
    "powershell": "batchspec completion powershell >> $PROFILE",
}
_DEEPEST = 5
_MOST_FILES = 500
_NAME = re.compile(r"^name: *[\"']?([A-Za-z0-9_.-]+)", re.MULTILINE)
_ENVIRONMENTS = re.compile(r"^environments:\n((?:(?: .*|#.*)?\n)+)", re.MULTILINE)
_INDENTED_KEY = re.compile(r"^ {2}([A-Za-z0-9_.-]+):", re.MULTILINE)
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = $commandAst.CommandElements |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() }
    $env:COMP_WORDS = $words -join "`n"
    $env:COMP_CWORD = $wordToComplete
    $env:%(complete_var)s = "powershell_complete"
    try {
        %(prog_name)s | ForEach-Object {
            $type, $value, $help = $_ -split "`t", 3
            if ($type -eq "plain") {
                if (-not $help) { $help = $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
            }
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:%(complete_var)s -ErrorAction SilentlyContinue
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Completion in PowerShell, which itself completes paths where nothing is told."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that one."""
        incomplete = os.environ.get("COMP_CWORD", "")
        words = os.environ.get("COMP_WORDS", "").splitlines()[1:]
        return (words[:-1] if incomplete and words[-1:] == [incomplete] else words), incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return a line: type, value, help."""
        return "\t".join([item.type, item.value, " ".join((item.help or "").split())])


add_completion_class(PowerShellComplete)


@click.command(cls=Taught)
@click.argument("shell", type=click.Choice(list(_INSTALL)))
@click.pass_context
def completion(context: click.Context, /, shell: str) -> int:
    """Print the script that completes batchspec in a shell.

    Its first lines say how to install it. It completes commands, options, spec files and their names, environments, the
    ids of recorded jobs, and codes.

    \b
    batchspec completion bash > batchspec.bash
    """
    found = get_completion_class(shell)
    assert found is not None
    source = found(context.find_root().command, {}, "batchspec", VARIABLE).source().strip("\n")
    head = [f"# Completion of batchspec in {shell}. To install it:", f"#   {_INSTALL[shell]}"]
    # zsh looks for its mark in the first line.
    first = source.split("\n", 1)[0] if source.startswith("#compdef") else None
    lines = [first, *head, source.removeprefix(first).lstrip("\n")] if first else [*head, source]
    click.echo("\n".join(lines))
    return ExitCode.DONE


def candidates(what: str, incomplete: str) -> list[CompletionItem[str]]:
    """Return what may stand in a place: one of the names in `_SOURCES`."""
    try:
        found = [value for value in _SOURCES[what]() if value.startswith(incomplete)]
    except (BatchspecError, OSError, ValueError):
        found = []
    if what in {"files", "specs"} and not found:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(value) for value in dict.fromkeys(found)]


def _files() -> Iterator[str]:
    """Yield the spec files below the current folder, the nearest folders first, within bounds."""
    listed = 0
    for folder, folders, names in os.walk("."):
        depth = folder.count(os.sep)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and depth < _DEEPEST)
        for name in sorted(names):
            if name.endswith(".batchspec.yaml") or name == "batchspec.yaml":
                yield os.path.normpath(os.path.join(folder, name))  # noqa: PTH118 - paths as they are typed
        listed += len(names)
        if listed > 100 * _MOST_FILES:
            return


def _texts() -> Iterator[str]:
    for path in islice(_files(), _MOST_FILES):
        yield Path(path).read_text(encoding="utf-8", errors="replace")


def _names() -> Iterator[str]:
    for text in _texts():
        yield from _NAME.findall(text)[:1]


def _environments() -> Iterator[str]:
    for text in _texts():
        for block in _ENVIRONMENTS.findall(text + "\n"):
            yield from _INDENTED_KEY.findall(block)


def _selectors() -> Iterator[str]:
    yield from _names()
    yield from ("name:", "tag:", "path:", "state:")


def _specs() -> Iterator[str]:
    yield from _names()
    yield from _files()


def _jobs() -> Iterator[str]:
    from batchspec.cli import wiring
    from batchspec.cli.options import Options
    from batchspec.state.inspection import Inspection

    state = os.environ.get("BATCHSPEC_STATE")
    provider = os.environ.get("BATCHSPEC_PROVIDER") or "mistral"
    project = wiring.open_settings(Options(state=Path(state) if state else None, provider=provider))
    with Inspection(project.state) as inspection:
        yield from (story.job.id for story in reversed(inspection.claims()) if story.job is not None)


def _codes() -> Iterator[str]:
    from batchspec.project.code_pages import load_pages

    yield from load_pages()


def _providers() -> Iterator[str]:
    from batchspec.cli.options import PROVIDERS
    from batchspec.plugins.installed import installed

    yield from PROVIDERS
    yield from (each.name for each in installed(Path.cwd()) if each.kind == "providers")


_SOURCES: dict[str, Callable[[], Iterator[str]]] = {
    "providers": _providers,
    "files": _files,
    "names": _names,
    "specs": _specs,
    "selectors": _selectors,
    "environments": _environments,
    "jobs": _jobs,
    "codes": _codes,
}
