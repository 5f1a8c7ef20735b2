"""Signals and time: the first signal lets the call in hand be finished and recorded, the second leaves at once.

A handler here takes no lock and starts no thread, since it may run in the midst of code that holds that very lock.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn, TextIO

from batchspec.core.errors import ExitCode, Interrupted

_EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.HANGUP,
}
_GRACE_SECONDS = 4.0
_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """Remembers that a signal has asked to stop. Also the clock, since every wait must end when one comes."""

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._grace = _GRACE_SECONDS
        self._woken: int | None = None
        self._terminals: list[int] = []

    def listen(self) -> None:
        """Take over SIGINT, SIGTERM and SIGHUP; only possible, and only done, in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        # A signal writes to the pipe, so that none can slip in right before a wait begins.
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _EXIT_CODES:
            signal.signal(number, self._take)
        signal.signal(signal.SIGALRM, self._give_up)

    def without_haste(self) -> None:
        """Let the end take as long as it takes: for a server, whose calls in hand are others' work."""
        self._grace = 0.0
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            _leave(signal.Signals(number), "left at once")
        self._signal = signal.Signals(number)
        if number == signal.SIGHUP:
            _let_go(self._terminals)
        signal.setitimer(signal.ITIMER_REAL, self._grace)

    def _give_up(self, _number: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            _leave(self._signal, f"stopped by {self._signal.name}, without an end to what was in hand")

    def wait_for_line(self, stream: TextIO) -> None:
        """Return when a terminal has a line to read; a signal ends the wait at once, whenever it comes."""
        watched = [stream.fileno()] if self._woken is None else [stream.fileno(), self._woken]
        while self._signal is None and stream.fileno() not in select.select(watched, [], [])[0]:
            self._drain()
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
        ends = time.monotonic() + seconds
        watched = [] if self._woken is None else [self._woken]
        while self._signal is None and (left := ends - time.monotonic()) > 0:
            if select.select(watched, [], [], left)[0]:
                self._drain()
        self.stop()

    def _drain(self) -> None:
        if self._woken is not None:
            # Another thread that waits may have been woken by the same byte.
            with suppress(BlockingIOError):
                os.read(self._woken, 1)


def _let_go(terminals: Sequence[int]) -> None:
    """Replace streams whose terminal has hung up: writing there is an error, and nobody reads it."""
    for number in terminals:
        if not os.isatty(number):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _leave(number: signal.Signals, how: str) -> NoReturn:
    # Not through the stream, which the interrupted code may be writing to.
    cursor = _SHOW_CURSOR if os.isatty(2) else ""
    text = f"{cursor}{how}; run the same command again: what was not finished is found again\n"
    # Whoever reads it may have left.
    with suppress(OSError):
        os.write(2, text.encode())
    os._exit(_EXIT_CODES[number])
