"""The lines of the reference that open an output do so, each where its library is installed."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from driving import Project, make_project

PAGE = (Path(__file__).parents[2] / "docs/reference/output.md").read_text(encoding="utf-8")
LINES = re.findall(r"^((?:duckdb|pandas|polars|datasets)\..+)$", PAGE.partition("## Opening it")[2], re.MULTILINE)
COLUMNS = """\
output:
  path: results/triage.{form}
  columns:
    word: "{{{{ row.word }}}}"
    tokens: "{{{{ usage.total_tokens }}}}"
    half: "{{{{ usage.total_tokens / 2 }}}}"
    whole: "{{{{ usage }}}}"
    said: "{{{{ text }}}}"
"""


def listed(opened: Any) -> list[str]:
    """Return the custom_ids of whatever a library has made of a file."""
    if hasattr(opened, "fetchall"):
        return [row[0] for row in opened.fetchall()]
    return list(opened["custom_id"])


def project_of(folder: Path, form: str, *, columns: bool) -> Project:
    extra = COLUMNS.format(form=form) if columns else f"output: results/triage.{form}\n"
    project = make_project(folder, rows=5, extra=extra)
    project.write("rows.csv", 'id,word\nr0,=1+1\nr1,"two\nlines"\nr2,"say ""hi"""\nr3,fünf\nr4,\n')
    return project


def test_every_form_has_a_line_for_every_library() -> None:
    assert len(LINES) == 12


@pytest.mark.parametrize("columns", [True, False], ids=["columns", "whole"])
@pytest.mark.parametrize("line", LINES)
def test_a_line_opens_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, columns: bool) -> None:
    library = line.partition(".")[0]
    pytest.importorskip(library, reason=f"{library} is not installed")
    form = re.findall(r"triage\.(\w+)", line)[0]
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    project = project_of(tmp_path / "project", form, columns=columns)
    ran = project.run("apply", "--provider", "emulator", "--yes", "--wait")
    assert ran.code == 0, ran.err
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("HF_HOME", os.fspath(tmp_path / "cache"))
    # The line is the reference's own.
    opened = eval(line, {library: importlib.import_module(library)})
    assert listed(opened) == ["r0", "r1", "r2", "r3", "r4"]


def test_without_its_library_parquet_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    project = project_of(tmp_path / "project", "parquet", columns=True)
    project.write("without/pyarrow.py", "raise ImportError('not here')\n")
    environment = project.environment()
    project.environ["PYTHONPATH"] = f"{project.root / 'without'}{os.pathsep}{environment['PYTHONPATH']}"
    ran = project.run_anew("apply", "--provider", "emulator", "--yes", "--wait")
    assert ran.code == 3
    assert "pip install 'batchspec[parquet]'" in ran.err
    assert not (project.root / "results").exists()
    assert project.run("status", "--provider", "emulator", "--json").document["jobs"] == []
    assert project.run("validate").code == 0
