"""Tells keys that are surely new from keys that may have come before, in some bytes for each.

A table of marks, not of keys: it never takes a key for new that came before, and rarely doubts one that is new.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

_FEWEST_SLOTS = 1 << 12
_MOST_FILLED = 0.625
_MARK_BITS = 32
_MARK = (1 << _MARK_BITS) - 1


class Seen:
    """The keys of one kind so far. One that is `full` must be replaced by a larger one before more is added."""

    def __init__(self, expected: int = 0) -> None:
        slots = _FEWEST_SLOTS
        while slots * _MOST_FILLED < expected:
            slots *= 2
        self._mask = slots - 1
        self._room = int(slots * _MOST_FILLED)
        self._marks = array("I", [0]) * slots
        self.count = 0

    def full(self, more: int) -> bool:
        """Whether there is no room for so many more keys."""
        return self.count + more > self._room

    def add(self, keys: Sequence[str] | Sequence[bytes]) -> bool:
        """Take keys in; return False, with some of them left out, where one may be there already."""
        marks, mask = self._marks, self._mask
        self.count += len(keys)
        # A key's place is told by the low bits of its hash and its mark by the high ones; 0 marks a free place.
        for number in map(hash, keys):
            slot = number & mask
            mark = (number >> _MARK_BITS) & _MARK or 1
            while held := marks[slot]:
                if held == mark:
                    return False
                slot = (slot + 1) & mask
            marks[slot] = mark
        return True
