"""Results as a user asks for them: columns, CSV, warnings that lose nothing; a change of them costs nothing."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest
from driving import Project, make_project

COLUMNS = """\
output:
  path: results/demo.csv
  columns:
    word: "{{ row.word }}"
    tokens: "{{ usage.total_tokens }}"
    said: "{{ text }}"
    why: "{{ error.message }}"
"""
APPLY = ("apply", "--provider", "emulator", "--yes", "--wait")


def table(project: Project, path: str = "results/demo.csv") -> list[dict[str, str]]:
    with (project.root / path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", extra=COLUMNS)


def test_columns_come_as_a_csv_table_in_input_order(project: Project) -> None:
    ran = project.run(*APPLY)
    assert (ran.code, ran.err.count("warning")) == (0, 0), ran.err
    rows = table(project)
    assert list(rows[0]) == ["custom_id", "model", "status", "word", "tokens", "said", "why", "error"]
    assert [(row["custom_id"], row["word"], row["status"]) for row in rows] == [
        (f"r{number}", f"word {number}", "succeeded") for number in range(3)
    ]
    assert all(int(row["tokens"]) > 0 and row["said"] and not row["why"] and not row["error"] for row in rows)
    assert stat.S_IMODE((project.root / "results/demo.csv").stat().st_mode) == 0o600


def test_a_change_of_columns_writes_the_file_again_and_sends_nothing(project: Project) -> None:
    assert project.run(*APPLY).code == 0
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("said:", "answer:"), encoding="utf-8")
    again = project.run(*APPLY, "--json")
    assert again.document["sent"] == {"jobs": 0, "requests": 0}
    assert [each["path"] for each in again.document["outputs"]] == ["results/demo.csv"]
    assert "answer" in table(project)[0]
    assert project.run(*APPLY, "--json").document["outputs"] == []


def test_a_column_that_fails_is_null_and_told_and_the_file_is_whole(project: Project) -> None:
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("{{ text }}", "{{ json.queue }}"), encoding="utf-8")
    ran = project.run(*APPLY, "--json")
    assert ran.code == 0
    assert [row["said"] for row in table(project)] == ["", "", ""]
    assert "warning[null-cell]: column `said` is null" in ran.err
    assert "the answer's text holds no JSON" in ran.err
    [output] = ran.document["outputs"]
    [warning] = output["warnings"]
    assert (warning["code"], warning["row"]) == ("null-cell", "rows.csv:2")
    assert "the same in 2 more" in warning["detail"]


def test_a_column_that_does_not_compile_is_found_before_anything_is_sent(project: Project) -> None:
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("{{ text }}", "{{ txt }}"), encoding="utf-8")
    for command in (("validate",), APPLY):
        ran = project.run(*command)
        assert ran.code == 3
        assert "did you mean `text`?" in ran.err
    assert not (project.root / "results").exists()


def test_results_come_in_another_form_where_they_are_asked_for(project: Project) -> None:
    assert project.run(*APPLY).code == 0
    lines = project.run("results", "--provider", "emulator", "--out", "-", "--format", "jsonl")
    rows = [json.loads(line) for line in lines.out.splitlines()]
    assert [list(row) for row in rows] == [
        ["custom_id", "model", "status", "word", "tokens", "said", "why", "error"]
    ] * 3
    assert all(isinstance(row["tokens"], int) and row["why"] is None for row in rows)
    assert project.run("results", "--provider", "emulator", "--out", "named.jsonl").code == 0
    assert project.rows("named.jsonl") == rows
    refused = project.run("results", "--provider", "emulator", "--format", "csv")
    assert refused.code == 3
    assert "--out" in refused.err


def test_rows_without_an_answer_keep_their_place(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", extra=COLUMNS)
    ran = project.run("results", "--provider", "emulator", "--out", "-")
    assert ran.out.splitlines() == [
        "custom_id,model,status,word,tokens,said,why,error",
        *(f"r{number},mistral-small-latest,pending,word {number},,,," for number in range(3)),
    ]
    assert ran.err == ""


def test_csv_without_columns_holds_rows_and_answers_as_json(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", extra="output: results/demo.csv\n")
    assert project.run(*APPLY).code == 0
    rows = table(project)
    assert list(rows[0]) == ["custom_id", "model", "status", "row", "text", "response", "usage", "error"]
    assert json.loads(rows[1]["row"]) == {"id": "r1", "word": "word 1"}
    assert json.loads(rows[1]["response"])["usage"] == json.loads(rows[1]["usage"])
