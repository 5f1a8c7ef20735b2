"""Signals and time: the first signal lets the call in hand be finished and recorded, the second leaves at once."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from types import FrameType
from typing import TextIO

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

    def wait_for_line(self, stream: TextIO) -> None:
        """Return when a terminal has a line to read; a signal ends the wait at once, whenever it comes.

        A blocking read would miss a signal that comes right before it; the pipe that signals write to cannot.
        """
        typed = stream.fileno()
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        earlier = signal.set_wakeup_fd(wake)
        try:
            while self._signal is None and typed not in select.select([typed, woken], [], [])[0]:
                os.read(woken, 1)
        finally:
            signal.set_wakeup_fd(earlier)
            os.close(woken)
            os.close(wake)
        self.stop()

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
