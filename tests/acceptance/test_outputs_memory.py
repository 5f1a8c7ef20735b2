"""Writing an output takes no more memory for a million rows than for fifty thousand, in any form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from driving import Project, make_project

_ROOM = 30_000
"""Kilobytes by which the larger run may differ: buffers, and SQLite's cache."""
_SCRIPT = (
    "import resource, subprocess, sys;"
    "code = subprocess.run(sys.argv[1:]).returncode;"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);"
    "sys.exit(code)"
)
COLUMNS = """\
output:
  path: results/demo.jsonl
  columns: {word: "{{ row.word }}", said: "{{ text }}", id: "{{ row.id }}"}
"""


def peak(project: Project, *arguments: str) -> int:
    """Return the most memory that a run had, in kilobytes."""
    told = subprocess.run(
        [sys.executable, "-c", _SCRIPT, sys.executable, "-m", "batchspec", *arguments],
        cwd=project.root,
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(told.stdout.split()[-1])


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
