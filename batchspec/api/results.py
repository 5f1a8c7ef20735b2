"""The results of a spec as records, or as a table of pandas, Polars or Arrow."""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, cast

from batchspec.core.errors import BatchspecError
from batchspec.core.json_text import parse
from batchspec.core.records import OutputFormat, Record, cell
from batchspec.outputs import open_writer

_CHUNK = 2_000


class Results:
    """The rows of a spec with their answers, in input order, as they stood when this was made.

    Iterating gives a dict for each row and model, with the keys of the output file. They lie on disk, not in memory.
    """

    def __init__(self, spec: str, columns: tuple[str, ...], count: int, lines: IO[bytes]) -> None:
        self.spec = spec
        self.columns = columns
        self._count = count
        self._lines = lines
        weakref.finalize(self, lines.close)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, object]]:
        at = 0
        while True:
            # Two loops over the same results do not disturb each other.
            self._lines.seek(at)
            line = self._lines.readline()
            if not line:
                return
            at += len(line)
            yield cast(dict[str, object], parse(line))

    def __repr__(self) -> str:
        return f"<Results of {self.spec}: {self._count:,} rows>"

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`, its columns of the types of a Parquet output: objects and lists are JSON text.

        Raises BatchspecError where pyarrow is not installed.
        """
        pa, reading = _library("pyarrow", "parquet"), _library("pyarrow.parquet", "parquet")
        sink = pa.BufferOutputStream()
        writer = open_writer(OutputFormat.PARQUET, sink, self.columns)
        try:
            records = self._records()
            while chunk := list(islice(records, _CHUNK)):
                writer.write(chunk)
            writer.finish()
        finally:
            writer.close()
        return reading.read_table(pa.BufferReader(sink.getvalue()))

    def _records(self) -> Iterator[Record]:
        return (tuple(map(cell, record.values())) for record in self)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`. Raises BatchspecError where pandas or pyarrow are not installed."""
        _library("pandas", "pandas")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`. Raises BatchspecError where Polars or pyarrow are not installed."""
        return _library("polars", "polars").from_arrow(self.to_arrow())


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BatchspecError(
            f"a table of this kind needs `{name.partition('.')[0]}`, which is not installed",
            hint=f"pip install 'batchspec[{extra}]'",
        ) from None
