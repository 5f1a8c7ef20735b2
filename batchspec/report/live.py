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

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        """Begin a phase; it takes the line of the one before, if that was not finished."""
        goes_on = phase == self._pace.phase and total == self._pace.total
        self._pace.start(phase, total, unit, done)
        if self._display is not None and self._task is not None and not goes_on:
            # A task that has come to its end stays ended, and one with a total keeps it.
            self._display.remove_task(self._task)
            self._task = self._display.add_task(self._told(), total=total, completed=done)

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
        told = self._told()
        if self._display is None:
            self._display = Progress(*self._columns(), console=self._console, transient=True)
            self._task = self._display.add_task(told, total=self._pace.total)
            self._display.start()
        assert self._task is not None
        self._display.update(self._task, description=told, completed=self._pace.count, total=self._pace.total)

    def _told(self) -> str:
        return "  ".join(filter(None, (self._pace.phase, self._pace.words(), self._pace.note)))

    def _columns(self) -> list[ProgressColumn]:
        # What a server says may look like markup, and a line that wraps cannot be cleared.
        words = TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
        )
        bar = [BarColumn(bar_width=_BAR)] if self._console.width >= _WIDE else []
        return [SpinnerColumn(table_column=Column(no_wrap=True, min_width=1)), *bar, words]
