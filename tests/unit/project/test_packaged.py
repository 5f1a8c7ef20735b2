"""The schemas are found in a wheel and in a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import batchspec

_PROGRAM = "from batchspec.project.packaged import packaged_schema; print(packaged_schema('t.schema.json'))"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder that holds a copy of the package, as an installation does."""
    package = Path(batchspec.__file__).parent
    shutil.copytree(package, tmp_path / "batchspec", ignore=shutil.ignore_patterns("__pycache__", "schemas"))
    return tmp_path


def outcome(site: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        check=False,
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_wheel_has_them_inside_the_package_and_these_win(site: Path) -> None:
    for folder, title in (("batchspec/schemas", "wheel"), ("schemas", "checkout")):
        (site / folder).mkdir()
        (site / folder / "t.schema.json").write_text(f'{{"title": "{title}"}}')
    assert outcome(site) == "{'title': 'wheel'}"


def test_a_checkout_has_them_beside_the_package(site: Path) -> None:
    (site / "schemas").mkdir()
    (site / "schemas" / "t.schema.json").write_text('{"title": "checkout"}')
    assert outcome(site) == "{'title': 'checkout'}"


def test_a_missing_file_is_named(site: Path) -> None:
    assert "BatchspecError: batchspec's own file `schemas/t.schema.json` is missing" in outcome(site)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_file_is_named(site: Path, text: str) -> None:
    (site / "schemas").mkdir()
    (site / "schemas" / "t.schema.json").write_text(text)
    assert "BatchspecError: batchspec's own file `schemas/t.schema.json` is damaged" in outcome(site)
