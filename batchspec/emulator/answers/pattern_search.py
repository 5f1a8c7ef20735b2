"""Patterns looked for in texts, all places in a text at once, so that no pattern costs more than its budget."""

from __future__ import annotations

import re

from batchspec.emulator.answers.patterns import (
    LONGEST,
    MEMBERS,
    Alternatives,
    Anchor,
    Back,
    Captured,
    Characters,
    Edge,
    Look,
    Node,
    Repeated,
    Sequence,
    UnsupportedPatternError,
    read,
)

_LONGEST_TO_TRY = 16
_MOST_STEPS = 200_000


def has_back(node: Node) -> bool:
    """Tell whether a text must hold what a group of it holds."""
    match node:
        case Back():
            return True
        case Sequence(parts) | Alternatives(parts):
            return any(map(has_back, parts))
        case Repeated() | Look() | Captured():
            return has_back(node.part)
        case _:
            return False


def found_in(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found anywhere in a text. Raises UnsupportedPatternError."""
    if has_back(read(pattern)):
        if len(text) > _LONGEST_TO_TRY:
            raise UnsupportedPatternError(
                f"with back references no text of over {_LONGEST_TO_TRY} characters is searched"
            )
        return re.search(pattern, text) is not None
    if len(text) > LONGEST:
        raise UnsupportedPatternError(f"a text of more than {LONGEST} characters is not searched")
    return bool(_Search(text).ends(read(pattern), (1 << (len(text) + 1)) - 1))


class _Search:
    """Follows a pattern through one text. Places in the text are the bits of a whole number."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[Characters, int] = {}
        self._steps = _MOST_STEPS

    def ends(self, node: Node, starts: int) -> int:  # noqa: PLR0911 - one return for each kind of node
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
            case Captured():
                return self.ends(node.part, starts)
            case Edge():
                return starts & self._edges(negated=node.negated)
            case Look():
                return starts & self._seen(node, starts)
            case Back():
                raise UnsupportedPatternError("a back reference is not followed here")

    def _edges(self, *, negated: bool) -> int:
        words = [False, *map(MEMBERS["w"], self._text), False]
        edges = (words[place] != words[place + 1] for place in range(len(words) - 1))
        return sum(1 << place for place, edge in enumerate(edges) if edge != negated)

    def _seen(self, node: Look, starts: int) -> int:
        """Return the places where a look-around holds."""
        places = range(len(self._text) + 1)
        found = 0
        for place in places:
            if node.behind:
                found |= self.ends(node.part, 1 << place)
            elif starts >> place & 1 and self.ends(node.part, 1 << place):
                found |= 1 << place
        return ~found if node.negated else found

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
