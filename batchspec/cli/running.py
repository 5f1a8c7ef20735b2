"""One run of the program, as its commands share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.cli.options import Options


@dataclass(slots=True)
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
        )
