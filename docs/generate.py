"""Writes the reference pages that are made from the program, and editors' schema: `python docs/generate.py`.

The command line comes from click, the spec from its JSON Schema, the exit codes from `core.errors`, what explains a
code from `schemas/codes`, Python's names from their docstrings, the speed in the README from what was measured. What is
said here is what they cannot know.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

import click
import yaml

from batchspec import api, plugins
from batchspec.cli.app import main as program
from batchspec.cli.manual import manual_pages
from batchspec.core.code_pages import CodePage
from batchspec.core.endpoints import endpoint_at
from batchspec.core.errors import BatchspecError, ExitCode
from batchspec.core.model import ENDPOINTS
from batchspec.core.schema.for_editors import schema_for_editors
from batchspec.project.code_pages import load_pages
from benchmarks.speed.in_readme import speed_in_readme

DOCS = Path(__file__).resolve().parent
SCHEMAS = DOCS.parent / "schemas"
SCHEMA = SCHEMAS / "batchspec.schema.json"
README = DOCS.parent / "README.md"
RESULTS = DOCS.parent / "benchmarks" / "RESULTS.md"
BESIDE_TOOLS = DOCS.parent / "benchmarks" / "peers" / "SPEED.md"

_HEAD = "<!-- Made by `python docs/generate.py`: change the program, not this page. -->\n\n"
_SPEED, _SPEED_ENDS = "<!-- speed, made by `python docs/generate.py` -->\n", "<!-- end of speed -->"
_APPLICATORS = ("anyOf", "oneOf", "allOf")
_OWN_CODE = {"error": "any other error that can be mended; also a file that cannot be written, a full disk"}

_MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.DONE: "Done, or there was nothing to do.",
    ExitCode.ERROR: "An error that has no code of its own. A fault of batchspec itself ends so too, and leaves a log.",
    ExitCode.CHANGES: "There is something to send. Only `plan --detailed-exitcode` ends so.",
    ExitCode.INVALID: "The command line, a spec, an input or a template is wrong. Found before anything was sent.",
    ExitCode.ACCESS: "The key is missing or refused, or it belongs to another workspace than the recorded jobs.",
    ExitCode.UNRESOLVED: "A job may or may not have been created. Running the command again is safe and finds out.",
    ExitCode.ROWS_FAILED: "Everything has its end, and some rows failed. Only commands that wait end so.",
    ExitCode.STALE_OR_LOCKED: "The saved plan is stale, or somebody else holds the state.",
    ExitCode.NOT_APPROVED: "Declined, or an approval is needed and nobody can be asked: give `--yes`, or a saved plan.",
    ExitCode.LIMIT: "A limit was met, or an input has come out empty that was not. Nothing was sent.",
    ExitCode.STILL_RUNNING: "The wait ran out and jobs are still running.",
    ExitCode.HANGUP: "Ended by SIGHUP. What was in hand was finished, if that took at most 4 s.",
    ExitCode.INTERRUPTED: "Ended by SIGINT (Ctrl-C). What was in hand was finished, if that took at most 4 s.",
    ExitCode.TERMINATED: "Ended by SIGTERM. What was in hand was finished, if that took at most 4 s.",
}


_CLI_FOREWORD = """\
`PATHS` are spec files or folders; without any, the current folder is searched for `*.batchspec.yaml` and
`batchspec.yaml`. Results go to stdout, everything else to stderr. How a run ends is in [exit codes](exit-codes.md),
what it reads from the environment in [environment](environment.md), and the documents of `--json` in
[JSON output](json.md). A `DURATION` is `90s`, `15m`, `2h` or `1d`."""

_ERRORS_FOREWORD = """\
An error names itself in brackets, as in `error[access]`, and under `error.code` in [JSON](json.md). Findings about a
spec, an input or a template have codes of their own. [Errors and findings](errors.md) explains every code."""

_CODES_FOREWORD = """\
An error, or a finding about a spec, an input or a template, says where it is, why it is one, and how to mend it:

```text
ticket-triage.batchspec.yaml:3:1: error[unknown-key]: unknown key `modle`
  3 | modle: mistral-small-latest
    | ^^^^^
  help: did you mean `model`?
```

All findings of all files are told at once, sorted by place. One that arises from many rows is told once, with their
number. At most 50 are shown; `validate --json` has all that were kept. The code in brackets is stable, and
`batchspec explain CODE` prints its part of this page. How a run ends is in [exit codes](exit-codes.md)."""

_PYTHON_FOREWORD = """\
[In a notebook](../how-to/notebooks.md) shows how this is used. Every error is a `BatchspecError` with `summary`, `why`
and `hint`, and has the code and the exit code that the [command line](cli.md) would end with."""

_LONGEST_SIGNATURE = 80

_SPEC_FOREWORD = """\
A spec is one YAML file, `<name>.batchspec.yaml`, read as [YAML 1.2](yaml.md). A key that is not here is an error, but
for those that begin with `x-`, which are ignored: a place for YAML anchors and notes. [Templates](templates.md) stand
in `prompt`, `body`, `custom_id` and `output.columns`; `{file: path}` stands for the content of a file there.

`batchspec schema` prints the JSON Schema that this page is made from. [An editor](../how-to/editors.md) with a YAML
language server completes and checks a spec whose first line names a schema; `batchspec init` writes one:"""


def pages() -> dict[Path, str]:
    """Return the generated pages by their paths."""
    reference = DOCS / "reference"
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return {
        reference / "cli.md": _HEAD + cli_page(),
        reference / "errors.md": _HEAD.replace("program", "pages in `schemas/codes`") + codes_page(),
        reference / "exit-codes.md": _HEAD + exit_codes_page(),
        reference / "spec.md": _HEAD + SpecPage(schema).text(),
        reference / "python.md": _HEAD + python_page(),
        SCHEMAS / "editor.schema.json": editor_schema(schema),
        **{DOCS / "man" / name: text for name, text in manual_pages(program).items()},
        README: readme(*(path.read_text(encoding="utf-8") for path in (README, RESULTS, BESIDE_TOOLS))),
    }


def python_page() -> str:
    """Return the reference of what Python programs and plugins import, from its docstrings."""
    parts = ["# Python", "", _PYTHON_FOREWORD]
    for title, module, foreword in (
        ("batchspec", api, "What `import batchspec` has."),
        ("batchspec.plugins", plugins, "What a [plugin](../how-to/write-a-plugin.md) is made of."),
    ):
        parts += ["", f"## {title}", "", foreword]
        for name in sorted(module.__all__, key=lambda name: (inspect.isclass(getattr(module, name)), name)):
            parts += ["", f"### {name}", "", *_told_of(title, name, getattr(module, name))]
    return "\n".join(parts) + "\n"


def _told_of(module: str, name: str, thing: Any) -> Iterator[str]:
    """Yield the lines about one public name."""
    if not inspect.isclass(thing):
        told = f"{module}.{name}{_signature(thing)}" if callable(thing) else f"{module}.{name} = {thing!r}"
        yield _code("python", told)
        if callable(thing):
            yield ""
            yield inspect.getdoc(thing) or ""
        return
    yield inspect.getdoc(thing) or ""
    if issubclass(thing, BatchspecError):
        yield ""
        yield f"`{thing.code}`, exit code {int(thing.exit_code)}."
    fields = getattr(thing, "_fields", ()) or getattr(thing, "__dataclass_fields__", ())
    rows = [(f"`{field}`", f"`{thing.__annotations__[field]}`".replace("|", "\\|")) for field in fields]
    if issubclass(thing, Enum):
        rows = [(f"`{member.name}`", f"`{member.value!r}`") for member in thing]
    if rows:
        yield ""
        yield from _table(("name", "value" if issubclass(thing, Enum) else "type"), rows)
    for member, value in vars(thing).items():
        if member.startswith("_") or member in fields or not (inspect.isfunction(value) or isinstance(value, property)):
            continue
        asked = f": {value.fget.__annotations__['return']}" if isinstance(value, property) else _signature(value)
        yield ""
        yield _code("python", f"{name}.{member}{asked}")
        yield ""
        yield inspect.getdoc(value) or ""


def _signature(function: Any) -> str:
    """Return a function's parameters and what it returns, on a line each where they are many."""
    signature = inspect.signature(function)
    given = [each for name, each in signature.parameters.items() if name != "self"]
    # Annotations are texts, and defaults are not.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(signature.replace(parameters=given)))
    if len(text) > _LONGEST_SIGNATURE:
        inner, _, returned = text[1:].rpartition(")")
        # An annotation may hold commas; between parameters there is a name after them.
        listed = re.split(r", (?=\*|\w+: |\w+=)", inner)
        text = "\n".join(["(", *(f"    {each}," for each in listed), f"){returned}"])
    return text


def editor_schema(schema: Mapping[str, Any]) -> str:
    """Return the schema that editors use, with the body of each endpoint."""

    def read(name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
        return found

    bodies = {path: read(endpoint_at(path).schema) for path in ENDPOINTS}
    made = schema_for_editors(schema, bodies, lambda urn: read(f"{urn.rpartition(':')[2]}.schema.json"))
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def readme(text: str, results: str, beside_tools: str) -> str:
    """Return the README with the figures of the last measurements between its two marks."""
    before, _, rest = text.partition(_SPEED)
    _, _, after = rest.partition(_SPEED_ENDS)
    return "\n".join([before + _SPEED, *speed_in_readme(results, beside_tools), _SPEED_ENDS]) + after


def cli_page() -> str:
    """Return the page of the command line."""
    shared = {option.name: option for option in program.params if _is_listed(option)}
    lines = [
        "# Command line",
        "",
        _code("console", "$ batchspec [OPTIONS] COMMAND [ARGUMENTS]"),
        "",
        _paragraphs(program),
        "",
        _CLI_FOREWORD,
        "",
        "## Commands",
        "",
        *_table(("command", "does"), ((f"[`{name}`](#{name})", _first(each)) for name, each in _commands())),
        "",
        "## Options of every command",
        "",
        "They may also stand before the command's name.",
        "",
        *_options(shared.values()),
    ]
    for name, command in _commands():
        lines += ["", f"## {name}", "", *_command(name, command, set(shared))]
    return "\n".join(lines) + "\n"


def _commands() -> list[tuple[str, click.Command]]:
    return [(name, command) for name, command in program.commands.items() if not command.hidden]


def _command(name: str, command: click.Command, shared: set[str | None]) -> Iterator[str]:
    arguments = [_argument(each) for each in command.params if isinstance(each, click.Argument)]
    if isinstance(command, click.Group):
        arguments.append("COMMAND [ARGUMENTS]")
    yield _code("console", " ".join(["$ batchspec", name, "[OPTIONS]", *arguments]))
    yield ""
    yield _paragraphs(command)
    own = [option for option in command.params if _is_listed(option) and option.name not in shared]
    if own:
        yield ""
        yield from _options(own)
    if isinstance(command, click.Group):
        for inner_name, inner in command.commands.items():
            yield from ("", f"### {name} {inner_name}", "", *_command(f"{name} {inner_name}", inner, shared))


def _is_listed(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and not option.hidden and option.name not in {"help", "version"}


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or argument.name or "").upper().strip("[].")
    shown = f"{name}..." if argument.nargs == -1 else name
    return shown if argument.required else f"[{shown}]"


def _paragraphs(command: click.Command) -> str:
    """Return a command's help, what click is not to wrap as code."""
    blocks = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        if block.startswith("\b"):
            blocks.append(_code("console", *(f"$ {line.strip()}" for line in block.splitlines()[1:])))
        else:
            blocks.append(" ".join(block.split()))
    return "\n\n".join(blocks)


def _first(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _options(options: Any) -> list[str]:
    return _table(("option", "meaning"), ((_names(option), _meaning(option)) for option in options))


def _names(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in sorted([*option.opts, *option.secondary_opts], key=len))
    value = _value(option)
    return f"{names} {value}".strip()


def _value(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        return "`" + "\\|".join(str(choice) for choice in option.type.choices) + "`"
    kind = "N" if isinstance(option.type, click.types.IntParamType) else option.type.name
    return f"`{(option.metavar or kind).upper()}`"


def _meaning(option: click.Option) -> str:
    words = [option.help or ""]
    default = option.default
    # What click keeps for "no default" is neither text nor a number nor a path.
    if not option.is_flag and isinstance(default, str | int | float | PurePath) and "Default:" not in words[0]:
        shown = f"{default:g}" if isinstance(default, float) else PurePath(str(default)).as_posix()
        words.append(f"Default: `{shown}`.")
    if isinstance(option.envvar, str):
        words.append(f"Environment: `{option.envvar}`.")
    return " ".join(filter(None, words))


def exit_codes_page() -> str:
    """Return the page of the exit codes."""
    missing = set(ExitCode) ^ set(_MEANINGS)
    if missing:
        raise SystemExit(f"docs/generate.py has no meaning for {sorted(missing)}")
    lines = [
        "# Exit codes",
        "",
        "They are published and never renumbered.",
        "",
        *_table(("code", "name", "meaning"), ((f"{code:d}", f"`{code.name}`", _MEANINGS[code]) for code in ExitCode)),
        "",
        "## Errors and the code that each ends with",
        "",
        _ERRORS_FOREWORD,
        "",
        *_table(("error", "exit code", "meaning"), sorted(_errors())),
    ]
    return "\n".join(lines) + "\n"


def _errors() -> Iterator[tuple[str, str, str]]:
    classes: list[type[BatchspecError]] = [BatchspecError]
    for kind in classes:
        if kind.__module__ != BatchspecError.__module__:
            continue
        classes.extend(kind.__subclasses__())
        code = {"interrupted": "129, 130 or 143"}.get(kind.code, f"{kind.exit_code:d}")
        meaning = _OWN_CODE.get(kind.code) or (kind.__doc__ or "").split("\n\n")[0]
        yield f"`{kind.code}`", code, " ".join(meaning.split()).replace("`", "").rstrip(".")


def codes_page() -> str:
    """Return the page that explains every code: a table for each group, then each code's own part."""
    known = load_pages().values()
    groups = list(dict.fromkeys(page.group for page in known))
    lines = ["# Errors and findings", "", _CODES_FOREWORD]
    for group in groups:
        rows = (_code_row(page) for page in known if page.group == group)
        lines += ["", f"## {group}", "", *_table(("code", "meaning"), rows)]
    lines += ["", "## Every code"]
    for page in known:
        lines += ["", f"### {page.code}", "", page.meaning, "", page.example, ""]
        lines += [f"**Why:** {page.why}", "", f"**Way out:** {page.way_out}"]
    return "\n".join(lines) + "\n"


def _code_row(page: CodePage) -> tuple[str, str]:
    return f"[`{page.code}`](#{page.code})", page.meaning.replace("|", "\\|")


class SpecPage:
    """The page of a spec's keys."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def text(self) -> str:
        """Return the page."""
        schema = self._schema
        rows = [
            (f"[`{name}`](#{name})", self._type(key), self._default(name, key), self._line(key))
            for name, key in schema["properties"].items()
        ]
        lines = [
            "# Spec",
            "",
            _SPEC_FOREWORD,
            "",
            _code("yaml", "# yaml-language-server: $schema=.batchspec/batchspec.schema.json"),
            "",
            "## Keys",
            "",
            *_table(("key", "type", "default", "meaning"), rows),
            "",
            self._required(),
        ]
        for name, key in schema["properties"].items():
            lines += ["", f"## {name}", "", *self._key(name, key)]
        return "\n".join(lines) + "\n"

    def _required(self) -> str:
        *most, last = (f"`{name}`" for name in self._schema["x-batchspec-expected"])
        one = f"{', '.join(most)} and {last}"
        return (
            f"`batchspec` and `name` are required, and one of {one}. `[defaults]` of [batchspec.toml](project.md) may"
            " give the model, and several other keys, to every spec of a project."
        )

    def _key(self, name: str, key: Mapping[str, Any]) -> Iterator[str]:
        yield self._line(key)
        facts = [f"Type: {self._type(key)}.", self._limits(key)]
        default = self._default(name, key)
        facts.append(f"Default: {default}." if default not in {"", "required"} else "")
        if default == "required":
            facts.append("Required.")
        yield ""
        yield " ".join(filter(None, facts))
        inner = list(self._inner(key, name))
        if inner:
            yield ""
            yield from _table(("key", "type", "default", "meaning"), inner)
        for example in key["examples"]:
            yield ""
            yield _code("yaml", _yaml(name, example))

    def _inner(self, key: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
        """Yield the rows of every key below a key."""
        for name, inner in key.get("properties", {}).items():
            place = f"{path}.{name}"
            meaning = " ".join(filter(None, [self._line(inner), self._limits(inner)]))
            default = "required" if name in key.get("required", ()) else self._default(name, inner)
            yield f"`{place}`", self._type(inner), default, meaning
            yield from self._inner(inner, place)
        values = key.get("additionalProperties")
        if isinstance(values, Mapping):
            yield f"`{path}.*`", self._type(values), "", self._line(values)
        for group in _APPLICATORS:
            for choice in key.get(group, ()):
                if "$ref" not in choice:
                    yield from self._inner(choice, path)

    def _type(self, key: Mapping[str, Any]) -> str:
        if "$ref" in key:
            return "`{file: path}`"
        if "const" in key:
            return f"`{json.dumps(key['const'])}`"
        for group in _APPLICATORS:
            if group in key:
                return ", ".join(dict.fromkeys(self._type(choice) for choice in key[group]))
        names = {"string": "text", "object": "mapping", "array": "list", "integer": "whole number"}
        kind = str(key.get("type", "string" if "enum" in key else "anything"))
        if kind == "array":
            return f"list of {names.get(str(key.get('items', {}).get('type')), 'values')}s"
        return names.get(kind, kind)

    def _default(self, name: str, key: Mapping[str, Any]) -> str:
        if name in self._schema["required"]:
            return "required"
        return f"`{json.dumps(key['default'])}`" if "default" in key else ""

    def _line(self, key: Mapping[str, Any]) -> str:
        return str(key.get("description", "")).replace("|", "\\|")

    def _limits(self, key: Mapping[str, Any]) -> str:
        words = []
        if "enum" in key:
            words.append("One of " + ", ".join(f"`{value}`" for value in key["enum"]) + ".")
        if "pattern" in key:
            words.append(f"It matches `{key['pattern']}`.")
        least, most = key.get("minimum"), key.get("maximum")
        if least is not None and most is not None:
            words.append(f"From {least:,} to {most:,}.")
        elif least is not None:
            words.append(f"At least {least:,}.")
        return " ".join(words)


def _yaml(key: str, value: object) -> str:
    text: str = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    # Where nothing is nested the writer puts braces around the whole.
    text = text.rstrip("\n")
    return text[1:-1] if text.startswith("{") else text


def _code(language: str, *lines: str) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _table(head: tuple[str, ...], rows: Any) -> list[str]:
    listed = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in listed]


def main() -> None:
    """Write every generated page."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
