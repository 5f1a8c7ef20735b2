"""Variables: declared by specs, given for a run, and never silently of another type or name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from driving import Project, make_project

SPEC = """\
batchspec: 1
name: demo
model: mistral-small-latest
vars: {greeting: Say, tokens: 20, stops: [a], seed: null, notes: {file: notes.json}, tone: {file: tone.txt}}
inputs: rows.csv
custom_id: "{{ row.id }}"
prompt: "{{ vars.greeting }} {{ row.word }}, {{ vars.tone }}: {{ vars.notes.first }}"
body: {max_tokens: "{{ vars.tokens }}", stop: "{{ vars.stops }}"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path, rows=1)
    project.write("demo.batchspec.yaml", SPEC)
    project.write("notes.json", '{"first": "be short"}')
    project.write("tone.txt", "politely\n")
    return project


def body(project: Project, *options: str) -> dict[str, object]:
    told = project.run("render", "--out", "-", *options)
    assert told.code == 0, told.err
    value: dict[str, object] = json.loads(told.out)["body"]
    return value


def prompt(project: Project, *options: str) -> object:
    messages: object = body(project, *options)["messages"]
    assert isinstance(messages, list)
    return messages[0]["content"]


def test_what_is_declared_is_read_with_its_type_and_its_files(project: Project) -> None:
    assert prompt(project) == "Say word 0, politely: be short"
    assert body(project)["max_tokens"] == 20
    assert body(project)["stop"] == ["a"]


def test_the_later_wins_of_environment_files_and_options(project: Project) -> None:
    project.environ["BATCHSPEC_VAR_greeting"] = "Whisper"
    assert prompt(project).startswith("Whisper ")  # type: ignore[attr-defined]
    project.write("vars.yaml", "greeting: Sing\ntokens: 7\n")
    assert prompt(project, "--var-file", "vars.yaml").startswith("Sing ")  # type: ignore[attr-defined]
    assert body(project, "--var-file", "vars.yaml")["max_tokens"] == 7
    both = ("--var-file", "vars.yaml", "--var", "greeting=Cry", "--var", "greeting=Shout = out")
    assert prompt(project, *both).startswith("Shout = out ")  # type: ignore[attr-defined]


def test_text_is_read_by_the_type_that_is_declared(project: Project) -> None:
    assert body(project, "--var", "tokens=3", "--var", 'stops=["x", "y"]')["stop"] == ["x", "y"]
    assert prompt(project, "--var", "greeting=12").startswith("12 ")  # type: ignore[attr-defined]
    for pair in ("tokens=many", "tokens=[1]", "stops=x", "notes=1"):
        told = project.run("validate", "--var", pair)
        assert told.code == 3
        assert "error[variable-type]" in told.err
        assert pair.partition("=")[0] in told.err
    assert project.run("validate", "--var", "seed=anything").code == 0


def test_a_name_that_no_spec_declares_is_an_error_unless_the_environment_gives_it(project: Project) -> None:
    told = project.run("validate", "--var", "greting=x")
    assert told.code == 3
    assert "error[undeclared-variable]" in told.err
    assert "did you mean `greeting`?" in told.err
    project.write("vars.yaml", "other: 1\n")
    assert project.run("validate", "--var-file", "vars.yaml").code == 3
    project.environ["BATCHSPEC_VAR_other"] = "x"
    assert project.run("validate").code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--var", "greeting"), "--var wants NAME=VALUE"),
        (("--var-file", "missing.yaml"), "cannot be read"),
        (("--var-file", "rows.csv"), "holds no mapping"),
        (("--var-file", "odd.bin"), "is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told(project: Project, options: tuple[str, ...], words: str) -> None:
    (project.root / "odd.bin").write_bytes(b"\xff\xfe")
    told = project.run("validate", *options)
    assert told.code == 3
    assert words in told.err


def test_a_changed_variable_costs_what_it_changes_and_no_more(project: Project) -> None:
    project.environ["BATCHSPEC_PROVIDER"] = "emulator"
    assert project.run("apply", "--yes", "--wait").code == 0
    assert project.run("plan", "--json", "--var", "seed=5").document["summary"]["submit"] == 0
    assert project.run("plan", "--json", "--var", "tokens=5").document["summary"]["submit"] == 1
    assert project.run("plan", "--json", "--var", "tokens=20").document["summary"]["submit"] == 0
