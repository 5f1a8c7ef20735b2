"""Modules say what they hold, and modules and functions stay small enough to be read at a sitting."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "batchspec").rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in MODULES]

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
LONGEST_DOCSTRING = 5
SHAPELESS_NAMES = ("util", "utils", "helper", "helpers", "manager", "common", "misc", "base")


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_opens_by_saying_what_it_holds_and_is_no_longer_than_one_idea(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert 1 <= len(lines) <= LONGEST_DOCSTRING, "a module's docstring has one to five lines"
    assert len(text.splitlines()) <= LONGEST_MODULE, "split it by idea"
    assert path.stem not in SHAPELESS_NAMES, "name it for what it holds"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_functions_fit_on_a_screen(path: Path) -> None:
    long = [
        f"{function.name}: {length} lines"
        for function, length in _functions(path.read_text(encoding="utf-8"))
        if length > LONGEST_FUNCTION
    ]
    assert long == []


def _functions(text: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1
