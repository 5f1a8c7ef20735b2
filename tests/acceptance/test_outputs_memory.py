"""Taking in a job and writing an output take no more memory for many rows than for few, in any form."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import make_project
from measuring import peak

_ROOM = 30_000
"""Kilobytes by which the larger run may differ: buffers, and SQLite's cache."""
COLUMNS = """\
output:
  path: results/demo.jsonl
  columns: {word: "{{ row.word }}", said: "{{ text }}", id: "{{ row.id }}"}
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_memory_does_not_grow_with_rows(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    few = make_project(tmp_path / "few", rows=50_000, extra=COLUMNS)
    many = make_project(tmp_path / "many", rows=1_000_000, extra=COLUMNS)
    command = ("results", "--provider", "emulator", "--out", f"out.{form}")
    assert peak(many, *command) < peak(few, *command) + _ROOM


@pytest.mark.slow
def test_memory_does_not_grow_with_answers_and_their_manifest(tmp_path: Path) -> None:
    few = make_project(tmp_path / "few", rows=5_000, extra="output: results/demo.csv\n")
    many = make_project(tmp_path / "many", rows=100_000, extra="output: results/demo.csv\n")
    for project in (few, many):
        ran = project.run("apply", "--provider", "emulator", "--yes", "--wait", timeout=600)
        assert ran.code == 0, ran.err
    command = ("results", "--provider", "emulator")
    assert peak(many, *command) < peak(few, *command) + _ROOM


@pytest.mark.slow
def test_memory_does_not_grow_with_the_answers_of_a_job(tmp_path: Path) -> None:
    one_job = "limits: {requests_per_job: 1000000}\n"
    few = make_project(tmp_path / "few", rows=30_000, extra=one_job)
    many = make_project(tmp_path / "many", rows=300_000, extra=one_job)
    command = ("apply", "--provider", "emulator", "--yes", "--wait", "--jobs", "1")
    assert peak(many, *command) < peak(few, *command) + _ROOM
