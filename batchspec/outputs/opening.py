"""Finds the writer of a format. It knows the formats' names, and nothing of how they look."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.core.errors import InvalidInputError
from batchspec.core.records import OutputFormat, RecordWriter, WritesBytes
from batchspec.outputs.csv_table import CsvWriter
from batchspec.outputs.json_lines import JsonLinesWriter


def open_writer(form: str, stream: WritesBytes, columns: Sequence[str]) -> RecordWriter:
    """Return what writes records of these columns to a stream, in an `OutputFormat`.

    Raises InvalidInputError for a format whose library is not installed.
    """
    if form == OutputFormat.CSV:
        return CsvWriter(stream, columns)
    if form == OutputFormat.PARQUET:
        try:
            from batchspec.outputs.parquet_table import ParquetWriter  # noqa: PLC0415 - it needs an extra, and is slow
        except ImportError as error:
            raise InvalidInputError(
                "Parquet cannot be written without an optional library",
                why=str(error),
                hint="pip install 'batchspec[parquet]', or let `output` end in .csv or .jsonl",
            ) from None
        return ParquetWriter(stream, columns)
    return JsonLinesWriter(stream, columns)
