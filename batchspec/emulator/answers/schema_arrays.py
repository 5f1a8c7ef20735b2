"""Candidates for an array, from the facts that it must comply with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, islice, product

from batchspec.emulator.answers.draws import Draw
from batchspec.emulator.answers.schema_fit import listed
from batchspec.emulator.answers.schema_search import (
    Case,
    Containing,
    Fact,
    Maker,
    NothingFits,
    SomeItem,
    Unevaluated,
    Wish,
    unlike,
)

_MOST_ITEMS = 1_000
_MORE_SIZES = 6
_MOST_PLACINGS = 30
_FEW_ITEMS = 8
_CANDIDATES = 8

Wishes = list[list[Wish]]


def arrays(maker: Maker, case: Case, draw: Draw, depth: int, *, optional: bool) -> Iterator[list[object]]:
    """Yield arrays of several sizes: first with an item more than there need be where that is `optional`."""
    asked = _Asked(maker, case)
    if asked.least > _MOST_ITEMS:
        raise NothingFits(f"an array of {asked.least} items is more than the emulator makes")
    for size in asked.sizes(optional=optional):
        for placing in islice(asked.placings(size), _MOST_PLACINGS):
            try:
                yield from asked.made(placing, draw, depth)
            except NothingFits:
                continue


class _Asked:
    """What is asked of one array."""

    def __init__(self, maker: Maker, case: Case) -> None:
        self._maker = maker
        self._case = case
        self._unique = any(fact.value is True for fact in case.of("uniqueItems"))
        self._alike = any(True for _ in case.of("alike"))
        self._contains = [fact for fact in case.of("contains") if isinstance(fact.value, Containing)]
        self._some = [item for fact in case.of("someItem") if isinstance(item := fact.value, SomeItem)]
        self._firsts = max([0, *(len(_list(fact.value)) for fact in case.of("prefixItems"))])
        wanted = [fact.value.least for fact in self._contains if isinstance(fact.value, Containing)]
        self.least = max(case.least("minItems"), *wanted, *(item.first + 1 for item in self._some), 2 * self._alike, 0)
        self.most = case.most("maxItems")

    def sizes(self, *, optional: bool) -> list[int]:
        """Return the sizes to try."""
        top = self.least + _MORE_SIZES if self.most is None else min(self.most, self.least + _MORE_SIZES)
        full = max(self.least, 1, self._firsts) if optional else self.least
        full = full if self.most is None else min(full, self.most)
        return [size for size in dict.fromkeys((full, *range(self.least, top + 1))) if size >= self.least]

    def placings(self, size: int) -> Iterator[Wishes]:
        """Yield ways to place the items that there must be among so many, as what is wished of each item."""
        ways = [list(islice(_placed(fact.value, size), _MOST_PLACINGS)) for fact in self._contains]
        places = [range(item.first, size if item.last is None else item.last + 1) for item in self._some]
        pairs = list(combinations(range(size), 2)) if self._alike else [(0, 0)]
        for (one, other), chosen in product(pairs, product(*ways, *places)):
            held = list(chosen[: len(ways)])
            self._maker.spend(1 + size)
            wishes = [self._wishes(at, held) for at in range(size)]
            for item, place in zip(self._some, chosen[len(ways) :], strict=True):
                if isinstance(place, int):
                    wishes[place] = [*wishes[place], item.wish]
            if self._alike:
                wishes[one] = wishes[other] = [*wishes[one], *wishes[other]]
            yield wishes

    def _wishes(self, at: int, held: list[object]) -> list[Wish]:
        """Return what is wished of the item at a place, when those places are `held` by items that must be there."""
        found: list[Wish] = []
        for fact in self._case.of("prefixItems", "items"):
            found += [Wish(fact.part.inner(schema)) for schema in _asked_of(fact, at)]
        for fact, places in zip(self._contains, held, strict=True):
            if isinstance(fact.value, Containing) and isinstance(places, tuple):
                inner = fact.part.inner(fact.value.schema)
                if at in places:
                    found.append(Wish(inner))
                elif fact.value.most is not None:
                    found.append(Wish(inner, False))
        for fact in self._case.of("unevaluatedItems"):
            if isinstance(fact.value, Unevaluated) and not self._spoken_of(at, fact.value.watcher, held):
                found.append(Wish(fact.part.inner(fact.value.schema)))
        return found

    def _spoken_of(self, at: int, watcher: int, held: list[object]) -> bool:
        for fact in self._case.facts:
            if watcher in fact.watchers and (fact.keyword in {"items", "unevaluatedItems"} or _asked_of(fact, at)):
                return True
        watched = zip(self._contains, held, strict=True)
        return any(isinstance(places, tuple) and at in places for fact, places in watched if watcher in fact.watchers)

    def made(self, wishes: Wishes, draw: Draw, depth: int) -> Iterator[list[object]]:
        """Yield arrays whose items are as wished."""
        if self._unique and len(wishes) <= _FEW_ITEMS:
            yield from self._backtracked(wishes, [], draw, depth)
            return
        items: list[object] = []
        known: dict[int, object] = {}
        for at, asked in enumerate(wishes):
            if self._unique:
                self._maker.spend(len(items) // 10)
                items.append(self._maker.value([*asked, unlike(items)], draw + at, depth + 1))
                continue
            if id(asked) not in known:
                known[id(asked)] = self._maker.value(asked, draw + at, depth + 1)
            items.append(known[id(asked)])
        yield items

    def _backtracked(self, wishes: Wishes, items: list[object], draw: Draw, depth: int) -> Iterator[list[object]]:
        at = len(items)
        if at == len(wishes):
            yield items
            return
        asked = [*wishes[at], unlike(items)] if items else wishes[at]
        for item in islice(self._maker.values(asked, draw + at, depth + 1), _CANDIDATES):
            yield from self._backtracked(wishes, [*items, item], draw, depth)


def _placed(containing: object, size: int) -> Iterator[tuple[int, ...]]:
    """Yield the places that items can have of which there must be some."""
    if isinstance(containing, Containing):
        most = size if containing.most is None else min(size, containing.most)
        for count in range(max(containing.least, 0), most + 1):
            yield from islice(combinations(range(size), count), _MOST_PLACINGS)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _asked_of(fact: Fact, at: int) -> list[object]:
    """Return the schemas of a keyword that the item at a place must fit."""
    if fact.keyword == "prefixItems":
        return _list(fact.value)[at : at + 1]
    schema = fact.part.schema
    if fact.keyword != "items" or not isinstance(schema, Mapping):
        return []
    return [fact.value] if at >= len(listed(schema, "prefixItems")) else []
