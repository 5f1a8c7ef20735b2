"""Regular expressions read into a tree: literals, classes, groups, alternatives, counts, anchors at the ends.

No expression is ever run by an engine that backtracks, so that no user's pattern can hold up the server. What is not
known here (look-around, back references, word boundaries, flags) is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 4_000
"""Characters: no text longer than this is made for a pattern, and no higher count in one is told apart from it."""

_DEEPEST = 40
_MOST_NODES = 2_000
_MOST_STEPS = 200_000
_WIDEST = 64
_SURROGATES = range(0xD800, 0xE000)
_ANY = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!#$%&*+/:;<=>?@^|,'\"`()[]{}\\\u00e9"
_EXAMPLES = {"d": "0123456789", "w": "abcdefghij0123456789_", "s": " "}
_MEMBERS: dict[str, Callable[[str], bool]] = {
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
            _MEMBERS[kind.lower()](character) == kind.islower() for kind in self.classes
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


Node = Characters | Sequence | Alternatives | Repeated | Anchor


@lru_cache(maxsize=1024)
def read(pattern: str) -> Node:
    """Read a pattern. Raises UnsupportedPatternError."""
    reader = _Reader(pattern)
    node = reader.alternatives(0)
    if reader.left:
        raise UnsupportedPatternError("a bracket is closed that was never opened")
    return node


def found_in(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found anywhere in a text. Raises UnsupportedPatternError."""
    if len(text) > LONGEST:
        raise UnsupportedPatternError(f"a text of more than {LONGEST} characters is not searched")
    return bool(_Search(text).ends(read(pattern), (1 << (len(text) + 1)) - 1))


class _Search:
    """Follows a pattern through one text. Places in the text are the bits of a whole number."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[Characters, int] = {}
        self._steps = _MOST_STEPS

    def ends(self, node: Node, starts: int) -> int:
        """Return where the node may end when it begins at one of the places."""
        self._steps -= 1
        if self._steps < 0:
            raise UnsupportedPatternError("it asks for too much work")
        match node:
            case Characters():
                return (starts & self._places(node)) << 1
            case Anchor():
                return starts & (1 << len(self._text) if node.at_end else 1)
            case Sequence():
                for part in node.parts:
                    starts = self.ends(part, starts) if starts else 0
                return starts
            case Alternatives():
                found = 0
                for option in node.options:
                    found |= self.ends(option, starts)
                return found
            case Repeated():
                return self._repeated(node, starts)

    def _places(self, node: Characters) -> int:
        if node not in self._known:
            digits = "".join("1" if node.has(character) else "0" for character in reversed(self._text))
            self._known[node] = int(digits or "0", 2)
        return self._known[node]

    def _repeated(self, node: Repeated, starts: int) -> int:
        for _ in range(node.least):
            before, starts = starts, self.ends(node.part, starts)
            if starts in {0, before}:
                break
        reached = fresh = starts
        turns = 0
        while fresh and (node.most is None or turns < node.most - node.least):
            fresh = self.ends(node.part, fresh) & ~reached
            reached |= fresh
            turns += 1
        return reached


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
        if self._took("?"):
            kind = self._next()
            if kind == "P":
                kind = self._next()
            if kind == "<" and self._peek() not in {"=", "!"}:
                name, closed, _ = self._pattern[self._at :].partition(">")
                if not closed or not name.isidentifier():
                    raise UnsupportedPatternError("a group's name is not one")
                self._at += len(name) + 1
            elif kind != ":":
                raise UnsupportedPatternError("look-around, back references and flags are not supported")
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

    def _escaped(self) -> Characters | Anchor:
        character = self._next()
        if character in {"x", "u"}:
            return self._coded(2 if character == "x" else 4)
        if character and character.lower() in _MEMBERS:
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
        if isinstance(node, Anchor):
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
