"""What an error answer says: its message, request id and refused lines, whichever of the API's shapes it has.

All text that leaves here is of one line and free of terminal escapes; `clean` also cuts it to a sane length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from batchspec.core import json_text

LONGEST_MESSAGE = 600
LONGEST_ID = 120
_MOST_LINES = 1000
_DEEPEST = 6

_TERMINAL_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]P^_X]|[\x9d\x90\x9e\x9f\x98])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, PM, APC, SOS
    r"|\x1b[ -/]*[0-~]"
)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class ErrorText(NamedTuple):
    """An error answer as read. `lines` holds (line number from 1, message) pairs of an upload's refusal."""

    message: str | None
    request_id: str | None
    lines: tuple[tuple[int, str], ...] = ()


def clean(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return foreign text as one line without terminal escapes or invisible characters, cut to `longest`."""
    return cut(one_line(text), longest)


def one_line(text: str) -> str:
    """Return foreign text as one line without terminal escapes or invisible characters."""
    plain = _TERMINAL_SEQUENCE.sub(" ", text)
    seen = "".join(" " if unicodedata.category(character) in _UNSEEN else character for character in plain)
    return " ".join(seen.split())


def cut(text: str, longest: int) -> str:
    """Return at most `longest` characters, with a sign where some are missing."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def is_html(content_type: str, body: bytes) -> bool:
    """Tell whether an answer is a page for people, which the API never sends."""
    return "html" in content_type.lower() or body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def read_error(body: bytes) -> ErrorText:
    """Read an error answer. A body that is not JSON is its own message, unless it is a page."""
    try:
        value = json_text.parse(body)
    except json_text.JsonError:
        return ErrorText(None if is_html("", body) else one_line(body.decode("utf-8", "replace")) or None, None)
    message = _message(value, _DEEPEST)
    request_id = value.get("request_id") if isinstance(value, Mapping) else None
    return ErrorText(
        one_line(message) or None,
        one_line(request_id) or None if isinstance(request_id, str) else None,
        _line_errors(value.get("errors")) if isinstance(value, Mapping) else (),
    )


def _message(value: object, depth: int) -> str:
    """Find the words in any shape: a string, a list of findings, or an object around one of these."""
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    if isinstance(value, Mapping):
        return _object_message(value, depth)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "; ".join(filter(None, (_message(item, depth - 1) for item in value[:20])))
    return ""


def _object_message(value: Mapping[str, object], depth: int) -> str:
    if isinstance(value.get("msg"), str):
        return _with_place(value["msg"], value.get("loc"))
    found = (_message(value.get(name), depth - 1) for name in ("message", "detail", "error"))
    words = next(filter(None, found), "")
    description = value.get("description")
    if isinstance(description, str) and description:
        return f"{words} {description}".strip()
    return words


def _with_place(message: object, place: object) -> str:
    if isinstance(place, Sequence) and not isinstance(place, str) and place:
        return f"{'.'.join(str(step) for step in place)}: {message}"
    return str(message)


def _line_errors(value: object) -> tuple[tuple[int, str], ...]:
    if not isinstance(value, list):
        return ()
    found: list[tuple[int, str]] = []
    for item in value[:_MOST_LINES]:
        if isinstance(item, Mapping):
            line = item.get("line_number")
            if isinstance(line, int) and not isinstance(line, bool):
                found.append((line, one_line(_message(item.get("message"), _DEEPEST))))
    return tuple(found)
