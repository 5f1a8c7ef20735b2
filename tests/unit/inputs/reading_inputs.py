"""Reads an input file the way a command does, and keeps what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import FileProblemError
from batchspec.core.model import InputFiles, InputRow
from batchspec.inputs import open_rows
from batchspec.inputs.extras import ZSTD, load_extra
from batchspec.project.files import RootedFiles

SPEC_PLACE = ("t.batchspec.yaml", 3, 9)


class Reading(NamedTuple):
    rows: list[InputRow]
    findings: list[Diagnostic]

    @property
    def values(self) -> list[dict[str, object]]:
        return [dict(row.values) for row in self.rows]

    @property
    def lines(self) -> list[int]:
        return [row.line for row in self.rows]

    @property
    def faults(self) -> list[tuple[str, int | None]]:
        """The code and line of every finding, in the order of reporting."""
        return [(found.code, found.location.span.line if found.location.span else None) for found in self.findings]


def nothing_wrong(found: Diagnostic) -> None:
    """Be the sink of a reading in which nothing is wrong."""
    raise AssertionError(found)


def read(
    root: Path, pattern: str, *, format_name: str | None = None, encoding: str = "utf-8", delimiter: str | None = None
) -> Reading:
    inputs = InputFiles(pattern=pattern, place=SPEC_PLACE, format=format_name, encoding=encoding, delimiter=delimiter)
    findings: list[Diagnostic] = []
    rows = list(open_rows(inputs, RootedFiles(root)).rows(findings.append))
    assert all(found.hint for found in findings), "every finding says how to mend it"
    return Reading(rows, findings)


def read_bytes(root: Path, name: str, data: bytes, *, encoding: str = "utf-8", delimiter: str | None = None) -> Reading:
    (root / name).write_bytes(data)
    return read(root, name, encoding=encoding, delimiter=delimiter)


def zstd_packed(data: bytes) -> bytes:
    """Pack data; skips a test where the extra is not installed."""
    try:
        library: Any = load_extra(ZSTD, "this test's file")
    except FileProblemError as error:
        pytest.skip(f"{error.why}: {error.hint}")
    packed: bytes = library.compress(data)
    return packed
