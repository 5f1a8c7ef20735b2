"""Rows of JSON Lines: one object per line, lines ended by LF alone (a CR before it is white space to JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from batchspec.core.model import InputRow
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.json_row import RowError, parse_row
from batchspec.inputs.row_file import BLOCK_BYTES, MAX_ROW_CHARACTERS, RowFile

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_jsonl(file: RowFile, findings: FileFindings) -> Iterator[InputRow]:
    """Yield a row per line; blank lines are skipped, and a line that is no row is an error with its column."""
    path, new = file.path, tuple.__new__
    with file.stream() as stream:
        read_line = partial(stream.readline, MAX_ROW_CHARACTERS + 1)
        for number, line in enumerate(iter(read_line, b""), 1):
            data = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            if len(line) > MAX_ROW_CHARACTERS:
                _report_too_long(findings, number)
                while not line.endswith(b"\n") and (line := stream.readline(BLOCK_BYTES)):
                    pass
                continue
            try:
                yield new(InputRow, (parse_row(data), path, number, None))
            except RowError as error:
                if not data.isspace() and data:
                    _report(findings, error, number, data)


def _report(findings: FileFindings, error: RowError, number: int, data: bytes) -> None:
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    column = 1 if error.offset is None else min(error.offset, len(text)) + 1
    findings.error(error.code, error.summary, line=number, column=column, hint=error.hint, source_line=text)


def _report_too_long(findings: FileFindings, number: int) -> None:
    findings.error(
        "line-too-long",
        f"a line of more than {MAX_ROW_CHARACTERS:,} bytes",
        line=number,
        hint="each row must be on a line of its own",
    )
