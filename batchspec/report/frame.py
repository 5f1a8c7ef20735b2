"""A block of lines on a terminal, drawn again in its place: what stood above it stays, and nothing flickers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TextIO

from batchspec.report.wrapping import visible

_UP = "\x1b[{}F"
_REST_OF_LINE = "\x1b[K"
_REST_OF_SCREEN = "\x1b[J"


class Room(NamedTuple):
    """How large a terminal is, in characters."""

    columns: int
    lines: int


class Frame:
    """Draws a block over the one before it; `room` is asked each time, since a window may be made larger or smaller."""

    def __init__(self, stream: TextIO, room: Callable[[], Room]) -> None:
        self._stream = stream
        self._room = room
        self._drawn: list[str] = []

    def draw(self, lines: Sequence[str], foot: Sequence[str] = ()) -> None:
        """Show lines, and a foot below them; lines in the middle are left out where the terminal has too few."""
        room = self._room()
        shown = _fitted(list(lines), list(foot), room)
        if shown == self._drawn:
            return
        self._stream.write(self._back(room) + "".join(f"{line}{_REST_OF_LINE}\n" for line in shown) + _REST_OF_SCREEN)
        self._stream.flush()
        self._drawn = shown

    def clear(self) -> None:
        """Take the block away; what is written next stands in its place."""
        if self._drawn:
            self._stream.write(self._back(self._room()) + _REST_OF_SCREEN)
            self._stream.flush()
        self._drawn = []

    def _back(self, room: Room) -> str:
        rows = sum(_rows(line, room) for line in self._drawn)
        return _UP.format(rows) if rows else ""


def _rows(line: str, room: Room) -> int:
    return max(1, -(-visible(line) // room.columns))


def _fitted(lines: list[str], foot: list[str], room: Room) -> list[str]:
    """Return what fits, with a word about what does not. The cursor stands on a line of its own below it."""
    left = room.lines - 1 - sum(_rows(line, room) for line in foot)
    if sum(_rows(line, room) for line in lines) <= left:
        return [*lines, *foot]
    kept: list[str] = []
    left -= 1
    for line in lines:
        left -= _rows(line, room)
        if left < 0:
            break
        kept.append(line)
    return [*kept, f"… {len(lines) - len(kept):,} more lines; the whole is shown at the end", *foot]
