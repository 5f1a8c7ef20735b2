"""Colour, which is never the only sign of anything, the width that there is, and numbers as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from batchspec.report.safe_text import width
from batchspec.report.wrapping import fold

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_STEP = 1000
_NUMBER = re.compile(r"[~$]*[\d.,]+|-")


class Style:
    """Wraps text in ANSI codes, or leaves it alone; `width` is a terminal's, and None that of a file: as need be."""

    def __init__(self, *, colour: bool, width: int | None = None) -> None:
        self.colour = colour
        self.width = width

    def __call__(self, text: str, *names: str) -> str:
        """Return the text in these styles."""
        if not self.colour or not names:
            return text
        codes = ";".join(_CODES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def fold(self, text: str) -> str:
        """Return text with its lines folded to the width."""
        return fold(text, self.width)


def size(count: int) -> str:
    """Return bytes in the unit that fits: 245 kB."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < _STEP or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= _STEP
    raise AssertionError("the last unit takes every size")


def plural(count: int, noun: str) -> str:
    """Return `1 job`, `2 jobs`, `1,000 jobs`; a noun in -y is not asked for here."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def table(rows: Sequence[tuple[str, ...]], style: Style) -> str:
    """Return rows in aligned columns, the first of them the heading; numbers stand to the right.

    Where a terminal is too narrow, the first cell of a row has a line of its own and the others stand below it.
    """
    shown = _aligned(rows)
    if style.width is None or max(map(width, shown)) <= style.width:
        return "\n".join([style(shown[0], "dim"), *shown[1:]])
    below = _aligned([row[1:] for row in rows])
    if max(map(width, below)) + 2 > style.width:
        below = [fold("  ".join(row[1:]), style.width - 2).replace("\n", "\n  ") for row in rows]
    lines = [f"{row[0]}\n  {rest}" for row, rest in zip(rows, below, strict=True)]
    head = "\n".join(style(line, "dim") for line in lines[0].split("\n"))
    return "\n".join([head, *lines[1:]])


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    columns = list(zip(*rows, strict=True))
    widths = [max(map(width, column)) for column in columns]
    right = [all(map(_NUMBER.fullmatch, column[1:])) and set(column[1:]) != {"-"} for column in columns]
    return [
        "  ".join(
            _padding(cell, most) + cell if number else cell + _padding(cell, most)
            for cell, most, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _padding(cell: str, most: int) -> str:
    return " " * (most - width(cell))
