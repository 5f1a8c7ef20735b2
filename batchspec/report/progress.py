"""How far long work is, for whoever does not watch: a line now and then for a log, or nothing."""

from __future__ import annotations

import time
from typing import TextIO

from batchspec.report.safe_text import safe

_LOG_EVERY = 30.0


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
        self._note = safe(text)
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
