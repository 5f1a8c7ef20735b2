"""The program is told by the content of its files and the versions of what it runs with."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import batchspec
from batchspec.project.program import program_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the program, in whose place the digest is taken."""
    source = Path(batchspec.__file__).parent
    copy = tmp_path / "batchspec"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(source.parent / "schemas", tmp_path / "schemas")
    monkeypatch.setattr(batchspec, "__file__", str(copy / "__init__.py"))
    return copy


def digest() -> str:
    return program_digest.__wrapped__()


def test_it_is_the_same_wherever_and_whenever_it_was_installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    (package / "core" / "model.py").touch()
    assert digest() == before
    shutil.move(package.parent, package.parent.with_name("elsewhere"))
    monkeypatch.setattr(batchspec, "__file__", str(package.parent.with_name("elsewhere") / "batchspec" / "__init__.py"))
    assert digest() == before


@pytest.mark.parametrize("path", ["core/template/sandbox.py", "inputs/csv_rows.py", "../schemas/batchspec.schema.json"])
def test_an_edit_of_any_file_tells(package: Path, path: str) -> None:
    before = digest()
    with (package / path).open("a", encoding="utf-8") as stream:
        stream.write("\n")
    assert digest() != before


def test_a_new_version_tells(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert package.is_dir()
    before = digest()
    monkeypatch.setattr(batchspec, "__version__", "99.0")
    assert digest() != before


def test_another_version_of_a_library_tells(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert package.is_dir()
    before = digest()
    library = tmp_path / "library"
    (library / "jinja2-99.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(library)
    assert str(library) in sys.path
    assert digest() != before
