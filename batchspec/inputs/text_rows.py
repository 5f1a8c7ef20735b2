"""Rows of plain text: one per line, `{"text": line}`. Blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.core.model import InputRow
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.row_file import RowFile
from batchspec.inputs.text_lines import text_lines


def read_text(file: RowFile, findings: FileFindings) -> Iterator[InputRow]:
    """Yield a row per line that holds anything but white space, the line's end removed and nothing else."""
    with file.stream() as stream:
        for number, line in enumerate(text_lines(stream, file.encoding, findings), 1):
            if not line.isspace():
                yield InputRow({"text": line.rstrip("\r\n")}, file.path, number)
