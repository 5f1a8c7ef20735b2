"""Stands between a client and the emulator, so that a job's creation can take effect after its sender has given up."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import deque
from types import TracebackType

_BLOCK = 65_536
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class Relay:
    """Passes everything on to `target`, a port of this machine. Safe for many threads.

    `hold` makes the next creation of a job late: the client's connection closes at once, the request arrives after so
    many seconds.
    """

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self._holds: deque[float] = deque()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._underway: set[threading.Thread] = set()
        self._stopping = False

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.settle()

    def hold(self, seconds: float) -> None:
        """Make the next creation late by so many seconds."""
        self._holds.append(seconds)

    def forget(self) -> None:
        """Make nothing late that has not come yet."""
        self._holds.clear()

    def settle(self) -> None:
        """Return when everything that was held has arrived, and every connection is closed by its client."""
        for thread in list(self._underway):
            thread.join(timeout=20)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._attend, args=(client,), daemon=True)
            self._underway.add(thread)
            thread.start()

    def _attend(self, client: socket.socket) -> None:
        try:
            with client, contextlib.suppress(OSError):
                server = socket.create_connection(("127.0.0.1", self.target), timeout=30)
                with server:
                    answers = threading.Thread(target=_pour, args=(server, client), daemon=True)
                    answers.start()
                    with contextlib.suppress(OSError):
                        self._pass_on(client, server)
                    with contextlib.suppress(OSError):
                        server.shutdown(socket.SHUT_WR)
                    answers.join()
        finally:
            self._underway.discard(threading.current_thread())

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        held = b""
        while True:
            while b"\r\n\r\n" not in held:
                block = client.recv(_BLOCK)
                if not block:
                    return
                held += block
            head, _, held = held.partition(b"\r\n\r\n")
            head += b"\r\n\r\n"
            found = _LENGTH.search(head)
            left = int(found[1]) if found else 0
            if head.startswith(b"POST /v1/batch/jobs ") and self._holds:
                self._deliver_late(client, server, head, held, left)
                return
            server.sendall(head)
            held = _pass_body(client, server, held, left)

    def _deliver_late(self, client: socket.socket, server: socket.socket, head: bytes, held: bytes, left: int) -> None:
        seconds = self._holds.popleft()
        while len(held) < left:
            block = client.recv(_BLOCK)
            if not block:
                return  # it died before it had sent all of it, so there is nothing that could take effect
            held += block
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        time.sleep(seconds)
        server.sendall(re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head[:-2]) + b"Connection: close\r\n\r\n" + held)


def _pass_body(client: socket.socket, server: socket.socket, held: bytes, left: int) -> bytes:
    """Pass `left` bytes on, the `held` ones first; return what was read beyond them."""
    server.sendall(held[:left])
    left, held = left - len(held[:left]), held[left:]
    while left:
        block = client.recv(min(left, _BLOCK))
        if not block:
            return b""
        server.sendall(block)
        left -= len(block)
    return held


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(None)
        while block := source.recv(_BLOCK):
            with contextlib.suppress(OSError):
                target.sendall(block)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
