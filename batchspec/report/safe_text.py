"""Text from files, models and servers, made harmless for a terminal: nothing in it moves, hides or reorders text."""

from __future__ import annotations

import re

# Controls (C0, DEL, C1), line separators, bidi and other invisible marks, half characters, tag characters. The
# joiners U+200C and U+200D stay: scripts and emoji need them.
_HARMFUL = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\ud800-\\udfff\\U000e0000-\\U000e007f]"
)
_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F
_PICTURE_OF_DELETE = "\u2421"


def safe(text: str) -> str:
    """Return text for one line of a terminal: a control as its picture (U+241B for escape), others as <U+202E>."""
    return _HARMFUL.sub(_visible, text)


def width(text: str) -> int:
    """Return how many columns safe text takes in a terminal: wide characters two, combining marks none."""
    return len(text) if text.isascii() else sum(_width_of(character) for character in text)


def _visible(match: re.Match[str]) -> str:
    code_point = ord(match.group())
    if code_point < 0x20:
        return chr(_CONTROL_PICTURES + code_point)
    return _PICTURE_OF_DELETE if code_point == _DELETE else f"<U+{code_point:04X}>"


def _width_of(character: str) -> int:
    import unicodedata  # noqa: PLC0415 - a large table, and most runs show no such character

    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
