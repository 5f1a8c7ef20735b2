"""Texts made after a pattern, of a length that is asked for, and varying with a draw."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.emulator.answers.patterns import (
    LONGEST,
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

_MOST_STEPS = 100_000
_TURNS = 6
_ROOM = 40
_MASK = 2**64 - 1
_FILLER = "a"


def texts(pattern: str, draw: int, least: int = 0, most: int | None = None) -> Iterator[str]:
    """Yield some texts made after the pattern, of `least` to `most` characters; most often it is found in them.

    Raises UnsupportedPatternError.
    """
    node = read(pattern)
    if least > LONGEST:
        raise UnsupportedPatternError(f"a text of more than {LONGEST} characters is not made for a pattern")
    highest = LONGEST if most is None else min(most, LONGEST)
    maker = _Maker(min(highest, least + _ROOM), draw)
    if not maker.lengths(node) >> least:
        maker = _Maker(highest, draw)
    fitting = [least + length for length in _lowest(maker.lengths(node) >> least, _TURNS)]
    first = draw % len(fitting) if fitting else 0
    for length in 2 * (fitting[first:] + fitting[:first]):
        yield maker.made(node, length)
    for length in _lowest(maker.lengths(node), 1):
        # Where the pattern leaves an end open, anything may stand there.
        made = maker.made(node, length)
        filler = _FILLER * (least - length)
        yield from (text for text in (made + filler, filler + made) if filler)


def looked_for(pattern: str, draw: int) -> list[str]:
    """Return a text for each thing that a pattern looks ahead for. Raises UnsupportedPatternError."""
    found: list[str] = []
    for node in _looks(read(pattern)):
        maker = _Maker(_ROOM, draw)
        found += [maker.made(node.part, length) for length in _lowest(maker.lengths(node.part), 1)]
    return found


def _looks(node: Node) -> Iterator[Look]:
    match node:
        case Look():
            if not node.negated:
                yield node
        case Sequence(parts) | Alternatives(parts):
            for part in parts:
                yield from _looks(part)
        case Repeated() | Captured():
            yield from _looks(node.part)


def blended(one: str, other: str) -> Iterator[str]:
    """Yield texts that hold both: one after the other, and one laid over the other or put into it."""
    yield one + other
    yield other + one
    for place in range(len(one) + 1):
        yield one[:place] + other + one[place + len(other) :]
        yield one[:place] + other + one[place:]


def _lowest(bits: int, most: int) -> list[int]:
    """Return the places of the lowest bits that are set."""
    found: list[int] = []
    while bits and len(found) < most:
        bit = bits & -bits
        found.append(bit.bit_length() - 1)
        bits ^= bit
    return found


class _Maker:
    """Makes texts of one draw. A set of lengths is a whole number with a bit for each length up to `limit`."""

    def __init__(self, limit: int, draw: int) -> None:
        self._whole = (1 << (limit + 1)) - 1
        self._limit = limit
        self._draw = draw
        self._steps = _MOST_STEPS
        self._known: dict[int, int] = {}
        self._groups: dict[int, str] = {}

    def lengths(self, node: Node) -> int:
        """Return the lengths that a node's text may have."""
        if id(node) not in self._known:
            self._known[id(node)] = self._lengths(node)
        return self._known[id(node)]

    def _lengths(self, node: Node) -> int:  # noqa: PLR0911 - one return for each kind of node
        match node:
            case Characters():
                return 0b10 & self._whole if node.examples() else 0
            case Anchor() | Edge() | Look():
                return 1
            case Captured():
                return self.lengths(node.part)
            case Back():
                return self.lengths(node.group)
            case Sequence():
                found = 1
                for part in node.parts:
                    found = self._joined(found, self.lengths(part))
                return found
            case Alternatives():
                found = 0
                for option in node.options:
                    found |= self.lengths(option)
                return found
            case Repeated():
                return self._repeated(node)

    def _repeated(self, node: Repeated) -> int:
        found = 1
        for powers in self._powers(node):
            found = powers
        reached = found
        for _ in range(self._limit if node.most is None else min(self._limit, node.most - node.least)):
            more = reached | self._joined(reached, self.lengths(node.part))
            if more == reached:
                break
            reached = more
        return reached

    def _powers(self, node: Repeated) -> Iterator[int]:
        """Yield the lengths of one, two, … times the node's part, up to its least count."""
        found = 1
        for _ in range(node.least):
            before, found = found, self._joined(found, self.lengths(node.part))
            yield found
            if found in {0, before}:
                return

    def _joined(self, one: int, other: int) -> int:
        """Return the lengths of two texts one after the other."""
        if one.bit_count() > other.bit_count():
            one, other = other, one
        found = 0
        while one:
            bit = one & -one
            found |= other << (bit.bit_length() - 1)
            one ^= bit
            self._step()
        return found & self._whole

    def made(self, node: Node, length: int) -> str:  # noqa: PLR0911 - one return for each kind of node
        """Return a text of a length that the node may have."""
        self._step()
        match node:
            case Characters():
                examples = node.examples()
                return examples[self._pick(len(examples))]
            case Anchor() | Edge() | Look():
                return ""
            case Captured():
                self._groups[node.number] = self.made(node.part, length)
                return self._groups[node.number]
            case Back():
                return self._groups.get(node.group.number, "")
            case Sequence():
                return self._sequence(node.parts, length)
            case Alternatives():
                fitting = [option for option in node.options if self.lengths(option) >> length & 1]
                return self.made(fitting[self._pick(len(fitting))], length)
            case Repeated():
                return self._repetition(node, length)

    def _sequence(self, parts: tuple[Node, ...], length: int) -> str:
        rests = [1]
        for part in reversed(parts[1:]):
            rests.append(self._joined(rests[-1], self.lengths(part)))
        made: list[str] = []
        for part in parts:
            first = self._first_length(self.lengths(part), rests.pop(), length)
            made.append(self.made(part, first))
            length -= first
        return "".join(made)

    def _repetition(self, node: Repeated, length: int) -> str:
        """Repeat the part as seldom as the length lets it be."""
        lengths = self.lengths(node.part)
        powers = [1]
        while len(powers) <= node.least or not powers[-1] >> length & 1:
            if powers[-1] >> length & 1 and powers[-1] == (powers[-2] if len(powers) > 1 else 0):
                break
            powers.append(self._joined(powers[-1], lengths))
        made: list[str] = []
        powers.pop()
        while powers:
            first = self._first_length(lengths, powers.pop(), length)
            made.append(self.made(node.part, first))
            length -= first
        return "".join(made)

    def _first_length(self, firsts: int, rests: int, length: int) -> int:
        """Return a length of the first text that leaves a length of the rest."""
        for first in range(length + 1):
            if firsts >> first & 1 and rests >> (length - first) & 1:
                return first
        raise AssertionError("a length was promised that cannot be")

    def _pick(self, count: int) -> int:
        self._draw = (self._draw * 6364136223846793005 + 1442695040888963407) & _MASK
        return (self._draw >> 33) % count

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise UnsupportedPatternError("it asks for too much work")
