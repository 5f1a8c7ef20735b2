"""Lines that are longer than a terminal is wide, folded between words below where their text begins."""

from __future__ import annotations

import re

from batchspec.report.safe_text import width

_CODES = re.compile(r"\x1b\[[0-9;]*m")
_GAP = re.compile(r"(?<=\S) {2,}(?=\S)|^ *\w+: +")
# What stands between backticks is a command to be copied, and a fold in it would break it.
_PIECES = re.compile(r"\s+|(?:`[^`]*`|\S)+")


def fold(text: str, width: int | None) -> str:
    """Return `text` with no line longer than `width` where words allow it; None leaves it alone."""
    if width is None:
        return text
    return "\n".join(_fold_line(line, width) for line in text.split("\n"))


def visible(text: str) -> int:
    """Return how many columns a text takes, its colours left out."""
    return width(_CODES.sub("", text))


def _fold_line(line: str, width: int) -> str:
    if visible(line) <= width:
        return line
    hang = _hang(_CODES.sub("", line), width)
    lines, used = [""], 0
    for piece in _PIECES.findall(line):
        length = visible(piece)
        if used + length > width and used > hang:
            lines[-1] = lines[-1].rstrip()
            if piece.isspace():
                # The fold is in its place; what follows begins the next line.
                lines.append(" " * hang)
                used = hang
                continue
            lines.append(" " * hang)
            used = hang
        elif piece.isspace() and used == hang and len(lines) > 1:
            continue
        lines[-1] += piece
        used += length
    return "\n".join(lines)


def _hang(plain: str, width: int) -> int:
    """Return the column that a line goes on in: where its text begins after a label, if that is in its first half."""
    gaps = [gap.end() for gap in _GAP.finditer(plain) if gap.end() <= width // 2]
    begins = len(plain) - len(plain.lstrip())
    return gaps[-1] if gaps else min(begins + 2, width // 2)
