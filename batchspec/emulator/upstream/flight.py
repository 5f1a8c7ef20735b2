"""The lines of one job that are under way: read in order, finished in any, with a mark below which all are finished.

What is finished above the mark is known by the executions that are recorded, so that no finished line is sent again.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple

from batchspec.emulator.uploads import LONGEST_LINE

_FURTHEST = 10_000


class Place(NamedTuple):
    """A place in a job's input: the file, the bytes read of it, and the number of lines before it in all files."""

    file: int
    offset: int
    line: int


class Flight:
    """Reads a job's lines from a place on, but for those finished already, and moves the mark as they finish."""

    def __init__(self, paths: Sequence[Path], mark: Place, finished: set[int]) -> None:
        self.mark = mark
        self._finished = finished
        self._places: dict[int, Place] = {}
        self._lines = _lines(paths, mark)
        self._read = mark.line
        self.exhausted = False

    def take(self, count: int) -> list[tuple[int, bytes]]:
        """Return the next lines to send, with their numbers from 1. Raises FileNotFoundError for a file that is gone.

        Fewer than asked for come where the input ends, or where one line holds the mark back for very long.
        """
        taken: list[tuple[int, bytes]] = []
        while len(taken) < count and not self.exhausted and self._read - self.mark.line < _FURTHEST:
            found = next(self._lines, None)
            if found is None:
                self.exhausted = True
                break
            line, place = found
            self._read = place.line
            self._places[place.line] = place
            if place.line in self._finished:
                self._advance()
            else:
                taken.append((place.line, line))
        return taken

    def finish(self, numbers: Sequence[int]) -> None:
        """Note that lines are finished, and move the mark as far as every line before it is."""
        self._finished.update(number for number in numbers if number > self.mark.line)
        self._advance()

    def _advance(self) -> None:
        while self.mark.line + 1 in self._finished and self.mark.line + 1 in self._places:
            self._finished.discard(self.mark.line + 1)
            self.mark = self._places.pop(self.mark.line + 1)

    def close(self) -> None:
        """Close the file that is being read."""
        self._lines.close()


def _lines(paths: Sequence[Path], start: Place) -> Generator[tuple[bytes, Place], None, None]:
    """Yield the lines from a place on, each with the place after it."""
    number, offset = start.line, start.offset
    for index in range(start.file, len(paths)):
        with paths[index].open("rb") as stream:
            stream.seek(offset)
            while line := stream.readline(LONGEST_LINE):
                number, offset = number + 1, offset + len(line)
                yield line, Place(index, offset, number)
        offset = 0
