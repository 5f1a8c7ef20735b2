"""Bad specs as people meet them, and what they are told; updated by `pytest --update-golden`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.endpoints import endpoint_at
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import ENDPOINTS
from batchspec.core.schema import SchemaChecker, document_diagnostics
from batchspec.core.source import load_source
from batchspec.project.packaged import packaged_schema
from batchspec.report.diagnostics import render_diagnostics

GOLDEN = Path(__file__).parent / "golden"
BODY_SCHEMAS = {endpoint_at(path).schema.removesuffix(".schema.json") for path in ENDPOINTS}
SPECS = sorted(GOLDEN.glob("*.yaml"))


def checker(name: str) -> SchemaChecker:
    return SchemaChecker(packaged_schema(f"{name}.schema.json"))


def body_schema(path: Path) -> str:
    """Return the schema that a body is named after (`body-ocr`), and chat's for the others."""
    name = path.stem.removeprefix("body-")
    return name if name in BODY_SCHEMAS else "chat-completions"


def findings(path: Path) -> list[Diagnostic]:
    body = path.name.startswith("body-")
    try:
        document = load_source(path.read_bytes().decode("utf-8"), path.name)
    except InvalidInputError as error:
        return list(error.diagnostics)
    schema = checker(body_schema(path) if body else "batchspec")
    return document_diagnostics(document, schema, as_warnings={"unknown-key"} if body else ())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_what_a_bad_spec_is_told(path: Path, golden: Callable[[Path, str], None]) -> None:
    golden(path.with_suffix(".txt"), render_diagnostics(findings(path), colour=False))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_finding_has_its_place_and_its_line(path: Path) -> None:
    lines = path.read_bytes().decode("utf-8").split("\n")
    found = findings(path)
    assert found
    for each in found:
        assert each.location.path == path.name
        assert each.location.span is not None
        assert 1 <= each.location.span.line <= len(lines)
        assert each.source_line == lines[each.location.span.line - 1]


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {path.stem for path in SPECS}
