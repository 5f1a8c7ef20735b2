"""Answers from a live server that speaks the synchronous API: a batch API for models that have none.

Every line is one POST to the server. What may pass is tried again with growing pauses; what is refused is the line's
error. Lines in flight when the process is killed are sent again by the next one.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from batchspec.core.json_text import JsonError, encode, parse
from batchspec.emulator.answers import AnswerError
from batchspec.emulator.refusals import EmulatorError

ENDPOINTS = ("/v1/chat/completions", "/v1/embeddings", "/v1/fim/completions")
"""The endpoints whose requests a server of one model can answer."""

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 30.0
_LONGEST_RETRY_AFTER = 120.0
_LARGEST_ANSWER = 64 * 1024 * 1024
_LONGEST_MESSAGE = 2000
_T = TypeVar("_T")
_R = TypeVar("_R")


class UpstreamOptions(NamedTuple):
    """`url` with or without its `/v1`; `key` for it; lines under way at once; seconds for an answer, and for a line."""

    url: str
    key: str | None = None
    concurrency: int = 8
    answer_seconds: float = 300.0
    line_seconds: float = 900.0


class UpstreamStopped(BaseException):
    """The emulator ends; what is under way is given up and not recorded."""


class Upstream:
    """The server behind an emulator. Called with endpoint, model and body, it returns the response's body.

    Raises AnswerError for a line that was refused, or got no usable answer within `line_seconds`.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        self._address = read_address(options.url)
        self._options = options
        self._stopping = threading.Event()
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(options.concurrency, thread_name_prefix="batchspec-upstream")

    @property
    def lines_at_once(self) -> int:
        """How many lines are worth being recorded together: enough to keep every connection busy."""
        return self._options.concurrency * 4

    def map(self, function: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """Apply a function to items side by side, results in order. Raises UpstreamStopped when it ends."""
        return list(self._pool.map(function, items))

    def stop(self) -> None:
        """Give up what is under way, soon."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __call__(self, endpoint: str, model: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """Send one request until it has its answer."""
        if endpoint not in ENDPOINTS:
            raise AnswerError(f"a job with --upstream cannot be of {endpoint}")
        data = encode({**body, "model": model})
        until = time.monotonic() + self._options.line_seconds
        pause = 0.25
        while True:
            status, retry_after, content = self._send(self._address.path_of(endpoint), data)
            if status not in _PASSING:
                return _answered(status, content)
            wait = (
                min(retry_after, _LONGEST_RETRY_AFTER)
                if retry_after is not None
                else pause * secrets.randbelow(1000) / 1000
            )
            if time.monotonic() + wait >= until:
                raise AnswerError(_message(content) or "no answer from upstream", kind="upstream_error", status=status)
            if self._stopping.wait(wait):
                raise UpstreamStopped
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _send(self, path: str, data: bytes) -> tuple[int, float | None, bytes]:
        """Return status, Retry-After and content of one try; a connection that fails counts as 503."""
        if self._stopping.is_set():
            raise UpstreamStopped
        connection = self._connection()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._options.key:
            headers["Authorization"] = f"Bearer {self._options.key}"
        try:
            connection.request("POST", path, body=data, headers=headers)
            response = connection.getresponse()
            content = response.read(_LARGEST_ANSWER + 1)
            if len(content) > _LARGEST_ANSWER:
                connection.close()
                return 500, None, b'{"message": "the upstream server\'s answer is too large"}'
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return 503, None, json.dumps({"message": f"upstream: {str(error) or type(error).__name__}"}).encode()
        return response.status, _seconds(response.getheader("Retry-After")), content

    def _connection(self) -> http.client.HTTPConnection:
        """Return this thread's own connection, kept open from line to line."""
        kept: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if kept is None:
            kind = http.client.HTTPSConnection if self._address.encrypted else http.client.HTTPConnection
            kept = kind(self._address.host, self._address.port, timeout=self._options.answer_seconds)
            self._own.connection = kept
        return kept


class Address(NamedTuple):
    """Where the upstream server is."""

    encrypted: bool
    host: str
    port: int | None
    prefix: str

    def path_of(self, endpoint: str) -> str:
        """Return the path of an endpoint there."""
        return self.prefix + (endpoint.removeprefix("/v1") if self.prefix.endswith("/v1") else endpoint)


def read_address(url: str) -> Address:
    """Read the URL of an upstream server; http is allowed, since local models have no certificates.

    Raises EmulatorError for what is none, without showing it: it may hold a password.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    plain = re.fullmatch(r"[\x21-\x7e]+", url) and "\\" not in url
    wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or port == -1
    if wrong or not plain or parts.query or parts.fragment:
        raise EmulatorError(
            "--upstream is not an address of a server",
            hint="give http://host[:port][/prefix]; a key for it goes into BATCHSPEC_UPSTREAM_KEY",
        )
    return Address(parts.scheme == "https", str(parts.hostname), port, parts.path.rstrip("/"))


def _answered(status: int, content: bytes) -> Mapping[str, object]:
    try:
        value = parse(content)
    except JsonError:
        value = None
    if 200 <= status < 300 and isinstance(value, dict):
        return value
    if 200 <= status < 300:
        raise AnswerError("the upstream server's answer is no JSON object", kind="upstream_error", status=502)
    raise AnswerError(_message(content) or f"upstream answered {status}", kind="upstream_error", status=status)


def _message(content: bytes) -> str | None:
    try:
        value = parse(content)
    except JsonError:
        return content[:_LONGEST_MESSAGE].decode("utf-8", "replace") or None
    for key in ("error", "detail", "message"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    text = value if isinstance(value, str) else encode(value).decode("utf-8")
    return text[:_LONGEST_MESSAGE]


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
