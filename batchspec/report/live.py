"""How far long work is, for a person at a terminal: the one home of rich, which takes long to import."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from batchspec.report.safe_text import safe

_PATIENCE = 1.0
_REFRESH_EVERY = 0.1


class LiveProgress:
    """A live line on a terminal, for any command that takes longer than a second."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self._console = Console(file=stream, no_color=not colour, highlight=False)
        self._display: Progress | None = None
        self._task: TaskID | None = None
        self._phase = self._unit = self._note = ""
        self._total: int | None = None
        self._count = 0
        self._begun = time.monotonic()
        self._shown = 0.0

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows") -> None:
        """Begin a phase; the same one begun again goes on under the same line."""
        if phase != self._phase:
            self.finish()
        self._phase, self._unit, self._total, self._count, self._note = phase, unit, total, 0, ""

    def advance(self, count: int = 1) -> None:
        """Count work."""
        self._count += count
        self._show()

    def note(self, text: str) -> None:
        """Show what is done now."""
        self._note = safe(text)
        self._show(at_once=True)

    def finish(self) -> None:
        """End the phase and clear its line."""
        if self._display is not None:
            self._display.stop()
        self._display, self._task, self._phase = None, None, ""

    def _show(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if now - self._begun < _PATIENCE or (not at_once and now - self._shown < _REFRESH_EVERY):
            return
        self._shown = now
        if self._display is None:
            self._display = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"),
                TimeRemainingColumn(),
                # What a server says may look like markup.
                TextColumn("{task.fields[note]}", markup=False),
                console=self._console,
                transient=True,
            )
            self._task = self._display.add_task(self._phase, total=self._total, unit=self._unit, note=self._note)
            self._display.start()
        assert self._task is not None
        self._display.update(
            self._task,
            description=self._phase,
            completed=self._count,
            total=self._total,
            unit=self._unit,
            note=self._note,
        )
