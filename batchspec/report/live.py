"""How far long work is, for a person at a terminal: the one home of rich, which takes long to import."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TaskID, TextColumn
from rich.table import Column

from batchspec.report.progress import Pace
from batchspec.report.safe_text import safe

_PATIENCE = 1.0
_REFRESH_EVERY = 0.1
_BAR = 20
_WIDE = 100
"""Columns; on a narrower terminal the words need the room that a bar would take."""


class LiveProgress:
    """A live line on a terminal, for any command that takes longer than a second."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self._console = Console(file=stream, no_color=not colour, highlight=False)
        self._display: Progress | None = None
        self._task: TaskID | None = None
        self._pace = Pace()
        self._begun = time.monotonic()
        self._shown = 0.0

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows") -> None:
        """Begin a phase; the same one begun again goes on under the same line."""
        if phase != self._pace.phase:
            self.finish()
        self._pace.start(phase, total, unit)

    def advance(self, count: int = 1) -> None:
        """Count work."""
        self._pace.count += count
        self._show()

    def note(self, text: str) -> None:
        """Show what is done now."""
        self._pace.note = safe(text)
        self._show(at_once=True)

    def finish(self) -> None:
        """End the phase and clear its line."""
        if self._display is not None:
            self._display.stop()
        self._display, self._task, self._pace.phase = None, None, ""

    def _show(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if now - self._begun < _PATIENCE or (not at_once and now - self._shown < _REFRESH_EVERY):
            return
        self._shown = now
        told = "  ".join(filter(None, (self._pace.phase, self._pace.words(), self._pace.note)))
        if self._display is None:
            self._display = Progress(*self._columns(), console=self._console, transient=True)
            self._task = self._display.add_task(told, total=self._pace.total)
            self._display.start()
        assert self._task is not None
        self._display.update(self._task, description=told, completed=self._pace.count, total=self._pace.total)

    def _columns(self) -> list[ProgressColumn]:
        # What a server says may look like markup, and a line that wraps cannot be cleared.
        words = TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
        )
        bar = [BarColumn(bar_width=_BAR)] if self._pace.total and self._console.width >= _WIDE else []
        return [SpinnerColumn(), *bar, words]
