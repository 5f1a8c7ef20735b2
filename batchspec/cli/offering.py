"""What installed plugins offer, as a run hands it on: nothing of `plugins` is imported before somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from batchspec.core.diagnostics import did_you_mean
from batchspec.core.offered import MissingPluginError
from batchspec.core.records import OpenWriter, OutputFormat, RecordWriter, WritesBytes, suffix_of

if TYPE_CHECKING:
    from batchspec.core.offered import Maker, OfferedReader, OfferedStore, PluginStanding
    from batchspec.plugins.offers import InstalledPlugins


@dataclass(frozen=True, slots=True)
class Offering:
    """Fills `core.offered.Offers`; `root` is the project's."""

    root: Path

    def reader(self, name: str) -> OfferedReader | None:
        """Return the reader of a format, or None. Raises PluginError."""
        return self._installed().reader(name)

    def store(self, scheme: str) -> OfferedStore | None:
        """Return what reads addresses of a scheme, or None. Raises PluginError."""
        return self._installed().store(scheme)

    def writer_maker(self, name: str) -> Maker | None:
        """Return the plugin that writes a format, or None. Raises PluginError."""
        return self._installed().writer_maker(name)

    def writer(self, name: str, stream: WritesBytes, columns: Sequence[str]) -> RecordWriter:
        """Return what writes records of these columns. Raises PluginError or MissingPluginError."""
        return self._installed().writer(name, stream, columns)

    def names(self, kind: str) -> list[str]:
        """Return the names that are offered of a kind."""
        return self._installed().names(kind)

    def told(self, kind: str) -> str:
        """Say which plugins of a kind are installed."""
        return self._installed().told(kind)

    def standings(self) -> tuple[PluginStanding, ...]:
        """Return every installed plugin, and whether it can be used."""
        from batchspec.cli.options import PROVIDERS
        from batchspec.inputs.opening import FORMATS
        from batchspec.inputs.remote import STORES

        built_in = {"inputs": {*FORMATS, *STORES}, "outputs": {*OutputFormat}, "providers": {*PROVIDERS}}
        return self._installed().standings(built_in)

    def _installed(self) -> InstalledPlugins:
        from batchspec.plugins.offers import InstalledPlugins

        return InstalledPlugins(self.root)


def form_named(name: str, root: Path) -> str:
    """Return the output format of a name. Raises PluginError, and MissingPluginError for one that nobody writes."""
    known = OutputFormat.of(f".{name}")
    if known is not None:
        return known
    offering = Offering(root)
    if offering.writer_maker(name.lower()) is None:
        close = did_you_mean(name, [*OutputFormat, *offering.names("outputs")])
        raise MissingPluginError(
            f"there is no output format `{name}`",
            why=offering.told("outputs"),
            hint=f"{close}; where it is a plugin's, `pip install` that here too",
        )
    return name.lower()


def form_of_path(path: str, root: Path) -> str | None:
    """Return the output format that a path's suffix says; None where it says none."""
    known = OutputFormat.of(path)
    if known is not None or "." not in path.rsplit("/", 1)[-1]:
        return known
    suffix = suffix_of(path)
    return None if Offering(root).writer_maker(suffix) is None else suffix


def writers(root: Path) -> OpenWriter:
    """Return what opens a writer, of a built-in format or of a plugin's."""
    return partial(_open_writer, Offering(root))


def _open_writer(offering: Offering, form: str, stream: WritesBytes, columns: Sequence[str]) -> RecordWriter:
    from batchspec.outputs import open_writer

    if isinstance(form, OutputFormat):
        return open_writer(form, stream, columns)
    return offering.writer(form, stream, columns)
