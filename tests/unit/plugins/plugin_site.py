"""A folder of installed packages that the import system knows during one test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Site:
    """Where packages are installed, and a project's root beside it."""

    folder: Path
    root: Path

    def install(self, name: str, code: str, *, version: str = "1.0", site: Path | None = None, **points: str) -> None:
        """Install a distribution of one module, with an entry point `name = object` for each kind."""
        folder = site or self.folder
        (folder / f"{name}.py").write_text("from batchspec.plugins import *\n" + code)
        about = folder / f"{name}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: batchspec-{name}\nVersion: {version}\n")
        told = "".join(f"[batchspec.{kind}]\n{point.replace(' = ', f' = {name}:')}\n" for kind, point in points.items())
        (about / "entry_points.txt").write_text(told)


@pytest.fixture
def installed_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder, root = tmp_path / "site", tmp_path / "project"
    folder.mkdir()
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Site(folder, root)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
