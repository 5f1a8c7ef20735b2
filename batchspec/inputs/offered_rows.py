"""Rows that a plugin reads: out of a file, or from behind an address of a kind that only it knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batchspec.core.diagnostics import DiagnosticSink
from batchspec.core.model import InputRow
from batchspec.core.offered import Maker, OfferedStore, PluginError, PluginFaultError
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.row_file import RowFile


def read_offered(file: RowFile, findings: FileFindings) -> Iterator[InputRow]:
    """Yield the rows of a file; what the plugin says of it, and what is wrong with the plugin, is reported."""
    assert file.reader is not None, "only such files come here"
    with file.stream() as stream:
        try:
            yield from file.reader.rows(file.path, stream)
        except PluginError as error:
            report(error, findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRows:
    """The rows behind an address."""

    store: OfferedStore
    address: str

    @property
    def makers(self) -> tuple[Maker, ...]:
        """The plugin that reads them. Fills `core.offered.MadeByPlugins`."""
        return (self.store.maker,)

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield every row, with the address as its path."""
        findings = FileFindings(self.address, sink)
        try:
            yield from self.store.rows(self.address)
        except PluginError as error:
            report(error, findings)


def report(error: PluginError, findings: FileFindings) -> None:
    """Report what is wrong, at the row that it is about."""
    line = error.line if isinstance(error, PluginFaultError) else None
    findings.error(error.code, error.summary, line=line, detail=error.why, hint=error.hint)
