"""Lint, format and types of the whole project, by the tools' own command lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPED = ("batchspec", "tests", "benchmarks", "docs/generate.py")


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy", *TYPED)],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_the_project_is_clean(command: tuple[str, ...]) -> None:
    told = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
