"""Signals and time: the first signal lets the call in hand be finished and recorded, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from batchspec.core.errors import ExitCode, Interrupted

_EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HANGUP,
}


class Interrupts:
    """Remembers that a signal has asked to stop. Also the clock, since every wait must end when one comes."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._signal: signal.Signals | None = None
        self._asking = False

    def listen(self) -> None:
        """Take over SIGINT, SIGTERM and SIGHUP; only possible, and only done, in the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number in _EXIT_CODES:
                signal.signal(number, self._take)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            sys.stderr.write("left at once; what was not finished is found again by the next run\n")
            sys.stderr.flush()
            os._exit(_EXIT_CODES[signal.Signals(number)])
        self._signal = signal.Signals(number)
        self._asked.set()
        if self._asking:
            self.stop()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a person is asked, nothing is in hand: a signal ends the question at once."""
        self._asking = True
        try:
            yield
        finally:
            self._asking = False

    def stop(self) -> None:
        """Raise Interrupted once a signal has come."""
        if self._signal is not None:
            raise Interrupted(self._signal.name, _EXIT_CODES[self._signal])

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond a signal; raises Interrupted when one comes."""
        self._asked.wait(seconds)
        self.stop()
