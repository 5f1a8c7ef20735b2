"""Parquet: columns of the types that their cells turn out to have, written in row groups of bounded size.

A column's type is known when its last cell is, so that rows first go to a temporary file. Objects and lists are JSON
text. It needs pyarrow, and is imported only where Parquet is asked for.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batchspec.core.json_text import encode, parse
from batchspec.core.records import Cell, JsonText, Record, WritesBytes

_GROUP_BYTES = 8 * 1024 * 1024
_GROUP_ROWS = 20_000
_BUFFER = 1024 * 1024
# Beyond this a double does not hold every whole number.
_EXACT = 2**53
_BOOLEAN, _WHOLE, _LONG, _FLOAT, _TEXT = 1, 2, 4, 8, 16
_KINDS = {type(None): 0, bool: _BOOLEAN, float: _FLOAT, str: _TEXT, JsonText: _TEXT}


class ParquetWriter:
    """Writes a table at its end; until then it keeps rows in a temporary file, and what their cells are."""

    def __init__(self, stream: WritesBytes, columns: Sequence[str]) -> None:
        self._stream = stream
        self._columns = tuple(columns)
        self._kinds = [0] * len(self._columns)
        self._rows = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115 - closed by `close`

    def write(self, records: Iterable[Record]) -> None:
        """Write records, each with a cell for every column."""
        for record in records:
            kinds = map(_kind, record)
            self._kinds = [seen | kind for seen, kind in zip(self._kinds, kinds, strict=True)]
            plain = [cell.decode("utf-8") if type(cell) is JsonText else cell for cell in record]
            self._rows.write(encode(plain) + b"\n")

    def finish(self) -> None:
        """Write the table."""
        types = [_type(kinds) for kinds in self._kinds]
        schema = pa.schema(list(zip(self._columns, types, strict=True)))
        self._rows.seek(0)
        with pq.ParquetWriter(pa.PythonFile(_Sink(self._stream), mode="w"), schema, compression="zstd") as table:
            for group in self._groups():
                arrays = [
                    pa.array(map(_text, cells) if kind == pa.string() else cells, kind)
                    for cells, kind in zip(zip(*group, strict=True), types, strict=True)
                ]
                table.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))

    def close(self) -> None:
        """Let go of the temporary file."""
        self._rows.close()

    def _groups(self) -> Iterator[list[list[Cell]]]:
        group: list[list[Cell]] = []
        size = 0
        for line in self._rows:
            cells: Any = parse(line)
            group.append(cells)
            size += len(line)
            if size >= _GROUP_BYTES or len(group) >= _GROUP_ROWS:
                yield group
                group, size = [], 0
        if group:
            yield group


class _Sink(io.RawIOBase):
    """The stream as pyarrow wants a file to be."""

    def __init__(self, stream: WritesBytes) -> None:
        super().__init__()
        self._stream = stream
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        block = bytes(data)
        self._stream.write(block)
        self._at += len(block)
        return len(block)


def _kind(cell: Cell) -> int:
    """Return what a cell is, as a bit; none for null."""
    kind = _KINDS.get(type(cell))
    if kind is not None or not isinstance(cell, int):
        return _TEXT if kind is None else kind
    return _WHOLE if abs(cell) <= _EXACT else _LONG if -(2**63) <= cell < 2**63 else _TEXT


def _type(kinds: int) -> pa.DataType:
    """Return the narrowest type that holds every cell exactly; where there is none, text."""
    if kinds == _BOOLEAN:
        return pa.bool_()
    if kinds and not kinds & ~(_WHOLE | _LONG):
        return pa.int64()
    if kinds and not kinds & ~(_WHOLE | _FLOAT):
        return pa.float64()
    return pa.string()


def _text(cell: Cell) -> str | None:
    return cell if cell is None or isinstance(cell, str) else encode(cell).decode("utf-8")
