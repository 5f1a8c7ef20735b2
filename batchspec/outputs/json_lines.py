"""JSON Lines: an object a line, its keys in the order of the columns, an answer's own bytes as they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from batchspec.core.json_text import encode, encode_line
from batchspec.core.records import Cell, JsonText, Record, WritesBytes


class JsonLinesWriter:
    """Writes one line a record."""

    def __init__(self, stream: WritesBytes, columns: Sequence[str]) -> None:
        self._stream = stream
        self._columns = tuple(columns)

    def write(self, records: Iterable[Record]) -> None:
        """Write records, each with a cell for every column."""
        self._stream.write(b"".join([self._line(record) for record in records]))

    def _line(self, record: Record) -> bytes:
        try:
            return encode_line(dict(zip(self._columns, record, strict=True)))
        except ValueError:
            # A whole number beyond 64 bits, which a declared column may have, is written cell by cell.
            cells = zip(self._columns, record, strict=True)
            return b"{%b}\n" % b",".join([encode(column) + b":" + _encoded(cell) for column, cell in cells])

    def finish(self) -> None:
        """End the output: nothing follows the last line."""

    def close(self) -> None:
        """Let go of nothing: the stream is its opener's."""


def _encoded(cell: Cell) -> bytes:
    return cell if isinstance(cell, JsonText) else encode(cell)
