"""One exchange with the API over HTTP: a call out, an answer back, or a fault. Nothing is repeated here.

It knows nothing of files and jobs, nor of what a status means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Protocol

import requests

from batchspec.mistral.base_url import BaseUrl
from batchspec.mistral.deadline import Deadline
from batchspec.mistral.faults import FOREIGN, TOO_LARGE, TOO_SLOW, Fault, read_fault
from batchspec.mistral.key import ApiKey
from batchspec.mistral.session import new_session

BLOCK = 256 * 1024
"""Bytes of a body that are moved at a time."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; a page of a hundred jobs is far below it."""


class Timing(NamedTuple):
    """Bounds of one exchange, in seconds of real time.

    `connect` is for making the connection, `read` for silence on it, `whole` for the whole of an answer that is read
    into memory and for each block of one that is streamed (so that it is also the least speed of a transfer).
    """

    connect: float = 10.0
    read: float = 60.0
    whole: float = 120.0


class Body(Protocol):
    """What is sent: its length, and its bytes from the first on each time that it is iterated."""

    def __len__(self) -> int:
        """Return the bytes in all."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Begin from the first byte."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to ask. `doing` names it in messages ("list the jobs"); `path` is the API's, with ids already checked.

    `answer_seconds` replaces `Timing.read` and `Timing.whole` for a call that the server works on before it answers.
    """

    doing: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    content_type: str | None = None
    answer_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `body` is empty where it was streamed elsewhere; `length` is what the server announced."""

    status: int
    body: bytes = b""
    content_type: str = ""
    length: int | None = None
    retry_after: str | None = None
    request_id: str | None = None
    location: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


Take = Callable[[Answer, Iterator[bytes]], None]
"""Receives a 2xx answer's body as it comes."""


class ExchangeFailedError(Exception):
    """No whole answer came. It carries no other exception, whose request would hold the key."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


class Exchange:
    """Speaks HTTP with the base URL's host, and with no other."""

    def __init__(self, base_url: BaseUrl, key: ApiKey, timing: Timing) -> None:
        self._base_url = base_url
        self._key = key
        self._timing = timing
        self._session = new_session(base_url, key)
        self.clock_ahead: float | None = None
        """Seconds by which this machine's clock is ahead of what the latest answer was dated; None before any was."""

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def once(self, call: Call, take: Take | None = None) -> Answer:
        """Make a call once, over a kept connection where there is one. Raises ExchangeFailedError."""
        return self._once(self._session, call, take)

    def once_afresh(self, call: Call) -> Answer:
        """Make a call once, over a connection of its own.

        A kept connection that the server has just closed fails after the sending, when nobody can tell any more
        whether the call took effect. Raises ExchangeFailedError.
        """
        with new_session(self._base_url, self._key) as session:
            return self._once(session, call, None)

    def _once(self, session: requests.Session, call: Call, take: Take | None) -> Answer:
        whole = call.answer_seconds or self._timing.whole
        with Deadline(whole, sending_seconds=self._timing.read) as deadline:
            try:
                with self._send(session, call, deadline) as response:
                    self.clock_ahead = _clock_ahead(response.headers.get("Date"))
                    answer = _receive(response, deadline, take)
                fault = TOO_SLOW if deadline.passed else None
            except FOREIGN as error:
                fault = TOO_SLOW if deadline.passed else read_fault(error)
            except _TooLargeError:
                fault = TOO_LARGE
        if fault is not None:
            raise ExchangeFailedError(fault)
        return answer

    def _send(self, session: requests.Session, call: Call, deadline: Deadline) -> requests.Response:
        return session.request(
            call.method,
            self._base_url.join(call.path),
            params=list(call.query),
            data=None if call.body is None else _Sent(call.body, deadline),
            headers={"Content-Type": call.content_type} if call.content_type else None,
            timeout=(self._timing.connect, call.answer_seconds or self._timing.read),
            allow_redirects=False,
            stream=True,
        )


class _TooLargeError(Exception):
    """An answer that is meant for memory would not fit there."""


class _Sent:
    """A body on its way: it renews the deadline as it moves. It is no file, so that nobody rewinds it halfway."""

    def __init__(self, body: Body, deadline: Deadline) -> None:
        self._body = body
        self._deadline = deadline

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        for block in self._body:
            self._deadline.restart()
            yield block
        self._deadline.restart()


def _clock_ahead(dated: str | None) -> float | None:
    """Return by how many seconds this machine's clock is ahead of an HTTP date; None for none that can be read."""
    try:
        return None if dated is None else time.time() - parsedate_to_datetime(dated).timestamp()
    except ValueError:
        return None


def _receive(response: requests.Response, deadline: Deadline, take: Take | None) -> Answer:
    headers = response.headers
    length = headers.get("Content-Length", "")
    answer = Answer(
        status=response.status_code,
        content_type=headers.get("Content-Type", ""),
        length=int(length) if length.isascii() and length.isdigit() else None,
        retry_after=headers.get("Retry-After"),
        request_id=headers.get("x-request-id") or headers.get("mistral-correlation-id"),
        location=headers.get("Location"),
    )
    # urllib3 counts what came against what was announced, and raises where it is less.
    blocks = response.iter_content(BLOCK)
    if take is not None and answer.ok:
        take(answer, _renewing(blocks, deadline))
        return answer
    return replace(answer, body=_in_memory(blocks))


def _renewing(blocks: Iterator[bytes], deadline: Deadline) -> Iterator[bytes]:
    for block in blocks:
        deadline.restart()
        yield block
        deadline.restart()


def _in_memory(blocks: Iterator[bytes]) -> bytes:
    body = bytearray()
    for block in blocks:
        body += block
        if len(body) > LARGEST_ANSWER:
            raise _TooLargeError
    return bytes(body)
