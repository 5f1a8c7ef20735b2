"""Consecutive rows of an input, by the row or by the column: whoever goes through a million should take columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol, cast, runtime_checkable

from batchspec.core.diagnostics import DiagnosticSink
from batchspec.core.json_text import encode, encode_read
from batchspec.core.model import InputRow
from batchspec.core.ports import RowSource

# Skips the function that a NamedTuple has for its keywords, which a million rows would feel.
_new_row = tuple.__new__


class RowBlock(Protocol):
    """Some consecutive rows. A row is an object only where somebody asks for it."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[InputRow]: ...

    def part(self, start: int, end: int) -> RowBlock:
        """Return the block of the rows from `start` to before `end`."""
        ...

    def values(self) -> Iterator[Mapping[str, object]]:
        """Yield what each row has in its columns."""
        ...

    def column(self, name: str) -> Sequence[object] | None:
        """Return what the rows have in a column; None where one has no such column."""
        ...

    def places(self) -> Iterator[tuple[str, int]]:
        """Yield the path and the line of each row."""
        ...

    def told(self) -> bytes:
        """Return bytes that are the same for the same rows of the same kind of input, and for no others."""
        ...


class ListedRows:
    """Rows that are objects already. Fills `RowBlock`."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[InputRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[InputRow]:
        return iter(self._rows)

    def part(self, start: int, end: int) -> RowBlock:
        """Return the block of the rows from `start` to before `end`."""
        return ListedRows(self._rows[start:end])

    def values(self) -> Iterator[Mapping[str, object]]:
        """Yield what each row has in its columns."""
        return (row.values for row in self._rows)

    def column(self, name: str) -> Sequence[object] | None:
        """Return what the rows have in a column; None where one has no such column."""
        try:
            return [row.values[name] for row in self._rows]
        except KeyError:
            return None

    def places(self) -> Iterator[tuple[str, int]]:
        """Yield the path and the line of each row."""
        return ((row.path, row.line) for row in self._rows)

    def told(self) -> bytes:
        """Return the values as JSON."""
        return encode([row.values for row in self._rows])


class TableRows:
    """Rows of one table: the names of its columns, and for each row its cells and its line. Fills `RowBlock`."""

    __slots__ = ("_cells", "_columns", "_lines", "_names", "_path")

    def __init__(self, path: str, names: Sequence[str], cells: Sequence[Sequence[str]], lines: Sequence[int]) -> None:
        self._path = path
        self._names = names
        self._cells = cells
        self._lines = lines
        self._columns: Mapping[str, Sequence[str]] | None = None

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[InputRow]:
        path = self._path
        for values, line in zip(self.values(), self._lines, strict=True):
            yield _new_row(InputRow, (values, path, line, None))

    def part(self, start: int, end: int) -> RowBlock:
        """Return the block of the rows from `start` to before `end`."""
        return TableRows(self._path, self._names, self._cells[start:end], self._lines[start:end])

    def values(self) -> Iterator[Mapping[str, object]]:
        """Yield what each row has in its columns."""
        names = self._names
        return (dict(zip(names, cells)) for cells in self._cells)  # noqa: B905 - as many as names, and slower

    def column(self, name: str) -> Sequence[object] | None:
        """Return what the rows have in a column; None where there is no such column."""
        if self._columns is None:
            self._columns = dict(zip(self._names, zip(*self._cells, strict=True), strict=bool(self._cells)))
        return self._columns.get(name)

    def places(self) -> Iterator[tuple[str, int]]:
        """Yield the path and the line of each row."""
        path = self._path
        return ((path, line) for line in self._lines)

    def told(self) -> bytes:
        """Return the names and the cells as JSON."""
        return encode_read([self._names, self._cells])


class _JoinedRows:
    """Blocks one after the other. Fills `RowBlock`."""

    __slots__ = ("_blocks",)

    def __init__(self, blocks: Sequence[RowBlock]) -> None:
        self._blocks = blocks

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def __iter__(self) -> Iterator[InputRow]:
        for block in self._blocks:
            yield from block

    def part(self, start: int, end: int) -> RowBlock:
        """Return the block of the rows from `start` to before `end`."""
        return ListedRows(list(islice(self, start, end)))

    def values(self) -> Iterator[Mapping[str, object]]:
        """Yield what each row has in its columns."""
        for block in self._blocks:
            yield from block.values()

    def column(self, name: str) -> Sequence[object] | None:
        """Return what the rows have in a column; None where one has no such column."""
        joined: list[object] = []
        for block in self._blocks:
            column = block.column(name)
            if column is None:
                return None
            joined += column
        return joined

    def places(self) -> Iterator[tuple[str, int]]:
        """Yield the path and the line of each row."""
        for block in self._blocks:
            yield from block.places()

    def told(self) -> bytes:
        """Return what each block tells, after its length."""
        told = [block.told() for block in self._blocks]
        return b"".join([b"%d\n%b" % (len(each), each) for each in told])


@runtime_checkable
class BlockSource(Protocol):
    """A source that is read faster by the block."""

    def blocks(self, size: int, sink: DiagnosticSink) -> Iterator[RowBlock]:
        """Yield all rows in blocks of at most `size`; what is wrong goes to `sink`, and reading goes on."""
        ...


def blocks_of(source: RowSource, size: int, sink: DiagnosticSink) -> Iterator[RowBlock]:
    """Yield a source's rows in blocks of `size`; the last one is shorter, and may be empty."""
    if isinstance(source, BlockSource):
        return _cut(source.blocks(size, sink), size)
    return listed(source.rows(sink), size)


def listed(rows: Iterable[InputRow], size: int) -> Iterator[RowBlock]:
    """Yield rows in blocks of `size`; the last one is shorter, and may be empty."""
    iterator = iter(rows)
    while len(chunk := list(islice(iterator, size))) == size:
        yield ListedRows(chunk)
    yield ListedRows(chunk)


def _cut(blocks: Iterable[RowBlock], size: int) -> Iterator[RowBlock]:
    held: list[RowBlock] = []
    missing = size
    for block in blocks:
        start = 0
        while len(block) - start >= missing:
            end = start + missing
            held.append(block if missing == len(block) else block.part(start, end))
            yield _joined(held)
            held, missing, start = [], size, end
        if start < len(block):
            held.append(block.part(start, len(block)) if start else block)
            missing -= len(block) - start
    yield _joined(held)


def _joined(blocks: Sequence[RowBlock]) -> RowBlock:
    if not blocks:
        return ListedRows(())
    return blocks[0] if len(blocks) == 1 else _JoinedRows(blocks)


def as_texts(column: Sequence[object] | None) -> Sequence[str] | None:
    """Return a column that is text from its first row to its last; None for any other."""
    return cast(Sequence[str], column) if column is not None and set(map(type, column)) <= {str} else None
