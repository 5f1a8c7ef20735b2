"""Finds the writer of a format. It knows the formats' names, and nothing of how they look."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.core.records import OutputFormat, RecordWriter, WritesBytes
from batchspec.outputs.csv_table import CsvWriter
from batchspec.outputs.json_lines import JsonLinesWriter


def open_writer(form: OutputFormat, stream: WritesBytes, columns: Sequence[str]) -> RecordWriter:
    """Return what writes records of these columns to a stream."""
    if form is OutputFormat.CSV:
        return CsvWriter(stream, columns)
    return JsonLinesWriter(stream, columns)
