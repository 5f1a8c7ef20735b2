"""Finds, in the source, every code that a finding or an error of batchspec can have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")
_TAKE_A_CODE = frozenset(
    {"_add", "_find", "_report", "diagnostic", "error", "finding", "Finding", "report", "RowError", "TemplateError"}
    | {"warning"}
)
# What these name `code` is the API's, not batchspec's.
_OF_THE_API = ("emulator", "mistral")


def codes_in(package: Path) -> dict[str, str]:
    """Return every code, and a module that uses it."""
    found: dict[str, str] = {}
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        codes = set(_of_classes(tree))
        if relative.parts[0] not in _OF_THE_API:
            codes |= set(_of_findings(tree))
        for code in codes:
            found.setdefault(code, relative.as_posix())
    return found


def _of_classes(tree: ast.Module) -> Iterator[str]:
    """Yield the codes of errors, which stand in their classes, and those of an enumeration of kinds."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        is_error = node.name.endswith("Error") or node.name == "Interrupted"
        for statement in node.body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                continue
            if node.name == "ProblemKind" or (is_error and statement.targets[0].id == "code"):
                yield from _texts(statement.value)


def _of_findings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in _TAKE_A_CODE:
                yield from next(filter(None, (list(_texts(argument)) for argument in node.args)), [])
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from _texts(keyword.value)
        elif isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            if isinstance(target, ast.Name) and target.id in {"code", "CODE"}:
                yield from _texts(value)
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                names = [getattr(element, "id", "") for element in target.elts]
                if "code" in names:
                    yield from _texts(value.elts[names.index("code")])


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield a constant that looks like a code, or both of a choice between two."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
        yield node.value


def without_way_out(package: Path, errors: frozenset[str]) -> list[str]:
    """Return every place that makes one of these errors, or a finding, and says neither a hint nor findings."""
    found = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in errors:
                continue
            given = {keyword.arg for keyword in node.keywords}
            if not given & {"hint", "diagnostics", None} and len(node.args) < 2:
                found.append(f"{path.relative_to(package).as_posix()}:{node.lineno}")
    return found
