"""Candidates for an object, from the facts that it must comply with; the fullest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice, product
from string import ascii_lowercase

from batchspec.emulator.answers.draws import Draw
from batchspec.emulator.answers.pattern_texts import texts
from batchspec.emulator.answers.schema_cases import absent_names, required_names
from batchspec.emulator.answers.schema_fit import matches, named
from batchspec.emulator.answers.schema_search import (
    Case,
    Fact,
    Maker,
    NothingFits,
    SomeMember,
    Unevaluated,
    Wish,
    text_wish,
)

_MOST_MEMBERS = 1_000
_MOST_NAMES = 8
_MORE_MEMBERS = 6
_MOST_PLACINGS = 16
_NAMES_TO_TRY = 40


def objects(maker: Maker, case: Case, draw: Draw, depth: int, *, optional: bool) -> Iterator[dict[str, object]]:
    """Yield objects: with the members that may be left away where these are `optional` and can be, and without."""
    asked = _Asked(maker, case)
    if asked.least > _MOST_MEMBERS:
        raise NothingFits(f"an object of {asked.least} members is more than the emulator makes")
    for placing in islice(asked.placings(draw, depth), _MOST_PLACINGS):
        for full in (True, False) if optional else (False,):
            try:
                yield asked.made(placing, draw, depth, full=full)
            except NothingFits:
                continue
    for more in range(1, _MORE_MEMBERS):
        asked.least += 1
        for placing in islice(asked.placings(draw, depth), _MOST_PLACINGS):
            try:
                yield asked.made(placing, draw + more, depth, full=False)
            except NothingFits:
                continue


class _Asked:
    """What is asked of one object."""

    def __init__(self, maker: Maker, case: Case) -> None:
        self._maker = maker
        self._case = case
        self._required = required_names(case)
        self._absent = absent_names(case)
        self._dependent = [fact.value for fact in case.of("dependentRequired") if isinstance(fact.value, Mapping)]
        self._name_wishes = [Wish(fact.part.inner(fact.value)) for fact in case.of("propertyNames")]
        self.least = case.least("minProperties")
        self.most = case.most("maxProperties")

    def placings(self, draw: Draw, depth: int) -> Iterator[dict[str, list[Wish]]]:
        """Yield ways to give a name to each member that there must be, with what is wished of it."""
        needs = [need for fact in self._case.of("someMember") if isinstance(need := fact.value, SomeMember)]
        ways = [[need.name] if need.name is not None else self._names_for(need, draw, depth) for need in needs]
        for names in product(*ways):
            placing: dict[str, list[Wish]] = {}
            for name, need in zip(names, needs, strict=True):
                placing.setdefault(name, []).extend(need.member)
            yield placing

    def _names_for(self, need: SomeMember, draw: Draw, depth: int) -> list[str]:
        wishes = [*need.names, *self._name_wishes]
        known = [*self._required, *self._told(), "emulated_1"]
        free = (name for name in known if name not in self._absent and self._maker.fits(name, wishes))
        made = self._maker.values([text_wish("type", "string"), *wishes], draw, depth + 1)
        return list(dict.fromkeys(chain(free, map(str, islice(made, _MOST_NAMES)))))

    def _told(self) -> list[str]:
        """Return the names that the schema tells, in its order."""
        return list(dict.fromkeys(name for fact in self._case.of("properties") for name in named_in(fact)))

    def made(self, placing: dict[str, list[Wish]], draw: Draw, depth: int, *, full: bool) -> dict[str, object]:
        """Return an object with these members, all that it needs, and if `full` what may be left away."""
        told = self._told()
        needed = self._closed([*self._required, *placing])
        self._check(needed)
        made: dict[str, object] = {}
        for index, name in enumerate([*(name for name in told if name in needed), *needed]):
            if name not in made:
                wishes = [*self._wishes(name), *placing.get(name, [])]
                made[name] = self._maker.value(wishes, draw + index, depth + 1)
        for index, name in enumerate(told):
            if full or len(made) < self.least:
                self._add(made, name, draw + index, depth)
        if self.most is not None and self.least > self.most:
            raise NothingFits("an object has no room for more members")
        if len(made) < self.least:
            self._fill(made, draw, depth)
        return {name: made[name] for name in dict.fromkeys(chain(told, made)) if name in made}

    def _check(self, needed: list[str]) -> None:
        if self.most is not None and len(needed) > self.most:
            raise NothingFits("an object has too little room for the members that it needs")
        if not self._absent.isdisjoint(needed) or not all(self._maker.fits(name, self._name_wishes) for name in needed):
            raise NothingFits("an object needs a member that it may not have")

    def _closed(self, names: list[str]) -> list[str]:
        """Return the names with those that they need beside them."""
        found = list(dict.fromkeys(names))
        for name in found:
            for others in self._dependent:
                more = others.get(name)
                found += [other for other in (more if isinstance(more, list) else []) if other not in found]
        return found

    def _add(self, made: dict[str, object], name: str, draw: Draw, depth: int) -> bool:
        """Add a member with those that it needs beside it, if that can be; tell whether it is there."""
        added: dict[str, object] = {}
        try:
            needed = self._closed([*made, name])
            self._check(needed)
            for other in needed[len(made) :]:
                added[other] = self._maker.value(self._wishes(other), draw, depth + 1)
        except NothingFits:
            return False
        made.update(added)
        return True

    def _fill(self, made: dict[str, object], draw: Draw, depth: int) -> None:
        """Add members under further names until there are enough."""
        for name in self._names(draw, depth):
            if len(made) >= self.least:
                return
            self._add(made, name, draw + len(made), depth)
        if len(made) < self.least:
            raise NothingFits("too few names for an object's members")

    def _names(self, draw: Draw, depth: int) -> Iterator[str]:
        yield from (f"emulated_{number + 1}" for number in range(self.least))
        yield from ascii_lowercase
        if self._name_wishes:
            wishes = [text_wish("type", "string"), *self._name_wishes]
            yield from map(str, islice(self._maker.values(wishes, draw, depth + 1), _NAMES_TO_TRY + self.least))
        patterns = [pattern for fact in self._case.of("patternProperties") for pattern in named_in(fact)]
        for turn in range(_NAMES_TO_TRY + self.least):
            for pattern in patterns:
                yield from islice(texts(pattern, draw.mixed(turn).whole()), 2)

    def _wishes(self, name: str) -> list[Wish]:
        """Return what a member of that name must fit."""
        found: list[Wish] = []
        for fact in self._case.of("properties", "patternProperties", "additionalProperties"):
            found += [Wish(fact.part.inner(schema)) for schema in _asked_of(fact, name)]
        for fact in self._case.of("unevaluatedProperties"):
            if isinstance(fact.value, Unevaluated) and not self._spoken_of(name, fact.value.watcher):
                found.append(Wish(fact.part.inner(fact.value.schema)))
        return found

    def _spoken_of(self, name: str, watcher: int) -> bool:
        watched = (fact for fact in self._case.facts if watcher in fact.watchers)
        return any(fact.keyword == "unevaluatedProperties" or bool(_asked_of(fact, name)) for fact in watched)


def named_in(fact: Fact) -> Mapping[str, object]:
    """Return a fact's parts by name; none where it has none."""
    return fact.value if isinstance(fact.value, Mapping) else {}


def _asked_of(fact: Fact, name: str) -> list[object]:
    """Return the schemas of a keyword that a member of that name must fit."""
    if fact.keyword == "properties":
        return [named_in(fact)[name]] if name in named_in(fact) else []
    if fact.keyword == "patternProperties":
        return [schema for pattern, schema in named_in(fact).items() if matches(pattern, name)]
    schema = fact.part.schema
    if fact.keyword != "additionalProperties" or not isinstance(schema, Mapping):
        return []
    told = name in named(schema, "properties")
    return [] if told or any(matches(pattern, name) for pattern in named(schema, "patternProperties")) else [fact.value]
