"""Every key of the language and every command and option is there, on its page, in an example and in a test.

What was promised stands here as lists of its own, so that nothing is dropped by leaving it out of the program.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from batchspec.cli.app import main as program
from batchspec.core.columns import NAMES
from batchspec.core.source import load_source

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas/batchspec.schema.json").read_text(encoding="utf-8"))
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]
CLI_PAGE = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")

KEYS_OF: Mapping[str, str] = {
    "": "batchspec name description endpoint model models agent_id inputs custom_id prompt body vars matrix replicates"
    " revision metadata timeout_hours retry limits response output tags environments extends submit",
    "inputs.": "path files sql spec as format encoding delimiter where limit columns",
    "prompt.": "system user assistant",
    "matrix.": "exclude",
    "retry.": "max_attempts",
    "limits.": "max_requests max_cost_usd requests_per_job bytes_per_file",
    "response.": "json_schema on_invalid",
    "output.": "path columns",
}
LANGUAGE = [before + name for before, names in KEYS_OF.items() for name in names.split()]

COMMANDS: Mapping[str, str] = {
    "init": "",
    "validate": "--format --select --exclude",
    "render": "--out --limit --changed --id --select --exclude",
    "plan": "--json --markdown --out --detailed-exitcode --explain --no-refresh --exact-tokens --prices --select",
    "apply": "--yes -y --wait --json --max-requests --max-cost-usd --exact-tokens --prices --select --exclude",
    "status": "--json --markdown --watch --select --exclude",
    "wait": "--timeout --select --exclude",
    "results": "--out --format --failed --select --exclude",
    "show": "",
    "retry": "--include --id --select --exclude",
    "cancel": "--select --exclude",
    "gc": "--remote --older-than",
    "lock": "--upgrade",
    "state list": "",
    "state show": "",
    "state adopt": "",
    "state forget": "",
    "state rebuild": "",
    "emulator": "--port --data --upstream",
    "explain": "--json",
    "completion": "",
    "man": "--out",
    "schema": "",
    "doctor": "",
}
EVERYWHERE = ["--project", "--state", "--provider", "--var", "--var-file", "--env", "--quiet", "--verbose", "--debug"]

STILL_MISSING: frozenset[str] = frozenset()
"""Keys, commands and options that are promised and are not there. It is to shrink to nothing, and to stay so."""


def keys_of(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the keys that have a name of their own, with the keys that they stand in."""
    for name, inner in schema.get("properties", {}).items():
        yield path + name
        yield from keys_of(inner, f"{path}{name}.")
    for group in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(group, ()):
            yield from keys_of(inner, path)


KEYS = sorted(set(keys_of(SCHEMA)))


def names_in(value: object, path: str = "") -> Iterator[str]:
    """Yield the path of every key of a spec; those in an environment are those of a spec."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path + name
            if path + name == "environments":
                for environment in inner.values():
                    yield from names_in(environment)
            else:
                yield from names_in(inner, f"{path}{name}.")


@cache
def shown() -> frozenset[str]:
    """Return the keys that examples and guides show in use."""
    specs = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*.yaml")]
    for guide in GUIDES:
        specs += re.findall(r"^```yaml\n(.*?)^```$", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return frozenset(name for text in specs for name in names_in(load_source(text, "a page").value))


@cache
def all_tests() -> str:
    here = Path(__file__)
    files = (path for path in (ROOT / "tests").rglob("*.py") if path != here)
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def commands(group: click.Group = program, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is called by itself."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        elif not command.hidden:
            yield before + name, command


BY_NAME = dict(commands())
OPTIONS = sorted(
    {
        option
        for command in (program, *BY_NAME.values())
        for each in command.params
        if isinstance(each, click.Option) and not each.hidden
        for option in (*each.opts, *each.secondary_opts)
        if option.startswith("--")
    }
)


def options_of(name: str) -> set[str]:
    return {option for each in BY_NAME[name].params for option in (*each.opts, *each.secondary_opts)}


def test_every_key_that_was_promised_is_in_the_schema() -> None:
    assert [name for name in LANGUAGE if name not in KEYS] == sorted(STILL_MISSING & set(LANGUAGE))
    assert [name for name in KEYS if name not in LANGUAGE] == [], "give a new key a place in LANGUAGE"
    assert any(re.match(pattern, "x-anything") for pattern in SCHEMA["patternProperties"])


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_in_an_example_or_a_guide(name: str) -> None:
    assert name in shown(), f"show `{name}` in use, in examples/ or docs/how-to/"


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_in_a_test_and_in_the_reference(name: str) -> None:
    last = name.rpartition(".")[2]
    assert re.search(rf"\b{last}[\"']?: ", all_tests()), f"test what `{name}` does"
    page = (ROOT / "docs/reference/spec.md").read_text(encoding="utf-8")
    assert f"\n## {name}\n" in page or f"| `{name}` |" in page or f"| [`{name}`](" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_was_promised_has_its_options(name: str) -> None:
    missing = set(COMMANDS[name].split()) - options_of(name) if name in BY_NAME else {""}
    assert {f"{name} {option}".strip() for option in missing} <= STILL_MISSING


def test_what_every_command_is_to_take_they_take() -> None:
    listed = {option for each in program.params for option in each.opts}
    assert [option for option in (*EVERYWHERE, "--version") if option not in listed] == []


@pytest.mark.parametrize("name", BY_NAME)
def test_a_command_has_a_section_with_an_example(name: str) -> None:
    sections = re.split(r"^#{2,3} ", CLI_PAGE, flags=re.MULTILINE)
    (section,) = [each for each in sections if each.startswith(f"{name}\n")]
    examples = [line for line in section.splitlines() if f"batchspec {name}" in line and "[OPTIONS]" not in line]
    assert examples, f"give `batchspec {name}` an example in its help"


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_in_a_test(option: str) -> None:
    assert re.search(rf"{option}(?![\w-])", all_tests()), f"test what `{option}` does"


def test_no_two_examples_are_one_project() -> None:
    files = sorted((ROOT / "examples").glob("*/batchspec.toml"))
    ids = [re.findall(r'^id = "(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE) for path in files]
    named = [each for found in ids for each in found]
    assert len(set(named)) == len(named) == len(files)


def test_columns_name_all_that_their_templates_read() -> None:
    (said,) = [
        inner["properties"]["columns"] for inner in SCHEMA["properties"]["output"]["anyOf"] if "properties" in inner
    ]
    assert [name for name in NAMES if f"`{name}`" not in said["description"]] == []
