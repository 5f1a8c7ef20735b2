"""The pictures of a terminal show what the program shows today, fit its width, and load nothing."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from batchspec.report.text import SIGNS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def camera() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures_terminal", DOCS / "pictures_terminal.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_picture_is_fresh_small_and_within_its_columns(camera: ModuleType) -> None:
    taken = dict(camera.pictures())
    assert len(taken) == 4
    for path, text in taken.items():
        assert path.read_text(encoding="utf-8") == text, "run `python docs/pictures_terminal.py`"
        assert len(text) < 5_000
        assert "prefers-color-scheme:dark" in text
        assert re.findall(r"(?:href|src|url|@import)\W", text) == []
        assert max(map(int, re.findall(r'textLength="(\d+)"', text))) <= camera.COLUMNS * 8


def test_every_sign_of_a_plan_is_on_the_page_of_the_terminal() -> None:
    page = (DOCS / "reference/terminal.md").read_text(encoding="utf-8")
    assert [f"{sign} {word}" for _, sign, word, _ in SIGNS if f"`{sign} {word}`" not in page] == []
