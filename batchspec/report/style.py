"""Colour, which is never the only sign of anything, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_STEP = 1000


class Style:
    """Wraps text in ANSI codes, or leaves it alone."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    def __call__(self, text: str, *names: str) -> str:
        """Return the text in these styles."""
        if not self.colour or not names:
            return text
        codes = ";".join(_CODES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"


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
    """Return rows in aligned columns, the first of them the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([style(lines[0], "dim"), *lines[1:]])
