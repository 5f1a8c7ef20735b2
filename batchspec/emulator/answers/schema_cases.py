"""Wishes for a value taken apart, choice by choice, until only facts about a value of some kind are left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Protocol

from batchspec.emulator.answers.draws import Draw
from batchspec.emulator.answers.schema_denials import containing_bounds, denials, types_of
from batchspec.emulator.answers.schema_fit import equal, listed, named
from batchspec.emulator.answers.schema_places import Part, Places, Schema, UnusableSchemaError
from batchspec.emulator.answers.schema_search import Case, Containing, Fact, Unevaluated, Way, Wish

_PLAIN = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "format"),
        *("properties", "patternProperties", "additionalProperties", "propertyNames"),
        *("required", "minProperties", "maxProperties", "dependentRequired"),
        *("prefixItems", "items", "minItems", "maxItems", "uniqueItems"),
    }
)

_BRANCHES = 10


class Spending(Protocol):
    """Whoever the search's budget is taken from."""

    def spend(self, steps: int) -> None:
        """Take some steps. Raises SearchEnded when there are none left."""


class Cases:
    """Takes wishes apart for one schema."""

    def __init__(self, places: Places, spending: Spending) -> None:
        self._places = places
        self._spending = spending
        self._watchers = count(1)
        self.trouble = ""

    def of(self, wishes: list[Wish], draw: Draw, *, deep: bool) -> Iterator[Case]:
        """Yield the ways in which the wishes can be met: `deep` down, those that lead no deeper come first."""
        opening = _Opened(Case(), [], frozenset())
        yield from self._opened(opening, list(wishes), draw, deep=deep)

    def _opened(self, opened: _Opened, todo: Way, draw: Draw, *, deep: bool) -> Iterator[Case]:
        opened = opened.copy()
        try:
            if not self._followed(opened, todo):
                return
        except UnusableSchemaError as error:
            self.trouble = str(error)
            return
        if not opened.forks:
            yield opened.case
            return
        fork = min(opened.forks, key=len)
        opened.forks = [other for other in opened.forks if other is not fork]
        for way in _turned(fork, draw, deep=deep):
            yield from self._opened(opened, list(way), draw.mixed(1), deep=deep)

    def _followed(self, opened: _Opened, todo: Way) -> bool:
        """Take up all that follows without a choice; tell whether it can hold together, as far as can be seen."""
        while todo:
            self._spending.spend(1)
            next_up = todo.pop(0)
            if isinstance(next_up, Fact):
                if not opened.taken(next_up):
                    return False
                continue
            schema = next_up.part.schema
            if not isinstance(schema, Mapping):
                if (schema is not False) != next_up.holds:
                    return False
                continue
            if opened.had(next_up):
                continue
            if next_up.holds:
                todo += self._asked(opened, next_up, schema)
            else:
                ways = [*self._not_led(next_up.part, schema), *denials(next_up.part, schema)]
                opened.forks.append(ways)
            while (sure := next((fork for fork in opened.forks if len(fork) < 2), None)) is not None:
                opened.forks = [fork for fork in opened.forks if fork is not sure]
                if not sure:
                    return False
                todo += sure[0]
        return True

    def _not_led(self, part: Part, schema: Schema) -> Iterator[Way]:
        for name in ("$ref", "$dynamicRef"):
            if name in schema:
                yield [Wish(self._places.led_to(part, schema[name]), False)]

    def _asked(self, opened: _Opened, wish: Wish, schema: Schema) -> Way:  # noqa: PLR0912 - one for each keyword
        """Return what a schema asks for; what it leaves a choice in is noted as a fork."""
        part, watchers = wish.part, wish.watchers
        found: Way = []
        for keyword in ("unevaluatedProperties", "unevaluatedItems"):
            if keyword in schema:
                watcher = next(self._watchers)
                found.append(Fact(keyword, Unevaluated(watcher, schema[keyword]), part, watchers))
                watchers = (*watchers, watcher)

        def wished(inner: object) -> Wish:
            return Wish(part.inner(inner), True, watchers)

        for keyword, value in schema.items():
            if keyword in _PLAIN:
                found.append(Fact(keyword, value, part, watchers))
            elif keyword in {"$ref", "$dynamicRef"}:
                found.append(Wish(self._places.led_to(part, value), True, watchers))
            elif keyword == "type":
                found.append(Fact("kinds", types_of(value)))
            elif keyword in {"enum", "const"}:
                found.append(Fact("choices", [value] if keyword == "const" else listed(schema, "enum")))
            elif keyword == "allOf":
                found += map(wished, listed(schema, "allOf"))
            elif keyword == "not":
                found.append(Wish(part.inner(value), False))
            elif keyword == "contains":
                found.append(Fact(keyword, Containing(value, *containing_bounds(schema)), part, watchers))
            elif keyword == "if":
                opened.forks.append(_conditions(part, schema, watchers))
        if any_of := listed(schema, "anyOf"):
            opened.forks.append([[wished(inner)] for inner in any_of if inner is not False])
        if one_of := listed(schema, "oneOf"):
            self._spending.spend(len(one_of) // _BRANCHES)
            opened.forks.append(
                [_alone(part, one_of, at, watchers) for at, one in enumerate(one_of) if one is not False]
            )
        for name, inner in named(schema, "dependentSchemas").items():
            opened.forks.append(
                [
                    [Fact("absent", name)],
                    [Fact("kinds", frozenset({"object"})), Fact("required", [name]), wished(inner)],
                ]
            )
        return found


class _Opened:
    """A case under way: the forks still ahead, and what has been taken up."""

    def __init__(self, case: Case, forks: list[list[Way]], known: frozenset[tuple[object, ...]]) -> None:
        self.case = case
        self.forks = forks
        self._known = known

    def copy(self) -> _Opened:
        """Return one that can go another way."""
        case = Case(self.case.kinds, self.case.choices, self.case.facts[:])
        return _Opened(case, self.forks[:], self._known)

    def had(self, wish: Wish) -> bool:
        """Tell whether the wish was taken up before, and note it."""
        key = (id(wish.part.schema), wish.part.base, wish.part.scope, wish.holds, wish.watchers)
        if key in self._known:
            return True
        self._known |= {key}
        return False

    def taken(self, fact: Fact) -> bool:
        """Take up a fact; tell whether anything is left that could comply."""
        case = self.case
        if fact.keyword == "kinds":
            case.kinds &= fact.value if isinstance(fact.value, frozenset) else case.kinds
            return bool(case.kinds)
        if fact.keyword == "choices":
            among = fact.value if isinstance(fact.value, list) else []
            given = among if case.choices is None else case.choices
            case.choices = [choice for choice in given if any(equal(choice, other) for other in among)]
            return bool(case.choices)
        case.facts.append(fact)
        if fact.keyword in {"required", "absent"} and not absent_names(case).isdisjoint(required_names(case)):
            case.kinds -= {"object"}
        return bool(case.kinds)


def required_names(case: Case) -> list[str]:
    """Return the names that an object must have whatever else it has."""
    found = (name for fact in case.of("required") for name in (fact.value if isinstance(fact.value, list) else []))
    return list(dict.fromkeys(name for name in found if isinstance(name, str)))


def absent_names(case: Case) -> set[str]:
    """Return the names that an object must not have."""
    return {fact.value for fact in case.of("absent") if isinstance(fact.value, str)}


def _conditions(part: Part, schema: Schema, watchers: tuple[int, ...]) -> list[Way]:
    test, then, other = (part.inner(schema.get(name, True)) for name in ("if", "then", "else"))
    return [[Wish(test, True, watchers), Wish(then, True, watchers)], [Wish(test, False), Wish(other, True, watchers)]]


def _alone(part: Part, branches: list[object], at: int, watchers: tuple[int, ...]) -> Way:
    alone = Wish(part.inner(branches[at]), True, watchers)
    others = [*branches[:at], *branches[at + 1 :]]
    return [alone, Wish(part.inner({"anyOf": others}), False)] if others else [alone]


def _turned(ways: list[Way], draw: Draw, *, deep: bool) -> list[Way]:
    """Begin with another way for another draw, null last; deep down, with those that lead no deeper."""
    if deep:
        return sorted(ways, key=_weight)
    useful = [way for way in ways if not _is_null(way)]
    nothing = [way for way in ways if _is_null(way)]
    at = draw % len(useful) if useful else 0
    return [*useful[at:], *useful[:at], *nothing]


def _is_null(way: Way) -> bool:
    first = way[0] if way else None
    schema = first.part.schema if isinstance(first, Wish) and first.holds else None
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _weight(way: Way) -> int:
    """Return how deep a way may lead: the least for a plain value, the most for a reference."""
    heaviest = 0
    for part in way:
        schema = part.part.schema if isinstance(part, Wish) and part.holds else None
        if isinstance(schema, Mapping) and not {"const", "enum"} & schema.keys():
            text = str(schema)
            heaviest = max(heaviest, len(text) + (1_000_000 if "Ref'" in text or "$ref" in text else 0))
    return heaviest
