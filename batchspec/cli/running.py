"""One run of the program, as its commands share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.cli.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from batchspec.cli.wiring import Project


@dataclass(slots=True, eq=False)
class Run:
    """One run of the program: its streams, its signals, and the options given before the command's name."""

    console: Console
    interrupts: Interrupts
    given: dict[str, Any] = field(default_factory=dict)

    def options(self, own: dict[str, Any], *, as_json: bool = False) -> Options:
        """Return the shared options, the command's own before those given to the program."""
        merged = self.given | {key: value for key, value in own.items() if value is not None}
        console = self.console
        console.json = as_json
        console.quiet = bool(merged.get("quiet"))
        console.verbose = bool(merged.get("verbose"))
        console.debug = bool(merged.get("debug"))
        return Options(
            project=merged.get("project"),
            state=merged.get("state"),
            provider=merged.get("provider") or "mistral",
            lock_timeout=merged.get("lock_timeout") or 0.0,
            variables=(*self.given.get("var", ()), *own.get("var", ())),
            environment=merged.get("env") or None,
            select=own.get("select", ()),
            exclude=own.get("exclude", ()),
            jobs=own.get("jobs"),
            variable_files=(*self.given.get("var_file", ()), *own.get("var_file", ())),
        )

    def open(self, paths: Sequence[Path], own: dict[str, Any], *, as_json: bool = False) -> tuple[Options, Project]:
        """Return the shared options and the project that `paths` lie in, which messages are then relative to."""
        from batchspec.cli import wiring

        options = self.options(own, as_json=as_json)
        project = wiring.open_project(paths, options, self.console.environ)
        self.console.root = project.root
        return options, project
