"""A line sent until it has its answer: what may pass is tried again, with growing pauses and for a bounded time."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping

from batchspec.emulator.upstream.address import Address
from batchspec.emulator.upstream.options import UpstreamOptions
from batchspec.emulator.upstream.sending import BrokenError, Connection, Reply, UnreachableError
from batchspec.emulator.upstream.translation import (
    COMPLETIONS,
    FIM,
    answer_of,
    completion_body,
    from_completion,
    no_answer,
    request_body,
)

_LOG = logging.getLogger(__name__)
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_UNKNOWN_PATH = frozenset({404, 405, 501})
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
_LONGEST_RETRY_AFTER = 120.0
_LOOK_AGAIN_SECONDS = 5.0
_GATEWAY_TIMEOUT = 504
_BAD_GATEWAY = 502


class GivenUp(BaseException):
    """The line is not to be answered any more; nothing is recorded of it."""


class Known:
    """What the threads that ask one server know of it together."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._turn = threading.Lock()
        self.reachable = True
        self.has_no_fim = False

    def reached(self, error: OSError | None) -> None:
        """Note whether the server can be reached; a change is told once."""
        with self._turn:
            changed, self.reachable = self.reachable is not (error is None), error is None
        if changed and error is not None:
            _LOG.warning("the upstream server %s cannot be reached (%s); lines wait for it", self._address.shown, error)
        elif changed:
            _LOG.warning("the upstream server %s can be reached again", self._address.shown)


class Asker:
    """Asks the upstream server over a connection of its own; for one thread, and one line at a time."""

    def __init__(self, address: Address, options: UpstreamOptions, known: Known) -> None:
        self._address = address
        self._options = options
        self._known = known
        self._connection = Connection(address, options.key, options.answer_seconds)
        self._given_up = threading.Event()

    def begin(self, given_up: threading.Event) -> None:
        """Begin a line, which is given up once the event is set and the connection is shut."""
        self._given_up = given_up

    def shut(self) -> None:
        """Break off what is under way, from another thread."""
        self._connection.shut()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def answer(self, endpoint: str, model: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """Return the server's answer to a line. Raises AnswerError, or GivenUp."""
        key = self._options.key
        data = request_body(body, model)
        if endpoint != FIM:
            return answer_of(self._ask(endpoint, data), key)
        if not self._known.has_no_fim:
            reply = self._ask(FIM, data)
            if reply.status not in _UNKNOWN_PATH:
                return answer_of(reply, key)
        told = answer_of(self._ask(COMPLETIONS, completion_body(body, model)), key)
        self._known.has_no_fim = True
        return from_completion(told)

    def _ask(self, endpoint: str, data: bytes) -> Reply:
        """Send a request until there is an answer that will not be another one soon."""
        until = time.monotonic() + self._options.line_seconds
        pause = _FIRST_PAUSE
        tries = 0
        while True:
            began = time.monotonic()
            try:
                reply = self._connection.post(self._address.path_of(endpoint), data, self._given_up)
            except UnreachableError as error:
                self._known.reached(error)
                self._rest(min(pause, _LOOK_AGAIN_SECONDS))
                pause *= 2
                until += time.monotonic() - began
                continue
            except BrokenError as error:
                late = time.monotonic() - began >= self._options.answer_seconds
                reply = no_answer(str(error), _GATEWAY_TIMEOUT if late else _BAD_GATEWAY)
            self._known.reached(None)
            tries += 1
            if self._given_up.is_set():
                raise GivenUp
            wait = _wait(reply, tries, data)
            if reply.status not in _PASSING or tries >= self._options.tries or time.monotonic() + wait >= until:
                return reply
            self._rest(wait)

    def _rest(self, seconds: float) -> None:
        if self._given_up.wait(seconds):
            raise GivenUp


def _wait(reply: Reply, tries: int, data: bytes) -> float:
    """Return the seconds to wait before the next try: what the server asks for, or most of a pause that grows."""
    if reply.retry_after is not None:
        return min(reply.retry_after, _LONGEST_RETRY_AFTER)
    pause: float = min(_FIRST_PAUSE * 2**tries, _LONGEST_PAUSE)
    # Lines that were refused together come back apart, each by its own share of the pause.
    share = hashlib.sha256(b"%d" % tries + data).digest()[0] / 255
    return pause * (1 + share) / 2
