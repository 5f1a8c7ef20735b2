"""What an answer means: the one place that says what is a success, and what failure may pass.

Shapes of result lines are those of `{"id", "custom_id", "response": {"status_code", "body"}, "error"}` as the API
writes them and as they were seen: a body or an error may be an object, a JSON string or a bare string.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from batchspec.core.json_text import JsonError, encode, encode_read, parse
from batchspec.core.model import BatchJobStatus, Usage

_PASSING_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_MESSAGE = 2000
_DEEPEST_MESSAGE = 8
# What a ledger can keep as a whole number.
_LARGEST_COUNT = 2**63 - 1


class OutcomeKind(StrEnum):
    """How a request ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_PASSING = "failed_passing"
    HELD = "held"
    LOST = "lost"
    """It was answered, perhaps, and the answer is no longer to be had."""


class Outcome(NamedTuple):
    """A request's end: `body` is the answer's JSON text, `error` says in words why there is none."""

    kind: OutcomeKind
    status_code: int | None = None
    body: bytes | None = None
    error: str | None = None
    usage: Usage | None = None


class ResultLine(NamedTuple):
    """One line of a result file."""

    custom_id: str
    outcome: Outcome


class ResultLineError(ValueError):
    """A line that is not of a result file."""


def read_result_line(line: bytes) -> ResultLine:
    """Read one line of an output or error file. Raises ResultLineError for what is none."""
    custom_id, value = _read(line)
    try:
        return ResultLine(custom_id, _outcome(value.get("response"), value.get("error")))
    except ValueError as error:  # nested so deeply that it can be read, but not be written again
        raise ResultLineError(str(error)) from None


def _read(line: bytes) -> tuple[str, dict[object, object]]:
    try:
        value = parse(line)
    except JsonError as error:
        raise ResultLineError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ResultLineError("not an object")
    custom_id = value.get("custom_id")
    if not isinstance(custom_id, str):
        raise ResultLineError("no custom_id")
    return custom_id, value


def _outcome(response: object, error: object) -> Outcome:
    status, body = None, None
    if isinstance(response, dict):
        status = _status(response.get("status_code"))
        body = response.get("body")
    if error is None and status is not None and 200 <= status < 300 and isinstance(body, dict):
        return Outcome(OutcomeKind.SUCCEEDED, status, encode_read(body), None, _usage(body))
    problem = _unpacked(error if error is not None else body)
    if status is None and isinstance(problem, dict):
        status = _status(problem.get("raw_status_code", problem.get("status_code", problem.get("status"))))
    # A success without a body says nothing of the request: like a failure of the server, it may pass.
    passing = status is None or status in _PASSING_STATUSES or status >= 500 or 200 <= status < 300
    kind = OutcomeKind.FAILED_PASSING if passing else OutcomeKind.FAILED
    return Outcome(kind, status, None, message_of(problem) or "the provider gave no reason")


def _status(value: object) -> int | None:
    return value if isinstance(value, int) and 100 <= value <= 999 else None


def _unpacked(value: object) -> object:
    """Return what a JSON string holds, and anything else as it is."""
    if isinstance(value, str):
        try:
            return parse(value.encode("utf-8", "replace"))
        except JsonError:
            return value
    return value


def message_of(problem: object, depth: int = _DEEPEST_MESSAGE) -> str | None:
    """Return the words of an error that may be an object, objects in objects down to a depth, or a bare string."""
    if isinstance(problem, dict):
        for key in ("message", "detail", "error", "msg") if depth else ():
            if problem.get(key) is not None:
                return message_of(problem[key], depth - 1)
        return encode(problem).decode("utf-8")[:_LONGEST_MESSAGE]
    if isinstance(problem, list):
        if not depth:
            return None
        return "; ".join(filter(None, (message_of(item, depth - 1) for item in problem)))[:_LONGEST_MESSAGE] or None
    return None if problem is None else str(problem)[:_LONGEST_MESSAGE]


def without_a_line(status: BatchJobStatus, errors: tuple[str, ...], gone: str | None = None) -> Outcome:
    """Return the outcome of a request that its ended job says nothing about.

    `gone` says what of the job is no longer at the provider: then an answer that was paid for may have been there.
    """
    if gone is not None:
        return Outcome(OutcomeKind.LOST, error=f"the answer is lost: {gone}")
    if status is BatchJobStatus.CANCELLED:
        return Outcome(OutcomeKind.HELD, error="cancelled before it ran")
    if status is BatchJobStatus.TIMEOUT_EXCEEDED:
        return Outcome(OutcomeKind.FAILED_PASSING, error="expired: the job's timeout passed before it ran")
    reason = "no line returned"
    if status is BatchJobStatus.FAILED:
        reason += ": the job failed" + (f" ({'; '.join(errors)})" if errors else "")
    return Outcome(OutcomeKind.FAILED_PASSING, error=reason[:_LONGEST_MESSAGE])


def _usage(body: dict[object, object]) -> Usage | None:
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    counts = map(usage.get, Usage._fields)
    return Usage(*[count if isinstance(count, int) and 0 <= count <= _LARGEST_COUNT else 0 for count in counts])
