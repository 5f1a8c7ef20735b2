"""JSON Lines: an object a line, its keys in the order of the columns, an answer's own bytes as they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from batchspec.core.json_text import encode, encode_string
from batchspec.core.records import JsonText, Record, WritesBytes


class JsonLinesWriter:
    """Writes one line a record."""

    def __init__(self, stream: WritesBytes, columns: Sequence[str]) -> None:
        self._stream = stream
        self._heads = [(b"," if position else b"{") + encode(column) + b":" for position, column in enumerate(columns)]

    def write(self, records: Iterable[Record]) -> None:
        """Write records, each with a cell for every column."""
        pieces: list[bytes] = []
        for record in records:
            for head, cell in zip(self._heads, record, strict=True):
                if type(cell) is JsonText:
                    pieces += head, cell
                elif type(cell) is str:
                    pieces += head, encode_string(cell)
                elif cell is None:
                    pieces += head, b"null"
                else:
                    pieces += head, encode(cell)
            pieces.append(b"}\n")
        self._stream.write(b"".join(pieces))

    def finish(self) -> None:
        """End the output: nothing follows the last line."""

    def close(self) -> None:
        """Let go of nothing: the stream is its opener's."""
