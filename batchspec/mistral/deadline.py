"""A bound on the real time of one exchange, kept by a thread that shuts the socket down when it has passed.

A socket's own timeout bounds each read alone: a server that sends a byte a minute would hold the process for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from contextvars import ContextVar, Token
from types import TracebackType

_CURRENT: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """Shuts the watched socket once `seconds` have gone by since entry or the last `restart`.

    It goes by real time, as sockets do, and not by the program's clock, which tests replace.
    `sending_seconds` is the longest that handing one block of a body to the socket may take.
    """

    def __init__(self, seconds: float, *, sending_seconds: float) -> None:
        self.sending_seconds = sending_seconds
        self.passed = False
        self._seconds = seconds
        self._ends = 0.0
        self._over = threading.Event()
        self._socket: socket.socket | None = None
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> Deadline:
        self.restart()
        self._token = _CURRENT.set(self)
        threading.Thread(target=self._run, name="exchange-deadline", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._token is not None:
            _CURRENT.reset(self._token)

    def restart(self) -> None:
        """Grant the full time again, because something moved."""
        self._ends = time.monotonic() + self._seconds

    def watch(self, connected: socket.socket) -> None:
        """Name the socket to shut down; one that comes too late is shut down at once."""
        self._socket = connected
        if self.passed:
            self._shut()

    def _run(self) -> None:
        while not self._over.wait(max(0.0, self._ends - time.monotonic())):
            if time.monotonic() >= self._ends:
                self.passed = True
                self._shut()
                return

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not the TLS socket's own method, which would drop its session under the thread that is using it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def current_deadline() -> Deadline | None:
    """Return the deadline of the exchange that this thread is in."""
    return _CURRENT.get()
