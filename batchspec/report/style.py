"""Colour, which is never the only sign of anything, and numbers as people read them."""

from __future__ import annotations

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
