"""What installed plugins may add, as the program sees it: ports for readers and writers, and what can be wrong.

How a plugin is found and loaded, and what it is held to, is in `plugins`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from batchspec.core.errors import BatchspecError, ExitCode, InvalidInputError
from batchspec.core.model import InputRow
from batchspec.core.records import RecordWriter, WritesBytes


class PluginError(BatchspecError):
    """An installed plugin that cannot be loaded, or is not what its entry point promises; nothing was sent."""

    exit_code = ExitCode.INVALID
    code = "plugin-broken"


class PluginClashError(PluginError):
    """Two installed distributions offer the same name."""

    code = "plugin-clash"


class MissingPluginError(InvalidInputError):
    """A name that is neither built in nor offered by anything that is installed."""

    code = "no-plugin"


class PluginFaultError(PluginError):
    """A plugin that failed at its work, or gave what it must not. `line` is that of the row, where it is known."""

    exit_code = ExitCode.ERROR
    code = "plugin-fault"
    line: int | None = None


class PluginDataError(PluginFaultError):
    """What a plugin says of the data that it reads: that is wrong, and not the plugin."""

    exit_code = ExitCode.INVALID
    code = "plugin-data"


class PluginStanding(NamedTuple):
    """An installed plugin: its kind and name, and its distribution with the version.

    `problem` is why it cannot be used, if it cannot, and `hint` what to do about that.
    """

    kind: str
    name: str
    distribution: str
    problem: str | None = None
    hint: str | None = None


class Maker(NamedTuple):
    """A plugin that has a part in rows or in an output: its distribution with the version, as people are told of it.

    `mark` is what it is known by, and changes with its code; None where what it makes is not of a file's bytes alone.
    """

    told: str
    mark: str | None


class OfferedReader(Protocol):
    """A reader that a plugin offers."""

    @property
    def maker(self) -> Maker:
        """The plugin."""
        ...

    def rows(self, path: str, stream: BinaryIO) -> Iterator[InputRow]:
        """Yield the rows of a file. Raises PluginFaultError, PluginDataError and what reading the stream raises."""
        ...


class OfferedStore(Protocol):
    """What a plugin offers for addresses of a kind."""

    @property
    def maker(self) -> Maker:
        """The plugin."""
        ...

    def rows(self, address: str) -> Iterator[InputRow]:
        """Yield the rows behind an address. Raises PluginFaultError or PluginDataError."""
        ...


class Offers(Protocol):
    """What installed plugins offer, by name. Asked only for what is not built in.

    Each method raises PluginError where a plugin offers the name and cannot be used.
    """

    def reader(self, name: str) -> OfferedReader | None:
        """Return the reader of a format, or None where there is none."""
        ...

    def store(self, scheme: str) -> OfferedStore | None:
        """Return what reads addresses that begin so, or None."""
        ...

    def writer_maker(self, name: str) -> Maker | None:
        """Return the plugin that writes a format, or None where there is none."""
        ...

    def writer(self, name: str, stream: WritesBytes, columns: Sequence[str]) -> RecordWriter:
        """Return what writes records of these columns. Raises MissingPluginError for a format that nobody writes."""
        ...

    def names(self, kind: str) -> Sequence[str]:
        """Return the names that are offered of a kind."""
        ...

    def told(self, kind: str) -> str:
        """Say which plugins of a kind ("inputs", "outputs", "providers") are installed, for people."""
        ...


class _Nothing:
    """No plugin at all."""

    def reader(self, name: str) -> OfferedReader | None:  # noqa: ARG002 - the port's
        """Return None."""
        return None

    def store(self, scheme: str) -> OfferedStore | None:  # noqa: ARG002 - the port's
        """Return None."""
        return None

    def writer_maker(self, name: str) -> Maker | None:  # noqa: ARG002 - the port's
        """Return None."""
        return None

    def writer(self, name: str, stream: WritesBytes, columns: Sequence[str]) -> RecordWriter:  # noqa: ARG002 - as above
        """Raise MissingPluginError."""
        raise MissingPluginError(
            f"nothing that is installed writes .{name}", hint="use .jsonl, .csv or .parquet, or install its plugin"
        )

    def names(self, kind: str) -> Sequence[str]:  # noqa: ARG002 - the port's
        """Return none."""
        return ()

    def told(self, kind: str) -> str:  # noqa: ARG002 - the port's
        """Say so."""
        return "no plugin is installed"


NO_PLUGINS: Offers = _Nothing()


@runtime_checkable
class MadeByPlugins(Protocol):
    """A source of rows that plugins may have a part in."""

    @property
    def makers(self) -> tuple[Maker, ...]:
        """Those that have."""
        ...
