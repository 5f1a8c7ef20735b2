"""A text for a regular expression, best effort: literals, classes, groups, alternatives and counts.

The expression is never run: a user's pattern cannot hold up the server. What is not known here (look-around, back
references) is passed over, and the text may then not match.
"""

from __future__ import annotations

from collections.abc import Callable

_CLASSES = {"d": "0123456789", "w": "abcdefghij0123456789_", "s": " "}
_MEMBERS: dict[str, Callable[[str], bool]] = {
    "d": str.isdigit,
    "w": lambda character: character.isalnum() or character == "_",
    "s": str.isspace,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_ANY = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!#$%&*+/:;<=>?@^|,'\"`()[]{}\\"
_ANCHORS = "AZzbBG"
_LONGEST = 4_000
_DEEPEST = 40
_COUNTS = {"": (1, 1), "*": (0, _LONGEST), "?": (0, 1), "+": (1, _LONGEST)}


def sample(pattern: str, draw: int, stretch: int = 0) -> str:
    """Return a text made after the pattern; `draw` picks among its characters and alternatives.

    What may be repeated is repeated as seldom as the pattern lets it, or `stretch` times where it lets that be.
    """
    return _Reader(pattern, draw, stretch).alternatives(0)[:_LONGEST]


class _Reader:
    """Reads a pattern once from left to right, writing a text as it goes."""

    def __init__(self, pattern: str, draw: int, stretch: int) -> None:
        self._pattern = pattern
        self._at = 0
        self._draw = draw
        self._stretch = stretch

    def alternatives(self, depth: int) -> str:
        """Read up to the end of this group and return one of its alternatives."""
        if depth > _DEEPEST:
            self._at = len(self._pattern)
        found = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            found.append(self._sequence(depth))
        return found[self._draw % len(found)]

    def _sequence(self, depth: int) -> str:
        text = ""
        while self._peek() not in {"", "|", ")"} and len(text) < _LONGEST:
            piece = self._atom(depth)
            text += piece * min(self._count(), _LONGEST // max(len(piece), 1) + 1)
        return text

    def _atom(self, depth: int) -> str:
        character = self._next()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._pick(self._set())
        if character == "\\":
            return self._pick(self._escaped())
        if character == ".":
            return self._pick(_ANY[:26])
        return "" if character in "^$" else character

    def _group(self, depth: int) -> str:
        kept = True
        if self._peek() == "?":
            self._at += 1
            kind = self._next()
            if kind in "P<" and self._peek() not in {"=", "!"}:
                while self._next() not in {">", ""}:
                    pass
            elif kind != ":":
                kept = False
        text = self.alternatives(depth + 1)
        self._next()
        return text if kept else ""

    def _set(self) -> str:
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        members = ""
        while self._peek() and (self._peek() != "]" or not members):
            first = self._member()
            if self._peek() == "-" and self._peek(1) not in {"", "]"} and len(first) == 1:
                self._at += 1
                last = self._member()[:1]
                first = "".join(map(chr, range(ord(first), min(ord(last), ord(first) + 255) + 1))) or first
            members += first
        self._next()
        if not negated:
            return members
        return "".join(character for character in _ANY if character not in members) or "\u00e9"

    def _member(self) -> str:
        character = self._next()
        return self._escaped() if character == "\\" else character

    def _escaped(self) -> str:
        character = self._next()
        if character in {"x", "u"}:
            digits = self._pattern[self._at : self._at + (2 if character == "x" else 4)]
            try:
                code = int(digits, 16)
            except ValueError:
                return character
            self._at += len(digits)
            return chr(code)
        if character.lower() in _CLASSES and character.isupper():
            return "".join(other for other in _ANY if not _MEMBERS[character.lower()](other))
        if character in _ANCHORS:
            return ""
        return _CLASSES.get(character, _CONTROLS.get(character, character))

    def _count(self) -> int:
        """Read what says how often the last piece comes, and return one count that it lets be."""
        least, most = self._bounds()
        if (least, most) != (1, 1) and self._peek() in {"?", "+"}:
            self._at += 1
        return max(least, min(most, self._stretch))

    def _bounds(self) -> tuple[int, int]:
        character = self._peek()
        if character in _COUNTS:
            self._at += 1
            return _COUNTS[character]
        end = self._pattern.find("}", self._at)
        if character != "{" or end < 0:
            return 1, 1
        lower, comma, upper = self._pattern[self._at + 1 : end].partition(",")
        if not all(bound.isascii() and (bound.isdigit() or not bound) for bound in (lower, upper)):
            return 1, 1
        self._at = end + 1
        least = int(lower[:9] or 0)
        return least, (int(upper[:9]) if upper else _LONGEST if comma else least)

    def _pick(self, members: str) -> str:
        if not members:
            return ""
        self._draw = (self._draw * 6364136223846793005 + 1442695040888963407) % 2**64
        return members[(self._draw >> 33) % len(members)]

    def _peek(self, ahead: int = 0) -> str:
        return self._pattern[self._at + ahead : self._at + ahead + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1
        return character
