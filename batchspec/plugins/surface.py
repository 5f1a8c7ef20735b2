"""The values and Protocols that a plugin fills: one dataclass for each kind of plugin, and what it is handed.

Changes only together with API_VERSION, but for fields with a default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from batchspec.core.ports import Clock, Provider
from batchspec.core.records import Cell

API_VERSION = 1
"""The version of this surface. A plugin says the number that it was written for."""


class Row(NamedTuple):
    """One row: its columns, which are JSON values, and its position (from 1), which rises from row to row."""

    values: Mapping[str, object]
    line: int


class RowError(ValueError):
    """Raised by a reader for data that is wrong: what, at which position, and how it is to be mended."""

    def __init__(self, summary: str, *, line: int | None = None, hint: str | None = None) -> None:
        super().__init__(summary)
        self.summary = summary
        self.line = line
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file to read: its path, for messages, and its bytes from the beginning, unpacked. It is closed for you."""

    path: str
    stream: BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPlugin:
    """What an entry point of `batchspec.inputs` names; the entry point's name is the suffix, or the address's scheme.

    `read_file` yields the rows of a file with that suffix, or with that `format`. `read_address` yields those behind an
    address, `name://…`. One of the two is enough. The rows of a file must be made of its bytes and of nothing else: a
    spec is not read again while they are the same. Where that cannot be promised, `by_content` is False.
    """

    api_version: int
    read_file: Callable[[InputFile], Iterable[Row]] | None = None
    read_address: Callable[[str], Iterable[Row]] | None = None
    by_content: bool = True


class Stream(Protocol):
    """Where a writer's bytes go, in their order; nobody goes back in it, and nobody closes it."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""
        ...


class RowWriter(Protocol):
    """Writes the rows of an output, streaming."""

    def write(self, records: Iterable[Sequence[Cell]], /) -> None:
        """Write records, each with a cell for every column; an object or a list comes as `JsonText`."""
        ...

    def finish(self) -> None:
        """End the output. What is not finished is no whole file, and none is put in place."""
        ...

    def close(self) -> None:
        """Let go of everything, finished or not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlugin:
    """What an entry point of `batchspec.outputs` names; the entry point's name is the suffix.

    `open` is given where to write and the names of the columns. It may be opened and closed with nothing written: so it
    is found out, before anything is paid for, whether it can be.
    """

    api_version: int
    open: Callable[[Stream, Sequence[str]], RowWriter]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """What a provider may use of the run.

    `environ` is the environment, `home` a folder for its own (it is made when asked for by writing into it, not
    before), `clock` tells the time and waits so that a signal is heard, `note` shows a line while there is waiting.
    `mistral` opens the built-in client for a key and an address, given as MISTRAL_API_KEY and MISTRAL_BASE_URL.
    """

    environ: Mapping[str, str]
    home: Path
    clock: Clock
    note: Callable[[str], None]
    mistral: Callable[[Mapping[str, str]], AbstractContextManager[Provider]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlugin:
    """What an entry point of `batchspec.providers` names; the entry point's name is that for `--provider`.

    `connect` opens a provider for one run; it raises AccessError where a key is missing or refused.
    """

    api_version: int
    connect: Callable[[ProviderContext], AbstractContextManager[Provider]]
