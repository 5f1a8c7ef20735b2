"""Rows of a YAML file that is one list of mappings, read an element at a time by `core.source`."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.core.model import InputRow
from batchspec.core.source import stream_rows
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.row_file import RowFile


def read_yaml(file: RowFile, findings: FileFindings) -> Iterator[InputRow]:
    """Yield each mapping of the list with the line on which it begins."""
    with file.stream() as stream:
        yield from stream_rows(stream, file.path, findings.pass_on)
