"""How far long work is: a live line for a person at a terminal, a line now and then for a log, or nothing."""

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

_PATIENCE = 1.0
_LOG_EVERY = 30.0
_REFRESH_EVERY = 0.1


class SilentProgress:
    """Shows nothing."""

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows") -> None:
        """Begin a phase."""

    def advance(self, count: int = 1) -> None:
        """Count work."""

    def note(self, text: str) -> None:
        """Take a word about what is done now."""

    def finish(self) -> None:
        """End the phase."""


class LogProgress:
    """Writes a line every 30 s, and nothing for what is done sooner."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._phase = self._unit = self._note = ""
        self._total: int | None = None
        self._count = 0
        self._last = time.monotonic()

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows") -> None:
        """Begin a phase; the same one begun again goes on."""
        if phase != self._phase:
            self._last = time.monotonic()
        self._phase, self._unit, self._total, self._count, self._note = phase, unit, total, 0, ""

    def advance(self, count: int = 1) -> None:
        """Count work, and say so when it is time."""
        self._count += count
        self._say_when_due()

    def note(self, text: str) -> None:
        """Take a word about what is done now."""
        self._note = text
        self._say_when_due()

    def _say_when_due(self) -> None:
        now = time.monotonic()
        if now - self._last < _LOG_EVERY:
            return
        self._last = now
        of = f" of {self._total:,}" if self._total else ""
        counted = f" {self._count:,}{of} {self._unit}" if self._count or self._total else ""
        note = f" ({self._note})" if self._note else ""
        self._stream.write(f"{self._phase}:{counted}{note}\n")
        self._stream.flush()

    def finish(self) -> None:
        """End the phase."""
        self._phase = ""


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
        self._note = text
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
                TextColumn("{task.fields[note]}"),
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
