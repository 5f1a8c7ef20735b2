"""Source text before the YAML parser sees it: characters that YAML refuses, and line breaks that only YAML 1.1 had.

One for one, so that every place stays what it is.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import NamedTuple

from batchspec.core.diagnostics import Span
from batchspec.core.source.findings import Finding

# What is refused and not the far longer ranges of what is allowed, which take ten times as long to compile.
UNPRINTABLE = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")
"""Characters that YAML 1.2 does not allow in a file: controls, lone surrogates."""

LINE_BREAKS_OF_1_1 = "\x85\u2028\u2029"
"""Line breaks in YAML 1.1, ordinary characters in 1.2 (and in every editor that counts lines)."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_SHOWN = 10
_PRIVATE_USE = ((0xE000, 0xF900), (0xF0000, 0xFFFFE))


class PreparedText(NamedTuple):
    """Text for the parser, and the table that undoes what was done to it."""

    text: str
    restore: dict[int, str]


def split_lines(text: str) -> tuple[str, ...]:
    """Split at the line ends that YAML 1.2 and editors know, and at no others."""
    return tuple(_LINE_END.split(text))


def unprintable(text: str) -> list[Finding]:
    """Return the first few characters that may not stand in a YAML file, each with its place."""
    offsets = [match.start() for match in islice(UNPRINTABLE.finditer(text), _SHOWN)]
    if not offsets:
        return []
    starts = [0, *(match.end() for match in _LINE_END.finditer(text, 0, offsets[-1]))]
    findings = []
    line = 0
    for offset in offsets:
        while line + 1 < len(starts) and starts[line + 1] <= offset:
            line += 1
        findings.append(not_allowed(text[offset], line + 1, offset - starts[line] + 1))
    return findings


def not_allowed(character: str, line: int, column: int) -> Finding:
    """Return the finding for one character that may not stand in a YAML file."""
    code_point = ord(character)
    if 0xD800 <= code_point <= 0xDFFF:
        what, hint = "half a character (a lone surrogate)", "remove it"
    elif code_point < 0x100:
        what, hint = (
            "a control character",
            f'remove it, or write it as an escape in double quotes: "\\x{code_point:02X}"',
        )
    else:
        what, hint = "a code point that is no character", "remove it"
    return Finding(
        Span(line, column, line, column + 1),
        "bad-character",
        f"{what} in the text: U+{code_point:04X}",
        "YAML allows only printable characters",
        hint,
    )


def prepare(text: str) -> PreparedText:
    """Replace YAML 1.1's extra line breaks by characters that the text neither holds nor writes as an escape."""
    present = [character for character in LINE_BREAKS_OF_1_1 if character in text]
    if not present:
        return PreparedText(text, {})
    used, lowered = set(text), text.lower()
    candidates = chain.from_iterable(range(*bounds) for bounds in _PRIVATE_USE)
    free = (chr(code) for code in candidates if chr(code) not in used and f"{code:x}" not in lowered)
    stand_ins = dict(zip(present, free, strict=False))
    prepared = text.translate({ord(character): stand_in for character, stand_in in stand_ins.items()})
    return PreparedText(prepared, {ord(stand_in): character for character, stand_in in stand_ins.items()})
