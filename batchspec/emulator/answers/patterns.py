"""Regular expressions read into a tree: literals, classes, groups, alternatives, counts, anchors, look-around.

No expression is run by an engine that backtracks, so that no user's pattern can hold up the server: only back
references leave no other way, and on short texts alone. What is not known (flags, atomic groups) is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 4_000
"""Characters: no text longer than this is made for a pattern, and no higher count in one is told apart from it."""

_DEEPEST = 40
_MOST_NODES = 2_000
_WIDEST = 64
_SURROGATES = range(0xD800, 0xE000)
_ANY = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!#$%&*+/:;<=>?@^|,'\"`()[]{}\\\u00e9"
_EXAMPLES = {"d": "0123456789", "w": "abcdefghij0123456789_", "s": " "}
MEMBERS: dict[str, Callable[[str], bool]] = {
    "d": str.isdecimal,
    "w": lambda character: character.isalnum() or character == "_",
    "s": str.isspace,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_COUNTS = {"*": (0, None), "?": (0, 1), "+": (1, None)}


class UnsupportedPatternError(ValueError):
    """A pattern that is none, or that asks for what is not known here; says what."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character: within one of the ranges, or of one of the classes (dwsDWS); or, `negated`, neither."""

    ranges: tuple[tuple[str, str], ...]
    classes: str = ""
    negated: bool = False

    def has(self, character: str) -> bool:
        """Tell whether the character is one of them."""
        found = any(first <= character <= last for first, last in self.ranges) or any(
            MEMBERS[kind.lower()](character) == kind.islower() for kind in self.classes
        )
        return found != self.negated

    def examples(self) -> str:
        """Return some of them, plain ones first; none where there are none."""
        return _examples(self)


@lru_cache(maxsize=1024)
def _examples(characters: Characters) -> str:
    found = ""
    if not characters.negated:
        found = "".join(_span(first, last) for first, last in characters.ranges)
        found += "".join(_EXAMPLES.get(kind, "") for kind in characters.classes)
    if characters.negated or any(kind.isupper() for kind in characters.classes):
        found += "".join(character for character in _ANY if characters.has(character))
    return found


@dataclass(frozen=True, slots=True)
class Sequence:
    """One node after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of several nodes."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A node several times; without `most`, however often."""

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The text's beginning or its end."""

    at_end: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A word's beginning or end; or, `negated`, a place that is neither."""

    negated: bool


@dataclass(frozen=True, slots=True)
class Look:
    """A place where a node is found ahead, or behind; or, `negated`, is not."""

    part: Node
    behind: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """A group that can be referred back to."""

    part: Node
    number: int


@dataclass(frozen=True, slots=True)
class Back:
    """The text of a group once more."""

    group: Captured


Node = Characters | Sequence | Alternatives | Repeated | Anchor | Edge | Look | Captured | Back


@lru_cache(maxsize=1024)
def read(pattern: str) -> Node:
    """Read a pattern. Raises UnsupportedPatternError."""
    reader = _Reader(pattern)
    node = reader.alternatives(0)
    if reader.looks and not _compiles(pattern):
        raise UnsupportedPatternError("a look-around or a back reference in it is none")
    if reader.left:
        raise UnsupportedPatternError("a bracket is closed that was never opened")
    return node


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        return False
    return True


def _span(first: str, last: str) -> str:
    """Return the first characters of a range, surrogates left out: they are no text."""
    codes = range(ord(first), min(ord(last), ord(first) + _WIDEST - 1) + 1)
    return "".join(chr(code) for code in codes if code not in _SURROGATES)


class _Reader:
    """Reads a pattern once, from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._nodes = 0
        self._groups: dict[str, Captured] = {}
        self._opened = 0
        self.looks = False

    @property
    def left(self) -> bool:
        """Whether there is something left to read."""
        return self._at < len(self._pattern)

    def alternatives(self, depth: int) -> Node:
        """Read up to the end of this group."""
        if depth > _DEEPEST:
            raise UnsupportedPatternError("it is nested too deeply")
        options = [self._sequence(depth)]
        while self._took("|"):
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.left and self._peek() not in {"|", ")"}:
            self._nodes += 1
            if self._nodes > _MOST_NODES:
                raise UnsupportedPatternError("it is too long")
            parts.append(self._counted(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _atom(self, depth: int) -> Node:
        character = self._next()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escaped()
        if character == ".":
            return Characters((("\n", "\n"),), negated=True)
        if character in "^$":
            return Anchor(character == "$")
        if character in "*+?":
            raise UnsupportedPatternError(f"`{character}` has nothing before it to repeat")
        return _one(character)

    def _group(self, depth: int) -> Node:
        if not self._took("?"):
            return self._captured(depth, None)
        kind = self._next()
        if kind == ":":
            return self._closed(depth)
        if kind in {"=", "!"}:
            return self._look(depth, behind=False, negated=kind == "!")
        if kind == "<" and self._peek() in {"=", "!"}:
            return self._look(depth, behind=True, negated=self._next() == "!")
        if kind == "P":
            kind = self._next()
        if kind == "=":
            return self._back(self._name(")"))
        if kind != "<":
            raise UnsupportedPatternError("flags, conditions and atomic groups are not supported")
        return self._captured(depth, self._name(">"))

    def _name(self, end: str) -> str:
        name, closed, _ = self._pattern[self._at :].partition(end)
        if not closed or not name.isidentifier():
            raise UnsupportedPatternError("a group's name is not one")
        self._at += len(name) + 1
        return name

    def _captured(self, depth: int, name: str | None) -> Node:
        self._opened += 1
        number = self._opened
        group = Captured(self._closed(depth), number)
        self._groups[str(number)] = group
        if name is not None:
            self._groups[name] = group
        return group

    def _look(self, depth: int, *, behind: bool, negated: bool) -> Node:
        self.looks = True
        return Look(self._closed(depth), behind, negated)

    def _back(self, name: str) -> Node:
        self.looks = True
        if name not in self._groups:
            raise UnsupportedPatternError("a back reference leads to no group before it")
        return Back(self._groups[name])

    def _closed(self, depth: int) -> Node:
        node = self.alternatives(depth + 1)
        if not self._took(")"):
            raise UnsupportedPatternError("a group is not closed")
        return node

    def _set(self) -> Node:
        negated = self._took("^")
        ranges: list[tuple[str, str]] = []
        classes = ""
        first = True
        while first or self._peek() != "]":
            if not self.left:
                raise UnsupportedPatternError("a set of characters is not closed")
            first = False
            low = self._member()
            if low.classes:
                classes += low.classes
                continue
            ((begin, end),) = low.ranges
            if self._peek() == "-" and self._peek(1) not in {"", "]"}:
                self._at += 1
                high = self._member()
                if high.classes or high.ranges[0][1] < begin:
                    raise UnsupportedPatternError("a range of characters runs backwards")
                end = high.ranges[0][1]
            ranges.append((begin, end))
        self._next()
        return Characters(tuple(ranges), classes, negated)

    def _member(self) -> Characters:
        character = self._next()
        if character != "\\":
            return _one(character)
        if self._took("b"):
            return _one("\b")
        found = self._escaped()
        if not isinstance(found, Characters):
            raise UnsupportedPatternError("an anchor stands within a set of characters")
        return found

    def _escaped(self) -> Node:  # noqa: PLR0911 - one return for each kind of escape
        character = self._next()
        if character in {"b", "B"}:
            self.looks = True
            return Edge(character == "B")
        if character and character in "123456789":
            while self._peek() and self._peek() in "0123456789":
                character += self._next()
            return self._back(character)
        if character in {"x", "u"}:
            return self._coded(2 if character == "x" else 4)
        if character and character.lower() in MEMBERS:
            return Characters((), character)
        if character in {"A", "Z", "z"}:
            return Anchor(character != "A")
        if character in _CONTROLS:
            return _one(_CONTROLS[character])
        if not character or (character.isascii() and character.isalnum()):
            raise UnsupportedPatternError(f"`\\{character}` is not supported")
        return _one(character)

    def _coded(self, size: int) -> Characters:
        digits = self._pattern[self._at : self._at + size]
        if len(digits) < size or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise UnsupportedPatternError("a character's code is not one")
        self._at += size
        return _one(chr(int(digits, 16)))

    def _counted(self, node: Node) -> Node:
        least, most = self._bounds()
        if (least, most) == (1, 1):
            return node
        if isinstance(node, Anchor | Edge | Look):
            raise UnsupportedPatternError("an anchor is repeated")
        self._took("?")
        if self._peek() in {"*", "+", "?"} and self._peek():
            raise UnsupportedPatternError("a count follows a count")
        return Repeated(node, least, most)

    def _bounds(self) -> tuple[int, int | None]:
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
        if not lower and not upper:
            return 1, 1
        self._at = end + 1
        least = min(int(lower[:9] or 0), LONGEST + 1)
        most = (min(int(upper[:9]), LONGEST + 1) if upper else None) if comma else least
        if most is not None and most < least:
            raise UnsupportedPatternError("a count runs backwards")
        return least, most

    def _took(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._at += 1
        return True

    def _peek(self, ahead: int = 0) -> str:
        return self._pattern[self._at + ahead : self._at + ahead + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1
        return character


def _one(character: str) -> Characters:
    return Characters(((character, character),))
