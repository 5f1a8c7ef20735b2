"""The JSON that an answer's text holds: the whole text, a fenced block, or the longest value in running text.

Text is a model's: whatever holds no JSON gives None, and never an error. Work is linear in the text's length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from batchspec.core.json_text import JsonError, parse

_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n`]*")
_BLANK = " \t\r\n\ufeff"
# A bracket that may begin an object or a list: prose, links and formulas have many that do not.
_BEGINNING = re.compile(r"\{(?=\s{0,1000}[\"}])|\[(?=\s{0,1000}(?:[\[{\"\]0-9-]|true\b|false\b|null\b))")
_MOST_BEGINNINGS = 1000
_MOST_WORK = 4


class AnswerJson(NamedTuple):
    """A JSON value that was found; null, too, is one."""

    value: object


def answer_json(text: str) -> AnswerJson | None:
    """Return the JSON of an answer; None where its text holds none.

    The text itself, if it is JSON; else its first fenced block that is, those marked `json` before others; else the
    longest object or list in it.
    """
    whole = _read(text.strip(_BLANK))
    if whole is not None:
        return whole
    blocks = list(_fenced(text))
    for marked in (True, False):
        for is_json, content in blocks:
            if is_json is marked:
                found = _read(content.strip(_BLANK))
                if found is not None:
                    return found
    return _longest(text)


def _read(text: str) -> AnswerJson | None:
    try:
        return AnswerJson(parse(text.encode("utf-8")))
    except (JsonError, UnicodeEncodeError):
        return None


def _fenced(text: str) -> Iterator[tuple[bool, str]]:
    """Yield each fenced block: whether it is marked as JSON, and its content; also one that was never closed."""
    fence = language = ""
    held: list[str] = []
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if not fence:
            if found:
                fence, language, held = found[1], found[2].casefold(), []
        elif found and found[1].startswith(fence) and not line[found.end(1) :].strip():
            yield language == "json", "\n".join(held)
            fence = ""
        else:
            held.append(line)
    if fence:
        yield language == "json", "\n".join(held)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _longest(text: str) -> AnswerJson | None:
    """Return the longest object or list that stands in running text, the first of equal ones."""
    best: AnswerJson | None = None
    longest = 0
    start, work = 0, _MOST_WORK * len(text)
    for _ in range(_MOST_BEGINNINGS):
        beginning = _BEGINNING.search(text, start)
        if beginning is None or work < 0:
            break
        start = beginning.start()
        try:
            _, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            # A text without an end was gone through to the end, wherever the error is said to be.
            work -= len(text) - start if error.msg.startswith("Unterminated") else error.pos - start
            end = start
        except (ValueError, RecursionError):
            end = start
        if end - start > longest:
            found = _read(text[start:end])
            if found is not None:
                best, longest = found, end - start
        start = max(end, start + 1)
    return best
