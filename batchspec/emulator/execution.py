"""One line of a batch file executed: its answer, or its error, as a line of a result file. Pure."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from batchspec.core.canonical import CanonicalError, body_digest, canonical
from batchspec.core.json_text import encode, encode_read, encode_string, parse
from batchspec.emulator.answers import AnswerError
from batchspec.emulator.faults import Faults, strikes

Answer = Callable[[str, str, Mapping[str, object]], Mapping[str, object]]
"""Takes endpoint, model and body, and returns the response's body; raises AnswerError for a line that fails."""

_LOG = logging.getLogger(__name__)
_HEAD = b'{"custom_id":'
_MIDDLE = b',"body":'


class LineResult(NamedTuple):
    """What came of a line: the SHA-256 of its body, whether it succeeded, and its result lines with their newlines."""

    body: bytes
    succeeded: bool
    written: bytes


def execute(endpoint: str, model: str, line: bytes, faults: Faults, answer: Answer) -> LineResult:
    """Execute a line that passed the upload's check, by means of `answer`."""
    value = parse(line)
    assert isinstance(value, dict)
    custom_id, body = value.get("custom_id"), value["body"]
    digest = _digest(line, value)
    error = _injected(faults, line)
    if error is None:
        try:
            answered = answer(endpoint, model, body)
            if strikes(faults.unfit_answers, "unfit_answers", line):
                _replace_text(answered)
            response: dict[str, object] = {"status_code": 200, "body": answered}
        except AnswerError as refused:
            error = refused
        except Exception:  # noqa: BLE001 - one answer's bug must not stop every job
            _LOG.exception("no answer for a line of %s", endpoint)
            error = AnswerError("the emulator failed on this request", kind="internal_error", code="1000", status=500)
    if error is not None:
        response = {"status_code": error.status, "body": encode(error.body()).decode()}
    result = {"id": f"batch-{digest.hex()[:24]}", "custom_id": custom_id, "response": response, "error": None}
    return LineResult(digest, error is None, _copies(faults, line) * (encode_read(result) + b"\n"))


def _replace_text(body: Mapping[str, object]) -> None:
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        choice["message"]["content"] = "[emulated] Let me think about that."


def _digest(line: bytes, value: Mapping[str, object]) -> bytes:
    """Return the SHA-256 of the canonical body: of its very bytes where the line is laid out as batchspec does it."""
    custom_id = value.get("custom_id")
    if isinstance(custom_id, str) and len(value) == 2:
        head = _HEAD + encode_string(custom_id) + _MIDDLE
        text = line.rstrip(b"\n")
        if text.startswith(head + b"{") and text.endswith(b"}}"):
            return body_digest(text[len(head) : -1])
    try:
        return body_digest(canonical(value["body"]))
    except CanonicalError:
        return hashlib.sha256(line).digest()


def _injected(faults: Faults, line: bytes) -> AnswerError | None:
    if not strikes(faults.line_error_rate, "line_error", line):
        return None
    status = faults.line_error_status
    return AnswerError(f"Injected fault {status}", kind="injected_fault", code=str(status), status=status)


def _copies(faults: Faults, line: bytes) -> int:
    if strikes(faults.missing_lines, "missing_lines", line):
        return 0
    return 2 if strikes(faults.doubled_lines, "doubled_lines", line) else 1
