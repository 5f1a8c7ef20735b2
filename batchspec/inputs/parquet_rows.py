"""Rows of Parquet files, batch by batch: memory does not grow with rows. A row's place is its number, from 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batchspec.core.model import InputRow
from batchspec.inputs.arrow_columns import ColumnReader, column_reader
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.plain_values import NoPlainValueError
from batchspec.inputs.row_file import BLOCK_BYTES, MAX_ROW_CHARACTERS, RowFile

_BATCH_ROWS = 2_000

# A Parquet file that is wrong can end in any of these, and a few of Arrow's own are built-in ones too.
_FAULTS = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, KeyError)


def read_parquet(file: RowFile, findings: FileFindings) -> Iterator[InputRow]:
    """Yield the rows in the file's order; nothing is read of a file with a column that no row can have."""
    with file.stream() as stream:
        try:
            yield from _rows(stream, file.path, findings)
        except _FAULTS as error:
            findings.error(
                "parquet",
                "the Parquet file is damaged, cut short, or none",
                detail=str(error).strip().partition("\n")[0][:300] or None,
                hint="write it again",
            )


def _rows(stream: Any, path: str, findings: FileFindings) -> Iterator[InputRow]:
    new, number = tuple.__new__, 0
    with pq.ParquetFile(stream, buffer_size=BLOCK_BYTES, pre_buffer=False) as table:
        readers = _readers(table.schema_arrow, findings)
        if readers is None:
            return
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            columns = _columns(batch, readers, number, findings)
            for offset, cells in enumerate(zip(*columns, strict=True), 1):
                yield new(InputRow, (dict(zip(readers, cells)), path, number + offset, None))  # noqa: B905 - as fast as can be
            number += batch.num_rows


def _columns(batch: Any, readers: dict[str, ColumnReader], before: int, findings: FileFindings) -> list[list[object]]:
    """Return the columns of a batch as values; none where a value is wrong, which is reported with its row."""
    columns = []
    for name, reader in readers.items():
        column = batch.column(name)
        try:
            columns.append(_bounded(column, reader))
        except NoPlainValueError:
            _report_cells(name, column, reader, before, findings)
    return columns if len(columns) == len(readers) else []


def _bounded(column: Any, reader: ColumnReader) -> list[object]:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        longest = pc.max(pc.binary_length(column)).as_py()
        if longest is not None and longest > MAX_ROW_CHARACTERS:
            raise NoPlainValueError(f"text of more than {MAX_ROW_CHARACTERS:,} bytes")
    return reader.read(column)


def _report_cells(name: str, column: Any, reader: ColumnReader, before: int, findings: FileFindings) -> None:
    for index in range(len(column)):
        try:
            _bounded(column.slice(index, 1), reader)
        except NoPlainValueError as error:
            findings.error(
                "value-unsupported",
                f"`{name}` holds {error}",
                line=before + index + 1,
                hint="write null or text in its place; `sql` can choose and convert columns",
            )


def _readers(schema: Any, findings: FileFindings) -> dict[str, ColumnReader] | None:
    """Return how to read each column, or None where one cannot be, which is reported."""
    readers: dict[str, ColumnReader] = {}
    for field in schema:
        name = field.name
        if not name.strip():
            findings.error("empty-column-name", "a column has no name", hint="name it, or write the file without it")
        elif name in readers:
            summary = f"two columns are named `{name}`"
            findings.error("duplicate-column", summary, hint="rename one, or write the file without it")
        try:
            readers[name] = column_reader(field.type)
        except NoPlainValueError as error:
            findings.error(
                "column-unsupported",
                f"the column `{name}` holds {error}, and a row holds what JSON can",
                hint="write the file without it, or as text; `sql` can choose and convert columns",
            )
    return None if findings.has_errors else readers
