"""What is installed, behind the port that the program knows. Nothing is scanned until somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchspec.core.offered import Maker, MissingPluginError, PluginError, PluginStanding
from batchspec.core.records import RecordWriter, WritesBytes
from batchspec.plugins.installed import Installed, code_mark, installed, named
from batchspec.plugins.providing import provider_plugin
from batchspec.plugins.reading import PluginReader, PluginStore, file_reader, input_plugin, store
from batchspec.plugins.writing import PluginWriter, output_plugin

_LOADERS: Mapping[str, Callable[[Installed, Path], object]] = {
    "inputs": input_plugin,
    "outputs": output_plugin,
    "providers": provider_plugin,
}


@dataclass(frozen=True, slots=True)
class InstalledPlugins:
    """Fills `core.offered.Offers`; `root` is the project's, in which no plugin is looked for."""

    root: Path

    def reader(self, name: str) -> PluginReader | None:
        """Return the reader of a format, or None. Raises PluginError."""
        found = named("inputs", name, self.root)
        return None if found is None else file_reader(found, self.root)

    def store(self, scheme: str) -> PluginStore | None:
        """Return what reads addresses of a scheme, or None. Raises PluginError."""
        found = named("inputs", scheme, self.root)
        return None if found is None else store(found, self.root)

    def writer_maker(self, name: str) -> Maker | None:
        """Return the plugin that writes a format, or None. Raises PluginError."""
        found = named("outputs", name, self.root)
        if found is None:
            return None
        output_plugin(found, self.root)
        return Maker(found.told, code_mark(found))

    def writer(self, name: str, stream: WritesBytes, columns: Sequence[str]) -> RecordWriter:
        """Return what writes records of these columns. Raises PluginError, PluginFaultError or MissingPluginError."""
        found = named("outputs", name, self.root)
        if found is None:
            raise MissingPluginError(
                f"nothing that is installed writes .{name}",
                why=self.told("outputs"),
                hint="use .jsonl, .csv or .parquet, or `pip install` its plugin",
            )
        return PluginWriter(found, output_plugin(found, self.root), stream, columns)

    def standings(self, built_in: Mapping[str, Collection[str]]) -> tuple[PluginStanding, ...]:
        """Return every installed plugin, each loaded to see whether it can be. `built_in` are names by kind."""
        return tuple(self._standing(each, built_in[each.kind]) for each in installed(self.root))

    def _standing(self, found: Installed, built_in: Collection[str]) -> PluginStanding:
        plain = PluginStanding(found.kind, found.name, found.told)
        if found.name in built_in:
            return plain._replace(problem="it is never used: the name is built in", hint="its author must rename it")
        try:
            if named(found.kind, found.name, self.root) is None:
                return plain._replace(
                    problem="it is never used: this is no name for it", hint="its author must rename it"
                )
            _LOADERS[found.kind](found, self.root)
        except PluginError as error:
            why = f": {error.why}" if error.why else ""
            return plain._replace(problem=f"{error.summary}{why}", hint=error.hint)
        return plain

    def names(self, kind: str) -> list[str]:
        """Return the names that are offered of a kind."""
        return [each.name for each in installed(self.root) if each.kind == kind]

    def told(self, kind: str) -> str:
        """Say which plugins of a kind are installed."""
        found = [each for each in installed(self.root) if each.kind == kind]
        if not found:
            return f"no plugin for {kind} is installed"
        listed = ", ".join(f"`{each.name}` ({each.told})" for each in found)
        return f"installed plugins for {kind}: {listed}"
