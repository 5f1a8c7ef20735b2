"""A source line with carets below the place that is meant: aligned, harmless, and cut to the width of a terminal."""

from __future__ import annotations

from typing import NamedTuple

from batchspec.core.diagnostics import Span
from batchspec.report.safe_text import safe, width

COLUMNS = 100
"""The widest line of an excerpt, about."""

_BEFORE = 40


class Excerpt(NamedTuple):
    """Three parts of two lines: the gutter (`  3 | ` and as many blanks), the source, the carets below it."""

    gutter: str
    blank_gutter: str
    source: str
    carets: str


def excerpt(line: str, span: Span) -> Excerpt:
    """Return the excerpt of one source line for a span that begins on it."""
    number = str(span.line)
    room = COLUMNS - len(number) - 5
    text = line.rstrip("\r\n")
    start = min(max(span.column - 1, 0), len(text))
    end = span.end_column - 1 if span.end_line == span.line else len(text.rstrip())
    end = max(min(end, len(text)), start + 1)
    first, last = _window(text, start, room)
    shown = [safe(character) for character in text[first:last]]
    before = "…" if first > 0 else ""
    after = "…" if last < len(text) else ""
    source = before + "".join(shown) + after
    # A place behind a line that fills all the room is shown at its last character.
    indent = min(width(before + "".join(shown[: start - first])), room - 1)
    marked = "".join(shown[start - first : end - first])
    carets = " " * indent + "^" * max(width(marked), 1)
    return Excerpt(f"  {number} | ", f"  {' ' * len(number)} | ", source.rstrip(), carets)


def _window(text: str, start: int, room: int) -> tuple[int, int]:
    """Return the part of a line to show: all of it if it fits, else what is around a place."""
    if len(text) <= room and width(safe(text)) <= room:
        return 0, len(text)
    ellipses = 2
    first = _reach(text, start, -1, _BEFORE)
    used = width(safe(text[first:start]))
    last = _reach(text, start, +1, room - ellipses - used)
    used += width(safe(text[start:last]))
    return _reach(text, first, -1, room - ellipses - used), last


def _reach(text: str, position: int, step: int, columns: int) -> int:
    """Return how far one gets from a position by whole characters, within so many columns."""
    while (position > 0) if step < 0 else (position < len(text)):
        columns -= width(safe(text[position if step > 0 else position - 1]))
        if columns < 0:
            break
        position += step
    return position
