"""Faults on purpose: what they are, how they are read and shown as JSON, and the one place that takes them.

`FaultInjector.before` and `after` stand around every call; what lines, lists and downloads suffer is read from
`current`. Nothing is random: rates go by a hash of the line.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from batchspec.core.diagnostics import did_you_mean
from batchspec.emulator.refusals import FieldFault, Refusal

CALLS = (
    "upload", "list_files", "get_file", "delete_file", "download", "file_url",
    "create", "list", "get", "cancel", "delete", "models", "model",
)  # fmt: skip
"""The names by which faults speak of calls; "*" is every call."""

ANY_CALL = "*"

_HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>A proxy's page, not the API.</body></html>"


class CallDroppedError(ConnectionError):
    """The connection is to be closed without an answer."""


class HtmlPage(Exception):  # noqa: N818 - an answer, not a fault of this program
    """A 200 that is no answer of the API, as a proxy or a captive portal gives it."""

    page = _HTML


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailure:
    """The next `count` calls are refused with `status`, their work not done; `retry_after` is sent as it is."""

    status: int
    count: int = 1
    retry_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is to go wrong. Mappings go by the call's name in CALLS, or "*"; counts fall as they are used up.

    - `latency`: seconds before each call.
    - `lose_answers`, `drop_calls`: for that many calls the connection closes without an answer, the work done, or not.
    - `fail_calls`: calls refused; `html`: calls that get a 200 with a page of HTML, their work not done.
    - `not_found_after_create`, `list_lag`: seconds for which a new job cannot be got, or is in no list.
    - `truncate_downloads`: that many downloads end early: within a line and short of the Content-Length, or, where
      `truncate_with_length` is false, at the end of a line and with no length, so that only the content can tell.
    - `line_error_rate`: share of the lines that fail, with `line_error_status`.
    - `missing_lines`, `doubled_lines`: share of the executed lines that are in no file, or twice in theirs.
    - `unfit_answers`: share of the chat answers whose text is prose instead of what was asked for.
    - `unknown_status`: jobs report a status that no client knows.
    - `fail_jobs`: that many of the jobs that start end as FAILED after half of their lines, keeping what is done.
    """

    latency: float = 0
    lose_answers: Mapping[str, int] = field(default_factory=dict)
    drop_calls: Mapping[str, int] = field(default_factory=dict)
    fail_calls: Mapping[str, CallFailure] = field(default_factory=dict)
    html: Mapping[str, int] = field(default_factory=dict)
    not_found_after_create: float = 0
    list_lag: float = 0
    truncate_downloads: int = 0
    truncate_with_length: bool = True
    line_error_rate: float = 0
    line_error_status: int = 400
    missing_lines: float = 0
    doubled_lines: float = 0
    unfit_answers: float = 0
    unknown_status: bool = False
    fail_jobs: int = 0

    @classmethod
    def from_json(cls, value: object) -> Faults:
        """Read the JSON form; fields that are not named are at rest. Raises FieldFault."""
        if not isinstance(value, dict):
            raise FieldFault(("body",), "an object of faults is expected")
        for name in value:
            if name not in _READERS:
                raise FieldFault(("body", name), f"no such fault; {did_you_mean(name, _READERS)}")
        return cls(**{name: _READERS[name](("body", name), value[name]) for name in value})

    def to_json(self) -> dict[str, object]:
        """Return the JSON form, every field named."""
        shown = {spot.name: getattr(self, spot.name) for spot in fields(self)}
        failures = {name: _failure_json(failure) for name, failure in self.fail_calls.items()}
        return {**shown, "fail_calls": failures}


def strikes(rate: float, name: str, line: bytes) -> bool:
    """Tell whether the fault `name`, at `rate` from 0 to 1, befalls a line; the same line always has the same fate."""
    if rate <= 0:
        return False
    drawn = hashlib.sha256(name.encode() + b"\0" + line).digest()[:8]
    return int.from_bytes(drawn, "big") / 2**64 < rate


class FaultInjector:
    """Holds the faults in force, and takes them as calls and jobs come by. Safe for many threads.

    `pause` waits for some seconds and returns early when the server stops.
    """

    def __init__(self, faults: Faults, pause: Callable[[float], object]) -> None:
        self._turn = threading.Lock()
        self._current = faults
        self._pause = pause

    @property
    def current(self) -> Faults:
        """The faults in force, their counts as they are left."""
        return self._current

    def set(self, faults: Faults) -> None:
        """Put other faults in force, in place of all that were."""
        with self._turn:
            self._current = faults

    def before(self, call: str) -> None:
        """Do what befalls a call before its work. Raises CallDroppedError, Refusal or HtmlPage, the work undone."""
        if self.current.latency > 0:
            self._pause(self.current.latency)
        if self._take("drop_calls", call):
            raise CallDroppedError(call)
        failure = self._take_failure(call)
        if failure is not None:
            headers = {} if failure.retry_after is None else {"Retry-After": failure.retry_after}
            raise Refusal(failure.status, _failure_body(failure.status), headers)
        if self._take("html", call):
            raise HtmlPage

    def after(self, call: str) -> None:
        """Do what befalls a call after its work. Raises CallDroppedError: the work is done and the answer is lost."""
        if self._take("lose_answers", call):
            raise CallDroppedError(call)

    def take_truncation(self) -> bool:
        """Tell whether this download is to end early, using up one."""
        return self._take_one("truncate_downloads")

    def take_job_failure(self) -> bool:
        """Tell whether the job that starts now is to fail half way, using up one."""
        return self._take_one("fail_jobs")

    def _take_one(self, name: str) -> bool:
        with self._turn:
            left = getattr(self._current, name)
            if left <= 0:
                return False
            self._current = replace(self._current, **{name: left - 1})
            return True

    def _take(self, name: str, call: str) -> bool:
        with self._turn:
            counts: Mapping[str, int] = getattr(self._current, name)
            for key in (call, ANY_CALL):
                left = counts.get(key, 0)
                if left > 0:
                    rest: dict[str, Any] = {name: {**counts, key: left - 1}}
                    self._current = replace(self._current, **rest)
                    return True
            return False

    def _take_failure(self, call: str) -> CallFailure | None:
        with self._turn:
            failures = self._current.fail_calls
            for key in (call, ANY_CALL):
                failure = failures.get(key)
                if failure is not None and failure.count > 0:
                    left = replace(failure, count=failure.count - 1)
                    self._current = replace(self._current, fail_calls={**failures, key: left})
                    return failure
            return None


def _failure_body(status: int) -> dict[str, object]:
    if status == 401:
        return {"detail": "Unauthorized"}
    return {"object": "error", "message": f"Injected fault {status}", "type": "injected_fault", "code": str(status)}


def _failure_json(failure: CallFailure) -> dict[str, object]:
    return {"status": failure.status, "count": failure.count, "retry_after": failure.retry_after}


Place = tuple[str, ...]


def _seconds(place: Place, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise FieldFault(place, "a number of seconds is expected, 0 or more")
    return value


def _rate(place: Place, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise FieldFault(place, "a share from 0 to 1 is expected")
    return value


def _count(place: Place, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FieldFault(place, "a count is expected, 0 or more")
    return value


def _flag(place: Place, value: object) -> bool:
    if not isinstance(value, bool):
        raise FieldFault(place, "true or false is expected")
    return value


def _status(place: Place, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:
        raise FieldFault(place, "an HTTP status from 400 to 599 is expected")
    return value


def _calls(place: Place, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise FieldFault(place, 'an object from a call\'s name to its fault is expected, as in {"create": 1}')
    for call in value:
        if call != ANY_CALL and call not in CALLS:
            raise FieldFault((*place, call), f"no such call; {did_you_mean(call, CALLS)}")
    return value


def _counts(place: Place, value: object) -> dict[str, int]:
    return {call: _count((*place, call), count) for call, count in _calls(place, value).items()}


def _failures(place: Place, value: object) -> dict[str, CallFailure]:
    return {call: _failure((*place, call), given) for call, given in _calls(place, value).items()}


def _failure(place: Place, value: object) -> CallFailure:
    if not isinstance(value, dict) or not value.keys() <= {"status", "count", "retry_after"}:
        raise FieldFault(place, 'an object is expected, as in {"status": 500, "count": 1, "retry_after": "1"}')
    retry_after = value.get("retry_after")
    if retry_after is not None and not (isinstance(retry_after, str) and retry_after.isprintable()):
        raise FieldFault((*place, "retry_after"), "the header's text is expected")
    return CallFailure(
        status=_status((*place, "status"), value.get("status")),
        count=_count((*place, "count"), value.get("count", 1)),
        retry_after=retry_after,
    )


_READERS: dict[str, Callable[[Place, object], Any]] = {
    "latency": _seconds,
    "lose_answers": _counts,
    "drop_calls": _counts,
    "fail_calls": _failures,
    "html": _counts,
    "not_found_after_create": _seconds,
    "list_lag": _seconds,
    "truncate_downloads": _count,
    "truncate_with_length": _flag,
    "line_error_rate": _rate,
    "line_error_status": _status,
    "missing_lines": _rate,
    "doubled_lines": _rate,
    "unfit_answers": _rate,
    "unknown_status": _flag,
    "fail_jobs": _count,
}
