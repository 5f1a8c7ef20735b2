"""A row per file: which files, in which order, and which are kept out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from reading_inputs import nothing_wrong

from batchspec.core.diagnostics import Diagnostic, Location
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import FileList, InputRow
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles

PLACE = ("specs/t.batchspec.yaml", 3, 9)


def listed(root: Path, pattern: str) -> list[InputRow]:
    return list(open_rows(FileList(pattern=pattern, place=PLACE, spec=PLACE[0]), RootedFiles(root)).rows(nothing_wrong))


def refusal(root: Path, pattern: str) -> Diagnostic:
    with pytest.raises(InvalidInputError) as caught:
        listed(root, pattern)
    (found,) = caught.value.diagnostics
    assert found.location == Location.at(*PLACE)
    assert found.hint
    return found


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_a_row_is_a_files_path_from_the_root_and_from_the_spec_its_name_and_its_size(tmp_path: Path) -> None:
    fill(tmp_path, "docs/a/scan.tar.PDF")
    (row,) = listed(tmp_path, "docs/**/*.PDF")
    assert row == InputRow(
        {
            "path": "docs/a/scan.tar.PDF",
            "file": "../docs/a/scan.tar.PDF",
            "name": "scan.tar.PDF",
            "stem": "scan.tar",
            "suffix": ".PDF",
            "bytes": 19,
        },
        "docs/a/scan.tar.PDF",
        1,
    )


def test_files_come_in_name_order_without_folders_and_hidden_ones(tmp_path: Path) -> None:
    fill(tmp_path, "docs/b", "docs/a/z", "docs/a.x", "docs/.hidden", "docs/.git/config", "docs/.batchspec/state.db")
    assert [row.path for row in listed(tmp_path, "docs/**")] == ["docs/a.x", "docs/a/z", "docs/b"]


def test_a_file_that_is_named_is_one_row(tmp_path: Path) -> None:
    fill(tmp_path, "a[1].pdf")
    assert [row.values["stem"] for row in listed(tmp_path, "a[1].pdf")] == ["a[1]"]


def test_nothing_is_listed_that_is_missing_or_outside_of_the_project(tmp_path: Path) -> None:
    root = tmp_path / "root"
    fill(root, "docs/a.pdf")
    (tmp_path / "secret.pdf").touch()
    (root / "docs/leak.pdf").symlink_to(tmp_path / "secret.pdf")
    assert refusal(root, "docs/*.tiff").code == "no-files"
    assert "leaves" in refusal(root, "docs/*").summary
    assert "private" in refusal(root, ".git/*").summary or refusal(root, ".git/*").code == "no-files"
    assert "a folder" in refusal(root, "docs").summary


def test_a_pipe_among_the_files_is_reported_without_hanging(tmp_path: Path) -> None:
    fill(tmp_path, "b")
    os.mkfifo(tmp_path / "a")
    found: list[Diagnostic] = []
    rows = open_rows(FileList(pattern="*", place=PLACE, spec=PLACE[0]), RootedFiles(tmp_path)).rows(found.append)
    assert [row.path for row in rows] == ["b"]
    assert [(each.code, each.location.path, bool(each.hint)) for each in found] == [("file", "a", True)]
