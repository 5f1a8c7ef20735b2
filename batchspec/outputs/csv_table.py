"""CSV by RFC 4180, in UTF-8, lines ended by LF: one header, one record a row, formulas made harmless.

Null is an empty cell, an empty text a quoted one. Objects and lists are JSON text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from batchspec.core.json_text import encode
from batchspec.core.records import Cell, JsonText, Record, WritesBytes

# What a spreadsheet takes for a formula, also by the wide forms that some read as the narrow ones; and what begins
# with the mark itself before such a sign, so that taking one mark away gives the text back.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_QUOTED = re.compile(r'[",\r\n]')
_MARK = "'"


class CsvWriter:
    """Writes the header with the first records, or at the end where there are none."""

    def __init__(self, stream: WritesBytes, columns: Sequence[str]) -> None:
        self._stream = stream
        self._header: Sequence[str] | None = columns

    def write(self, records: Iterable[Record]) -> None:
        """Write records, each with a cell for every column."""
        lines = [] if self._header is None else [_line(self._header)]
        self._header = None
        lines += map(_line, records)
        self._stream.write("".join(lines).encode("utf-8"))

    def finish(self) -> None:
        """End the output, which has a header in any case."""
        self.write(())

    def close(self) -> None:
        """Let go of nothing: the stream is its opener's."""


def _line(record: Iterable[Cell]) -> str:
    return ",".join(map(csv_cell, record)) + "\n"


def csv_cell(cell: Cell) -> str:
    """Return a value as it stands in a CSV file; text that a spreadsheet would run gets a `'` before it."""
    if cell is None:
        return ""
    if isinstance(cell, JsonText):
        text = cell.decode("utf-8")
    elif isinstance(cell, str):
        text = cell
        if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
            text = _MARK + text
    else:
        return encode(cell).decode("ascii")
    if not text or _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
