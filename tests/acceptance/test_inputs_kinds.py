"""Every kind of input by the real command line: rows come to results, and what is wrong ends in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from driving import Project, chat_spec

TABLE = "id,word,n\na,one,1\nb,two,2\nc,three,3\n"


def project(root: Path, inputs: str, *, prompt: str = "Say {{ row.word }}") -> Project:
    made = Project(root)
    made.write("batchspec.toml", "")
    made.write("data/t.csv", TABLE)
    made.write("specs/demo.batchspec.yaml", chat_spec(inputs=inputs).replace("Say {{ row.word }}", prompt))
    return made


def ids_after_apply(made: Project) -> list[str]:
    told = made.run("apply", "--provider", "emulator", "--yes", "--wait")
    assert told.code == 0, told.err
    again = made.run("plan", "--provider", "emulator", "--detailed-exitcode")
    assert again.code == 0, again.out
    return [row["custom_id"] for row in made.rows("specs/results/demo.jsonl")]


def test_typed_columns_a_condition_and_a_limit_choose_what_is_sent(tmp_path: Path) -> None:
    made = project(tmp_path, "{path: ../data/t.csv, columns: {n: integer}, where: row.n > 1, limit: 1}")
    assert ids_after_apply(made) == ["b"]


def test_a_change_of_the_condition_pays_only_for_the_rows_that_are_new(tmp_path: Path) -> None:
    made = project(tmp_path, "{path: ../data/t.csv, where: row.id == 'a'}")
    assert ids_after_apply(made) == ["a"]
    made.write("specs/demo.batchspec.yaml", chat_spec(inputs="{path: ../data/t.csv, where: row.id < 'c'}"))
    told = made.run("apply", "--provider", "emulator", "--yes", "--wait", "--json")
    assert told.document["sent"]["requests"] == 1


def test_a_condition_reads_variables(tmp_path: Path) -> None:
    made = project(tmp_path, "{path: ../data/t.csv, columns: {n: integer}, where: row.n >= vars.least}")
    made.write("specs/demo.batchspec.yaml", (tmp_path / "specs/demo.batchspec.yaml").read_text() + "vars: {least: 3}\n")
    assert ids_after_apply(made) == ["c"]


def test_files_are_rows_and_a_filter_finds_them_by_the_path_from_the_spec(tmp_path: Path) -> None:
    made = project(tmp_path, '{files: "../docs/**/*.txt"}', prompt="{{ row.file | b64file }}")
    spec = (tmp_path / "specs/demo.batchspec.yaml").read_text().replace("row.id", "row.path")
    made.write("specs/demo.batchspec.yaml", spec)
    made.write("docs/b.txt", "B")
    made.write("docs/a/a.txt", "A")
    assert ids_after_apply(made) == ["docs/a/a.txt", "docs/b.txt"]


def test_every_bad_cell_is_told_with_its_line(tmp_path: Path) -> None:
    made = project(tmp_path, "{path: ../data/t.csv, columns: {word: integer, m: number}}")
    told = made.run("validate", "--json")
    assert told.code == 3
    found = [(each["code"], each["path"], each["line"]) for each in told.document["diagnostics"]]
    assert found == [
        ("column-type", "data/t.csv", 2),
        ("column-type", "data/t.csv", 3),
        ("column-type", "data/t.csv", 4),
        ("unknown-column", "specs/demo.batchspec.yaml", 4),
    ]


def test_parquet_comes_to_the_same_requests_as_csv(tmp_path: Path) -> None:
    pa: Any = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    pq: Any = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    made = project(tmp_path, "../data/t.csv")
    assert ids_after_apply(made) == ["a", "b", "c"]
    pq.write_table(pa.table({"id": ["a", "b"], "word": ["one", "two"]}), tmp_path / "data/t.parquet")
    made.write("specs/demo.batchspec.yaml", chat_spec(inputs="../data/t.parquet"))
    assert made.run("plan", "--provider", "emulator", "--detailed-exitcode").code == 0
    assert ids_after_apply(made) == ["a", "b"]


def test_a_query_comes_to_results_and_its_warning_is_told(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="the extra `duckdb` is not installed")
    sql = "SELECT id, upper(word) AS word FROM '../data/t.csv' WHERE n > 1"
    made = project(tmp_path, json.dumps({"sql": sql + " ORDER BY id DESC"}))
    assert ids_after_apply(made) == ["c", "b"]
    made.write("specs/demo.batchspec.yaml", chat_spec(inputs=json.dumps({"sql": sql})))
    told = made.run("validate")
    assert told.code == 0
    assert "warning[row-order]" in told.err + told.out


def test_no_spec_decides_what_is_read_elsewhere(tmp_path: Path) -> None:
    made = project(tmp_path, "s3://bucket/t.csv")
    told = made.run("validate")
    assert told.code == 3
    assert "`s3://bucket/t.csv` may not be read in this run" in told.err + told.out
    made.environ["BATCHSPEC_REMOTE_INPUTS"] = "gs://bucket/ s3://other/"
    again = made.run("validate")
    assert "may not be read in this run" in again.err + again.out
