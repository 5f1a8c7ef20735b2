"""Writes an output by a plugin. Whatever goes wrong names the plugin, but for what its file's disk has to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from batchspec.core.records import Record, RecordWriter, WritesBytes
from batchspec.plugins.foreign import called, passes, words
from batchspec.plugins.installed import Installed, broken, loaded
from batchspec.plugins.reading import fault
from batchspec.plugins.surface import OutputPlugin


def output_plugin(found: Installed, root: Path) -> OutputPlugin:
    """Load what writes a format. Raises PluginError."""
    plugin = loaded(found, OutputPlugin, root)
    if not callable(plugin.open):
        raise broken(found, "writes nothing", why="`open` must be a function")
    return plugin


class PluginWriter:
    """Fills `core.records.RecordWriter` by a plugin's writer."""

    def __init__(self, found: Installed, plugin: OutputPlugin, stream: WritesBytes, columns: Sequence[str]) -> None:
        self._found = found
        self._stream = _Stream(stream)
        self._writer: RecordWriter | None = None
        writer: object = None

        def begin() -> None:
            nonlocal writer
            writer = plugin.open(self._stream, tuple(columns))

        self._do("could not begin an output", begin)
        missing = [name for name in ("write", "finish", "close") if not callable(getattr(writer, name, None))]
        if missing:
            why = f"what `open` gave, of type {type(writer).__name__}, has no `{missing[0]}`"
            raise fault(found, "gave no writer", why=why)
        self._writer = writer  # type: ignore[assignment] # it has the three

    def write(self, records: Iterable[Record]) -> None:
        """Write records. Raises PluginFaultError."""
        assert self._writer is not None
        writer, listed = self._writer, list(records)
        self._do("failed while it wrote rows", lambda: writer.write(listed))

    def finish(self) -> None:
        """End the output. Raises PluginFaultError."""
        assert self._writer is not None
        self._do("failed at the end of the output", self._writer.finish)

    def close(self) -> None:
        """Let go of everything. Raises PluginFaultError."""
        assert self._writer is not None
        self._do("failed to close the output", self._writer.close)

    def _do(self, what: str, step: Callable[[], object]) -> None:
        try:
            called(step)
        except BaseException as error:
            if passes(error):
                raise
            if self._stream.fault is not None:
                raise self._stream.fault from None
            hint = f"the answers are kept; mend or uninstall {self._found.distribution}, then `batchspec results`"
            raise fault(self._found, what, why=words(error), hint=hint) from None


class _Stream:
    """The stream as plugins see it; it remembers what it has raised itself."""

    def __init__(self, stream: WritesBytes) -> None:
        self._write = stream.write
        self.fault: Exception | None = None

    def write(self, data: bytes, /) -> int:
        """Write bytes."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"bytes are written, not {type(data).__name__}")
        try:
            self._write(bytes(data))
        except Exception as error:
            self.fault = error
            raise
        return len(data)
