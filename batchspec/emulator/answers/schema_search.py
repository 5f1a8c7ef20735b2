"""What the search for a document is about: wishes for one value, what they come down to, and who makes members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from batchspec.emulator.answers.draws import Draw
from batchspec.emulator.answers.schema_places import Part

KINDS = frozenset({"string", "fraction", "integer", "object", "array", "boolean", "null"})
"""What a value can be: JSON's types, numbers parted into whole ones and the others."""


class NothingFits(Exception):  # noqa: N818 - a turn in a search, not a fault
    """No value was found for a part of the schema."""


class SearchEnded(Exception):  # noqa: N818 - the budget's end, not a fault
    """The search has spent all that it may."""


class Wish(NamedTuple):
    """That a value fit a part of a schema, or (`holds` is false) that it not fit it.

    `watchers` are the `unevaluated…` keywords that want to know which members and items this part speaks of.
    """

    part: Part
    holds: bool = True
    watchers: tuple[int, ...] = ()


class Fact(NamedTuple):
    """A keyword that a value must comply with; some are of the search's own making (see `schema_denials`)."""

    keyword: str
    value: object
    part: Part = Part(True)
    watchers: tuple[int, ...] = ()


Way = list[Wish | Fact]
"""Wishes and facts that must hold together; one of several ways to meet a keyword."""


class Unevaluated(NamedTuple):
    """An `unevaluated…` keyword's schema, and the number by which parts are told that it watches them."""

    watcher: int
    schema: object


class Containing(NamedTuple):
    """So many items must fit `schema`, and no more than `most`, if given."""

    schema: object
    least: int
    most: int | None


class SomeMember(NamedTuple):
    """An object must have a member of which this holds: of that name (or one that is as wished), and as wished."""

    name: str | None
    names: tuple[Wish, ...]
    member: tuple[Wish, ...]


class SomeItem(NamedTuple):
    """An array must have an item of which a wish holds, from the place `first` on, up to `last` where there is one."""

    first: int
    wish: Wish
    last: int | None = None


@dataclass(slots=True)
class Case:
    """One way in which wishes for a value can be met, with no choice left but the value itself."""

    kinds: frozenset[str] = KINDS
    choices: list[object] | None = None
    facts: list[Fact] = field(default_factory=list)

    def of(self, *keywords: str) -> Iterator[Fact]:
        """Yield the facts of these keywords."""
        return (fact for fact in self.facts if fact.keyword in keywords)

    def numbers(self, keyword: str) -> list[float]:
        """Return what a keyword that has a number asks for, each time that it is there."""
        values = (fact.value for fact in self.of(keyword))
        return [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]

    def least(self, keyword: str, default: int = 0) -> int:
        """Return the least size that all of the keyword's facts allow."""
        return max([default, *(-int(-value // 1) for value in self.numbers(keyword))])

    def most(self, keyword: str) -> int | None:
        """Return the greatest size that all of the keyword's facts allow; None without any."""
        found = self.numbers(keyword)
        return int(min(found) // 1) if found else None


class Maker(Protocol):
    """Makes the values of an object's members and of an array's items."""

    def values(self, wishes: list[Wish], draw: Draw, depth: int) -> Iterator[object]:
        """Yield values that are as wished."""

    def value(self, wishes: list[Wish], draw: Draw, depth: int) -> object:
        """Return the first of these values. Raises NothingFits."""

    def fits(self, value: object, wishes: list[Wish]) -> bool:
        """Tell whether a value is as wished."""

    def spend(self, steps: int) -> None:
        """Take from the search's budget. Raises SearchEnded when there is none left."""


def text_wish(keyword: str, value: object, *, holds: bool = True) -> Wish:
    """Return a wish of one keyword, for a name."""
    return Wish(Part({keyword: value}), holds)


def unlike(values: list[object]) -> Wish:
    """Return the wish for a value that is none of these."""
    return Wish(Part({"enum": list(values)}), False)
