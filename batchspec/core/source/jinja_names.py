"""Finds a name inside Jinja's delimiters in raw text, for the place of an error; it does not parse Jinja."""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPENER = re.compile(r"\{[{%#]")
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}


def first_in_delimiter(text: str, name: str, within: tuple[int, int]) -> int | None:
    """Return the offset of a name's first use as a whole word inside `{{ }}` or `{% %}`, or None.

    Only uses between the two offsets of `within` count; the delimiters may begin and end outside of them.
    """
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for start, end in _delimited(text):
        first, last = max(start, within[0]), min(end, within[1])
        found = word.search(text, first, last) if first < last else None
        if found is not None:
            return found.start()
    return None


def _delimited(text: str) -> Iterator[tuple[int, int]]:
    """Yield the stretches inside delimiters, comments left out, in time linear in the text."""
    never_closed: set[str] = set()
    position = 0
    while (opener := _OPENER.search(text, position)) is not None:
        position = opener.end()
        closer = _CLOSERS[opener.group()]
        end = -1 if closer in never_closed else text.find(closer, position)
        if end < 0:
            never_closed.add(closer)
            continue
        if closer != "#}":
            yield position, end
        position = end + 2
