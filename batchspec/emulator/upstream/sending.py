"""One connection to the upstream server: a POST sent and its answer read within a time, or broken off when asked.

Decides nothing about trying again: it tells whether nothing was sent, or something may have been done.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from batchspec.emulator.upstream.address import Address

_CONNECT_SECONDS = 5.0
_LARGEST_ANSWER = 64 * 1024 * 1024
_BLOCK = 256 * 1024


class Reply(NamedTuple):
    """What came back: the status, the seconds of Retry-After where it was given, and the content."""

    status: int
    retry_after: float | None
    content: bytes


class UnreachableError(OSError):
    """No connection could be made: nothing was sent."""


class BrokenError(OSError):
    """There was no whole answer: the work may have been done. `at_once`: before a byte of it, and before the time."""

    def __init__(self, why: str, *, at_once: bool = False) -> None:
        super().__init__(why)
        self.at_once = at_once


class Connection:
    """A connection that stays open from one request to the next. One thread uses it; any may `shut` it."""

    def __init__(self, address: Address, key: str | None, answer_seconds: float) -> None:
        self._address = address
        self._seconds = answer_seconds
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "batchspec-emulator",
        }
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._open: http.client.HTTPConnection | None = None
        self._turn = threading.Lock()

    def post(self, path: str, data: bytes, given_up: threading.Event) -> Reply:
        """Send a request, unless it is given up meanwhile. Raises UnreachableError or BrokenError."""
        kept = self._open is not None
        try:
            return self._exchange(path, data, given_up)
        except BrokenError as error:
            # A server may close what was idle, and that is known only when it is used again.
            if not kept or not error.at_once:
                raise
        return self._exchange(path, data, given_up)

    def _exchange(self, path: str, data: bytes, given_up: threading.Event) -> Reply:
        until = time.monotonic() + self._seconds
        link = self._open or self._connected()
        if given_up.is_set():
            raise BrokenError("it was given up")
        begun = False
        try:
            link.sock.settimeout(self._seconds)
            link.request("POST", path, body=data, headers=self._headers)
            response = link.getresponse()
            begun = True
            content = _read(link, response, until)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            at_once = not begun and not isinstance(error, TimeoutError)
            raise BrokenError(str(error) or type(error).__name__, at_once=at_once) from error
        if response.will_close:
            self.close()
        return Reply(response.status, seconds_of(response.getheader("Retry-After")), content)

    def _connected(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._address.encrypted else http.client.HTTPConnection
        made = kind(self._address.host, self._address.port, timeout=_CONNECT_SECONDS)
        try:
            made.connect()
        except OSError as error:
            made.close()
            raise UnreachableError(str(error) or type(error).__name__) from error
        with self._turn:
            self._open = made
        return made

    def shut(self) -> None:
        """Break off what another thread has under way."""
        with self._turn:
            if self._open is not None and self._open.sock is not None:
                with contextlib.suppress(OSError):
                    self._open.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; the next request opens another."""
        with self._turn:
            if self._open is not None:
                self._open.close()
                self._open = None


def _read(link: http.client.HTTPConnection, response: http.client.HTTPResponse, until: float) -> bytes:
    """Read a whole answer before the time is up. Raises BrokenError, OSError or HTTPException."""
    blocks: list[bytes] = []
    size = 0
    while block := response.read(_BLOCK):
        blocks.append(block)
        size += len(block)
        left = until - time.monotonic()
        if left <= 0:
            raise BrokenError("the answer took too long")
        if size > _LARGEST_ANSWER:
            raise BrokenError(f"the answer is larger than {_LARGEST_ANSWER} bytes")
        if link.sock is not None:
            link.sock.settimeout(left)
    expected = response.length
    if expected:
        raise BrokenError("the answer was cut short")
    return b"".join(blocks)


def seconds_of(retry_after: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date; None where there is none that can be read."""
    if retry_after is None:
        return None
    with contextlib.suppress(ValueError):
        seconds = float(retry_after)
        return max(0.0, seconds) if seconds == seconds else None  # noqa: PLR0124 - NaN is the one number unlike itself
    with contextlib.suppress(ValueError):
        date = parsedate_to_datetime(retry_after)
        return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
    return None
