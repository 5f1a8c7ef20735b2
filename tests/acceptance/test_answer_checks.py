"""Answers held to a schema: what does not fit is told, kept, or asked for again, and never paid for unasked."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import executions
from driving import Project, make_project

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer

ROWS = 4
SPEC = """\
batchspec: 1
name: demo
model: mistral-small-latest
inputs: rows.csv
custom_id: "{{ row.id }}"
prompt: "Say {{ row.word }}"
body:
  max_tokens: 200
  response_format:
    type: json_schema
    json_schema: {name: said, schema: {file: said.json}}
"""
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "required": ["n"]}
UNFIT = Faults(unfit_answers=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    return project_at(tmp_path / "project", server)


def project_at(root: Path, server: EmulatorServer) -> Project:
    project = make_project(
        root, rows=ROWS, MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5"
    )
    project.write("demo.batchspec.yaml", SPEC)
    project.write("said.json", json.dumps(SCHEMA))
    return project


def apply(project: Project, code: int = 0) -> Any:
    told = project.run("apply", "--yes", "--wait", "--json")
    assert told.code == code, told.err + told.out
    return told.document


def statuses(project: Project) -> Counter[str]:
    return Counter(row["status"] for row in project.rows("results/demo.jsonl"))


def test_answers_that_fit_are_answers(project: Project, server: EmulatorServer) -> None:
    apply(project)
    assert statuses(project) == {"succeeded": ROWS}


def test_one_that_does_not_fit_is_invalid_says_why_and_is_not_sent_again_by_itself(
    project: Project, server: EmulatorServer
) -> None:
    server.set_faults(UNFIT)
    told = apply(project, 6)
    assert told["status"]["specs"][0]["variants"][0]["invalid"] == ROWS
    assert statuses(project) == {"invalid": ROWS}
    row = project.rows("results/demo.jsonl")[0]
    assert row["error"] == {"status_code": 200, "message": "the answer holds no JSON"}
    assert row["text"] == "[emulated] Let me think about that."
    server.set_faults(Faults())
    apply(project, 6)
    assert executions(server) == ROWS


def test_retry_sends_it_again_when_asked(project: Project, server: EmulatorServer) -> None:
    server.set_faults(UNFIT)
    apply(project, 6)
    server.set_faults(Faults())
    told = project.run("retry")
    assert "--include invalid" in told.out
    assert project.run("retry", "--include", "invalid", "--id", "r1", "--json").document["marked"] == {"demo": 1}
    apply(project, 6)
    assert statuses(project) == {"invalid": ROWS - 1, "succeeded": 1}
    assert project.run("retry", "--include", "invalid", "--json").document["marked"] == {"demo": ROWS - 1}
    assert apply(project)["sent"]["requests"] == ROWS - 1
    assert statuses(project) == {"succeeded": ROWS}
    assert apply(project)["sent"]["requests"] == 0
    assert executions(server) == ROWS * 2


def test_on_invalid_retry_asks_again_as_often_as_is_allowed(project: Project, server: EmulatorServer) -> None:
    project.write("demo.batchspec.yaml", SPEC + "response: {on_invalid: retry}\nretry: {max_attempts: 2}\n")
    server.set_faults(UNFIT)
    apply(project, 6)
    told = project.run("plan", "--json").document["specs"][0]["variants"][0]
    assert (told["retry"], told["invalid"]) in {(ROWS, 0), (0, ROWS)}
    for _ in range(3):
        project.run("apply", "--yes", "--wait")
    assert executions(server) == ROWS * 2
    assert statuses(project) == {"invalid": ROWS}


def test_on_invalid_keep_counts_them_and_says_so(project: Project, server: EmulatorServer) -> None:
    project.write("demo.batchspec.yaml", SPEC + "response: {on_invalid: keep}\n")
    server.set_faults(UNFIT)
    told = project.run("apply", "--yes", "--wait")
    assert told.code == 0, told.err
    assert "4 answers kept" in told.out
    assert statuses(project) == {"succeeded": ROWS}


def test_another_schema_judges_anew_and_costs_nothing(project: Project, server: EmulatorServer) -> None:
    apply(project)
    project.write("demo.batchspec.yaml", SPEC + "response: {json_schema: {required: [m]}}\n")
    apply(project, 6)
    message = project.rows("results/demo.jsonl")[0]["error"]["message"]
    assert "`m`" in message
    project.write("demo.batchspec.yaml", SPEC + "response: {json_schema: false}\n")
    apply(project)
    assert executions(server) == ROWS


def test_an_answer_that_was_cut_off_says_so(project: Project, server: EmulatorServer) -> None:
    project.write("demo.batchspec.yaml", SPEC.replace("max_tokens: 200", "max_tokens: 1"))
    told = project.run("apply", "--yes", "--wait")
    assert told.code == 6
    assert "cut off (finish_reason `length`)" in told.out
    assert project.rows("results/demo.jsonl")[0]["error"]["message"].startswith("cut off, since `max_tokens`")
    manifest = json.loads((project.root / "results/demo.manifest.json").read_text(encoding="utf-8"))
    assert manifest["output"]["finish_reasons"] == {"length": ROWS}


def test_asking_again_in_vain_leaves_the_earlier_answer(project: Project, server: EmulatorServer) -> None:
    server.set_faults(UNFIT)
    apply(project, 6)
    assert project.run("retry", "--include", "invalid").code == 0
    server.set_faults(Faults(line_error_rate=1, line_error_status=400))
    apply(project, 6)
    assert statuses(project) == {"invalid": ROWS}
    assert project.run("state", "check").code == 0
    assert {row["text"] for row in project.rows("results/demo.jsonl")} == {"[emulated] Let me think about that."}


@pytest.mark.parametrize("rebuilt", [True, False], ids=["rebuilt", "adopted"])
def test_a_lost_state_finds_the_answer_that_came_last(
    project: Project, server: EmulatorServer, tmp_path: Path, rebuilt: bool
) -> None:
    server.set_faults(UNFIT)
    apply(project, 6)
    server.set_faults(Faults())
    assert project.run("retry", "--include", "invalid").code == 0
    apply(project)
    before = (project.root / "results/demo.jsonl").read_bytes()
    shutil.rmtree(project.root / ".batchspec")
    if rebuilt:
        assert project.run("state", "rebuild", "--yes").code == 0
    apply(project)
    assert (project.root / "results/demo.jsonl").read_bytes() == before
    assert executions(server) == ROWS * 2


def test_another_machine_takes_the_new_answer_and_does_not_ask_again(
    project: Project, server: EmulatorServer, tmp_path: Path
) -> None:
    other = project_at(tmp_path / "other", server)
    server.set_faults(UNFIT)
    apply(project, 6)
    apply(other, 6)
    assert statuses(other) == {"invalid": ROWS}
    server.set_faults(Faults())
    assert project.run("retry", "--include", "invalid").code == 0
    assert other.run("retry", "--include", "invalid").code == 0
    apply(project)
    apply(other)
    assert statuses(other) == {"succeeded": ROWS}
    assert executions(server) == ROWS * 2


def test_a_later_spec_waits_for_an_answer_that_fits(project: Project, server: EmulatorServer) -> None:
    project.write(
        "next.batchspec.yaml",
        "batchspec: 1\nname: next\nmodel: m\ninputs: {spec: demo}\nprompt: 'Say {{ row.demo.json.n }}'\n",
    )
    server.set_faults(UNFIT)
    apply(project, 6)
    told = {spec["name"]: spec for spec in project.run("plan", "--json").document["specs"]}
    assert (told["next"]["waiting"], told["next"]["blocked"]) == (0, ROWS)
    server.set_faults(Faults())
    assert project.run("retry", "--include", "invalid").code == 0
    apply(project)
    assert len(project.rows("results/next.jsonl")) == ROWS


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("response: {json_schema: {type: objekt}}\n", ["objekt", ":12:"]),
        ("response: {on_invalid: again}\n", ["again", "retry"]),
        ("response: {json_schema: {const: '{{ row.word }}'}}\n", ["response-schema", "template"]),
        ("response: {schema: {}}\n", ["unknown-key"]),
        ("response: {json_schema: {file: none.json}}\n", ["none.json"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(project: Project, extra: str, words: list[str]) -> None:
    project.write("demo.batchspec.yaml", SPEC + extra)
    told = project.run("validate")
    assert told.code == 3
    assert all(word in told.err for word in words), told.err
