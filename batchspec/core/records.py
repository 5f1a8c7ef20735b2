"""One row of an output, as values that every format has a form for. How it is written is the formats' own matter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from batchspec.core.json_text import encode


class OutputFormat(StrEnum):
    """The form of an output, named by its file's suffix."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"

    @classmethod
    def of(cls, path: str) -> OutputFormat | None:
        """Return the format that a path's suffix says; None where it says none."""
        suffix = suffix_of(path)
        return cls(suffix) if suffix in {each.value for each in cls} else None


def suffix_of(path: str) -> str:
    """Return the suffix of a path, in lower case and without its dot."""
    return path.rsplit("/", 1)[-1].rpartition(".")[2].lower()


class JsonText(bytes):
    """An object or a list as its JSON text: kept as it came, and decoded by nobody who only passes it on."""

    __slots__ = ()


Cell = str | int | float | bool | None | JsonText
Record = Sequence[Cell]
"""The cells of one row, in the order of the output's columns."""


class WritesBytes(Protocol):
    """What takes the bytes of an output in their order; nobody goes back in it."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""
        ...


class RecordWriter(Protocol):
    """Writes the rows of an output in one format, streaming."""

    def write(self, records: Iterable[Record]) -> None:
        """Write records, each with a cell for every column."""
        ...

    def finish(self) -> None:
        """End the output. What is not finished is no whole file."""
        ...

    def close(self) -> None:
        """Let go of everything, finished or not."""
        ...


OpenWriter = Callable[[str, WritesBytes, Sequence[str]], RecordWriter]
"""Returns what writes records of these columns to a stream, in an `OutputFormat` or in one that a plugin offers."""


def cell(value: object) -> Cell:
    """Return a JSON-like value as a cell. Raises ValueError for what JSON has no form for."""
    if type(value) is dict:
        return JsonText(encode(value))
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a JSON number")
        return value
    return JsonText(encode(value))
