"""How far long work is, for whoever does not watch: a line now and then for a log, or nothing."""

from __future__ import annotations

import time
from typing import TextIO

from batchspec.report.safe_text import safe
from batchspec.report.style import size

_LOG_EVERY = 30.0
_SOON = 1.0


class Pace:
    """How far a phase is, how fast it goes and how long it will take, in words; the same for a terminal and a log."""

    def __init__(self) -> None:
        self.phase = self.unit = self.note = ""
        self.total: int | None = None
        self.count = self._found = 0
        self._begun = time.monotonic()

    def start(self, phase: str, total: int | None, unit: str, done: int = 0) -> None:
        """Begin a phase. The same one over the same total goes on: its count is told anew and its time is kept.

        What was `done` before it began says nothing of how fast it goes.
        """
        if (phase, total, unit) != (self.phase, self.total, self.unit):
            self._begun, self._found = time.monotonic(), done
        self.phase, self.total, self.unit, self.count, self.note = phase, total, unit, done, ""

    def words(self) -> str:
        """Return what is done, of how much, and at what rate: `120 MB of 245 MB, 8.1 MB/s, 0:15 left`."""
        if not self.count and not self.total:
            return ""
        done = self._amount(self.count)
        if self.total:
            done += f" of {self._amount(self.total)}"
        words = [done if self.unit == "bytes" else f"{done} {self.unit}"]
        elapsed = time.monotonic() - self._begun
        if self.count > self._found and elapsed >= _SOON:
            rate = (self.count - self._found) / elapsed
            words.append(f"{self._amount(rate)}/s")
            if self.total and self.total > self.count:
                words.append(f"{_clock((self.total - self.count) / rate)} left")
        return ", ".join(words)

    def _amount(self, count: float) -> str:
        if self.unit == "bytes":
            return size(round(count))
        return f"{count:,.1f}" if count < 10 and isinstance(count, float) else f"{count:,.0f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class SilentProgress:
    """Shows nothing."""

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
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
        self._pace = Pace()
        self._last = time.monotonic()

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        """Begin a phase; the same one begun again goes on."""
        if phase != self._pace.phase:
            self._last = time.monotonic()
        self._pace.start(phase, total, unit, done)

    def advance(self, count: int = 1) -> None:
        """Count work, and say so when it is time."""
        self._pace.count += count
        self._say_when_due()

    def note(self, text: str) -> None:
        """Take a word about what is done now."""
        self._pace.note = safe(text)
        self._say_when_due()

    def _say_when_due(self) -> None:
        now = time.monotonic()
        if now - self._last < _LOG_EVERY:
            return
        self._last = now
        words = self._pace.words()
        note = f" ({self._pace.note})" if self._pace.note else ""
        self._stream.write(f"{self._pace.phase}:{f' {words}' if words else ''}{note}\n")
        self._stream.flush()

    def finish(self) -> None:
        """End the phase."""
        self._pace.phase = ""
