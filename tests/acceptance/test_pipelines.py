"""Specs that go on from another's results: run to the end, carried as far as it goes, and paid for row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import Project, make_project

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer

ROWS = 5
FIRST = """\
batchspec: 1
name: read-out
model: mistral-small-latest
inputs: rows.csv
custom_id: "{{ row.id }}"
prompt: "Read {{ row.word }}"
body: {max_tokens: 50}
"""
SECOND = """\
batchspec: 1
name: judge
models: [mistral-small-latest, ministral-8b-latest]
inputs: {spec: read-out}
custom_id: "{{ row.id }}"
matrix: {tone: [dry, warm]}
prompt: "{{ matrix.tone }}: {{ row.read_out.text }} of {{ row.word }}"
body: {max_tokens: 50}
"""
THIRD = """\
batchspec: 1
name: sum-up
model: mistral-small-latest
inputs: {spec: judge, as: verdict, where: row.verdict.matrix.tone == 'dry'}
custom_id: "{{ row.id }} {{ row.verdict.model }}"
prompt: "{{ row.verdict.text }} and {{ row.read_out.text }}"
body: {max_tokens: 50}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path, rows=ROWS)
    project.environ["BATCHSPEC_PROVIDER"] = "emulator"
    (project.root / "demo.batchspec.yaml").unlink()
    # In the order of the alphabet the last comes first.
    project.write("a.batchspec.yaml", THIRD)
    project.write("b.batchspec.yaml", SECOND)
    project.write("c.batchspec.yaml", FIRST)
    return project


def apply(project: Project, *options: str) -> Any:
    told = project.run("apply", "--yes", "--json", *options)
    assert told.code == 0, told.err
    return told.document


def plan(project: Project) -> dict[str, Any]:
    return {spec["name"]: spec for spec in project.run("plan", "--json").document["specs"]}


def sends(project: Project) -> dict[str, int]:
    return {name: sum(each["submit"] for each in spec["variants"]) for name, spec in plan(project).items()}


def test_a_chain_runs_to_its_end_with_one_command(project: Project) -> None:
    told = apply(project, "--wait")
    assert told["sent"]["requests"] == ROWS + ROWS * 4 + ROWS * 2
    assert told["status"]["converged"] is True
    rows = project.rows("results/sum-up.jsonl")
    assert len(rows) == ROWS * 2
    assert [row["custom_id"] for row in rows[:3]] == [
        "r0 mistral-small-latest",
        "r0 ministral-8b-latest",
        "r1 mistral-small-latest",
    ]
    assert rows[0]["row"]["read_out"]["text"] == "[emulated mistral-small-latest] Read word 0"
    assert rows[0]["row"]["verdict"]["matrix"] == {"tone": "dry"}
    assert "Read word 0 of word 0 and [emulated mistral-small-latest] Read word 0" in rows[0]["text"]
    assert apply(project, "--wait")["sent"] == {"jobs": 0, "requests": 0}


def test_without_waiting_each_apply_carries_it_as_far_as_it_goes(project: Project) -> None:
    assert plan(project)["judge"]["waiting"] == ROWS
    sent = []
    for _ in range(3):
        sent.append(apply(project)["sent"]["requests"])
        assert project.run("wait").code == 0
    assert sent == [ROWS, ROWS * 4, ROWS * 2]
    assert apply(project)["status"]["converged"] is True


def test_one_edited_row_pays_one_request_for_each_stage_and_variant(project: Project) -> None:
    apply(project, "--wait")
    text = (project.root / "rows.csv").read_text(encoding="utf-8")
    project.write("rows.csv", text.replace("word 3", "another word"))
    assert sends(project) == {"read-out": 1, "judge": 0, "sum-up": 0}
    assert plan(project)["judge"]["waiting"] == 1
    assert {each["removed"] for spec in plan(project).values() for each in spec["variants"]} == {0}
    told = apply(project, "--wait")
    assert told["sent"]["requests"] == 1 + 4 + 2
    assert len(project.rows("results/sum-up.jsonl")) == ROWS * 2


def test_while_a_row_waits_its_result_says_so_and_the_others_are_there(project: Project) -> None:
    apply(project, "--wait")
    text = (project.root / "rows.csv").read_text(encoding="utf-8")
    project.write("rows.csv", text.replace("word 3", "another word"))
    assert project.run("results", "c.batchspec.yaml", "b.batchspec.yaml").code == 0
    told = [(row["custom_id"], row["status"], row["row"]["word"]) for row in project.rows("results/judge.jsonl")]
    expected = [
        (f"r{row}", "pending" if row == 3 else "succeeded", "another word" if row == 3 else f"word {row}")
        for row in range(ROWS)
        for _ in range(4)
    ]
    assert told == expected


def test_a_row_whose_predecessor_failed_is_blocked_and_says_why(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = make_project(tmp_path / "project", rows=2, MISTRAL_BASE_URL=server.url, MISTRAL_API_KEY="any")
        (project.root / "demo.batchspec.yaml").unlink()
        project.write("b.batchspec.yaml", SECOND)
        project.write("c.batchspec.yaml", FIRST)
        server.set_faults(Faults(line_error_rate=1, line_error_status=422))
        told = project.run("apply", "--yes", "--json", "--wait")
        assert told.code == 6, told.err
        assert told.document["sent"]["requests"] == 2
        judge = plan(project)["judge"]
        assert (judge["waiting"], judge["blocked"]) == (0, 2)
        assert project.run("results").code == 0
        row = project.rows("results/judge.jsonl")[0]
        assert (row["custom_id"], row["status"], row["row"]["word"]) == ("r0", "failed", "word 0")
        assert "`read-out` has no answer to go on from" in row["error"]["message"]
        server.set_faults(Faults())
        assert project.run("retry", "c.batchspec.yaml").code == 0
        assert apply(project, "--wait")["sent"]["requests"] == 2 + 2 * 4


def test_a_custom_id_that_several_answers_would_share_is_told_before_they_are_paid_for(project: Project) -> None:
    project.write("a.batchspec.yaml", THIRD.replace(" {{ row.verdict.model }}", ""))
    told = project.run("apply", "--yes", "--wait")
    assert told.code == 3
    assert "repeated-custom-id" in told.err
    assert "another answer to the same row" in told.err
    project.write("a.batchspec.yaml", THIRD)
    assert plan(project)["read-out"]["variants"][0]["submit"] == ROWS


def test_one_spec_alone_goes_on_from_what_is_recorded_of_the_others(project: Project) -> None:
    told = project.run("apply", "--yes", "--json", "--wait", "b.batchspec.yaml")
    assert told.code == 0, told.err
    assert told.document["sent"]["requests"] == 0
    assert told.document["status"]["converged"] is False
    apply(project, "--wait", "c.batchspec.yaml")
    assert apply(project, "--wait", "b.batchspec.yaml")["sent"]["requests"] == ROWS * 4


def test_a_limit_holds_for_the_whole_chain(project: Project) -> None:
    told = project.run("apply", "--yes", "--json", "--wait", "--max-requests", str(ROWS * 5))
    assert told.code == 9, told.err
    assert "--max-requests" in told.document["error"]["summary"]
    again = apply(project, "--wait")
    assert again["sent"]["requests"] == ROWS * 2


def test_render_and_validate_know_a_chain_without_a_key(project: Project) -> None:
    assert project.run("validate").code == 0
    assert len(project.run("render", "--out", "-").out.splitlines()) == ROWS
    apply(project, "--wait")
    assert len(project.run("render", "--out", "-", "b.batchspec.yaml").out.splitlines()) == ROWS * 2


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("c.batchspec.yaml", "inputs: rows.csv", "inputs: {spec: sum-up}", ["spec-cycle", "->"]),
        ("c.batchspec.yaml", "inputs: rows.csv", "inputs: {spec: read-out}", ["spec-cycle", "read-out -> read-out"]),
        ("b.batchspec.yaml", "spec: read-out", "spec: read-in", ["unknown-spec", "did you mean `read-out`", ":4:16"]),
        ("b.batchspec.yaml", "{spec: read-out}", "{spec: read-out, path: a.csv}", ["two-inputs"]),
        ("b.batchspec.yaml", "{spec: read-out}", "{spec: read-out, format: csv}", ["option"]),
        ("c.batchspec.yaml", "rows.csv", "{path: rows.csv, as: x}", ["option", "`as` goes with `spec`"]),
        ("c.batchspec.yaml", "max_tokens: 50", "max_tokens: many", ["max_tokens"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    project: Project, path: str, old: str, new: str, words: list[str]
) -> None:
    text = (project.root / path).read_text(encoding="utf-8")
    project.write(path, text.replace(old, new))
    told = project.run("validate")
    assert told.code == 3
    assert all(word in told.err for word in words), told.err


def test_a_column_that_has_the_answers_name_is_an_error_with_a_way_out(project: Project) -> None:
    apply(project, "--wait", "c.batchspec.yaml")
    project.write("b.batchspec.yaml", SECOND.replace("{spec: read-out}", "{spec: read-out, as: word}"))
    told = project.run("plan", "b.batchspec.yaml")
    assert told.code == 3
    assert "column-taken" in told.err
    assert "b.batchspec.yaml:4:16" in told.err
