"""A JSON document that fits a JSON Schema, made without a model: what a structured answer is emulated with.

What is returned has been judged by the validator; a schema that nothing was found for is refused. The document varies
with `draw`, which is made of the request, and with nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from batchspec.core.json_text import encode, parse
from batchspec.core.schema import SchemaChecker
from batchspec.emulator.answers.draws import Draw
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.patterns import UnsupportedPatternError
from batchspec.emulator.answers.schema_arrays import arrays
from batchspec.emulator.answers.schema_blame import blamed
from batchspec.emulator.answers.schema_cases import Cases
from batchspec.emulator.answers.schema_fit import Judge
from batchspec.emulator.answers.schema_objects import objects
from batchspec.emulator.answers.schema_places import Part, Places, UnusableSchemaError
from batchspec.emulator.answers.schema_scalars import scalars
from batchspec.emulator.answers.schema_search import KINDS, Case, NothingFits, SearchEnded, Wish

_MOST_CASES = 60
_TURNS = 8
_TRIES = 60
_CHARACTERS = 20
_MOST_JUDGED = 40
_TROUBLE_STEPS = 200
_KEYWORDS = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "patternProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "contains"}),
    "fraction": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
}
_END = object()
_CONTAINERS = ("object", "array")
_ORDER = ("string", "fraction", "integer", "object", "array", "boolean", "null")

_Key = frozenset[tuple[int, str, tuple[str, ...], bool]]


def document(schema: object, draw: Draw) -> object:
    """Return a document that fits the schema, the same for the same `draw`. Raises AnswerError where none is found."""
    try:
        places = Places(schema)
        found = _found(places, draw)
        why = _reason(places) if found is None else ""
    except (UnusableSchemaError, UnsupportedPatternError) as error:
        why = str(error)
    except RecursionError:
        why = "it refers to itself without end"
    if why or found is None:
        raise AnswerError(f"the emulator found no document that fits the JSON Schema: {why}") from None
    return found.value


class _Found(NamedTuple):
    value: object


def _found(places: Places, draw: Draw) -> _Found | None:
    """Return the first document that the validator takes, too."""
    for search in _SEARCHES:
        try:
            maker = _Maker(places, search)
            for value in islice(maker.values([Wish(places.root)], draw, 0), _MOST_JUDGED):
                if _is_valid(places, value):
                    return _Found(value)
        except (NothingFits, SearchEnded):
            continue
    return None


def _is_valid(places: Places, value: object) -> bool:
    """Tell whether the validator takes the value as it reads on the wire; it is asked only what it can soon answer."""
    try:
        read = parse(encode(value))
    except ValueError:
        return False
    schema = places.root.schema
    if not Judge(places, thorough=True).fits(read, places.root):
        return False
    return not SchemaChecker(schema).check(read) if isinstance(schema, Mapping) else schema is not False


def _reason(places: Places) -> str:
    """Say why nothing was found, and where in the schema the reason lies."""
    told: list[str] = []

    def hopeless(part: Part) -> bool:
        maker = _Maker(places, _BRIEF)
        try:
            next(maker.values([Wish(part)], Draw(0), 0))
        except (StopIteration, NothingFits, SearchEnded) as error:
            told.append(maker.trouble or str(error))
            return True
        return False

    hopeless(places.root)
    place = blamed(places, hopeless=hopeless)
    more = next((f" ({why})" for why in reversed(told) if why), "")
    return f"what stands at {place} cannot be satisfied, as far as was found{more}"


class _Search(NamedTuple):
    """How far a search goes. A `thrifty` one lets no value hold another that is made for the very same wishes.

    Of the values that fit, a smallest one never needs to; but a document in which nothing recurs is a dull one.
    A `plain` one begins with what leads no deeper, and leaves away what it can.
    """

    deepest: int
    steps: int
    thrifty: bool
    plain: bool = False


_BRIEF = _Search(12, 1_000, True)
_SEARCHES = (_Search(6, 2_000, False), _Search(12, 6_000, True, True), _Search(40, 30_000, True))


class _Maker:
    """Makes one document, no deeper than it may be; the budget ends a search that a schema would make endless."""

    def __init__(self, places: Places, search: _Search) -> None:
        self._deepest = search.deepest
        self._thrifty = search.thrifty
        self._plain = search.plain
        self._budget = search.steps
        self._judge = Judge(places)
        self._cases = Cases(places, self)
        self._path: list[_Key] = []
        self._vain: dict[_Key, list[Wish]] = {}
        self._cut: float = math.inf
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the search could not go everywhere: a reference to nowhere, a pattern that cannot be read; or nothing."""
        return self._trouble or self._cases.trouble

    def spend(self, steps: int) -> None:
        """Take from the budget. Raises SearchEnded when there is none left."""
        self._budget -= steps
        if self._budget < 0:
            raise SearchEnded("the search took too long")

    def fits(self, value: object, wishes: list[Wish]) -> bool:
        """Tell whether a value is as wished. Raises UnusableSchemaError."""
        return all(self._judge.fits(value, wish.part) == wish.holds for wish in wishes)

    def value(self, wishes: list[Wish], draw: Draw, depth: int) -> object:
        """Return a value that is as wished. Raises NothingFits."""
        for found in self.values(wishes, draw, depth):
            return found
        raise NothingFits

    def values(self, wishes: list[Wish], draw: Draw, depth: int) -> Iterator[object]:
        """Yield values that are as wished, a few of each way to meet the wishes."""
        key = frozenset((id(wish.part.schema), wish.part.base, wish.part.scope, wish.holds) for wish in wishes)
        if key in self._vain or self._is_cut(key, depth):
            return
        before, self._cut = self._cut, math.inf
        found = False
        candidates = self._candidates(wishes, draw, depth)
        for candidate in self._on_path(key, candidates):
            self.spend(1)
            if self._is_fit(candidate, wishes):
                found = True
                yield candidate
        if not found and self._cut >= len(self._path):
            # The wishes are kept, so that what is known by its address stays there.
            self._vain[key] = wishes
            self._cut = math.inf
        self._cut = min(before, self._cut)

    def _is_fit(self, value: object, wishes: list[Wish]) -> bool:
        """Tell whether a value is as wished; one that cannot be judged is none."""
        try:
            return self.fits(value, wishes)
        except UnusableSchemaError as error:
            self._trouble = str(error)
            self.spend(_TROUBLE_STEPS)
            return False

    def _is_cut(self, key: _Key, depth: int) -> bool:
        """Tell whether the search ends here for a reason that lies above, and note how far above."""
        if depth > self._deepest:
            self._cut = -1
        elif self._thrifty and key in self._path:
            self._cut = min(self._cut, self._path.index(key))
        else:
            return False
        return True

    def _on_path(self, key: _Key, candidates: Iterator[object]) -> Iterator[object]:
        """Yield the candidates; only while one is made, its wishes are on the path."""
        while True:
            self._path.append(key)
            try:
                candidate = next(candidates, _END)
            finally:
                self._path.pop()
            if candidate is _END:
                return
            yield candidate

    def _candidates(self, wishes: list[Wish], draw: Draw, depth: int) -> Iterator[object]:
        ways: list[Iterator[object]] = []
        deep = self._plain or depth > self._deepest // 3
        for case in islice(self._cases.of(wishes, draw, deep=deep), _MOST_CASES):
            ways.append(self._of_case(case, draw, depth))
            yield from islice(ways[-1], 2)
        for turn in range(_TURNS):
            for way in ways:
                yield from islice(way, 2**turn)

    def _of_case(self, case: Case, draw: Draw, depth: int) -> Iterator[object]:
        if case.choices is not None:
            self.spend(len(case.choices) // _CHARACTERS)
            at = draw % len(case.choices) if case.choices else 0
            yield from case.choices[at:] + case.choices[:at]
            return
        kinds = _kinds(case, draw)
        for kind in sorted(kinds, key=_CONTAINERS.__contains__) if self._plain else kinds:
            self.spend(1)
            yield from islice(self._of_kind(kind, case, draw, depth), _TRIES)

    def _of_kind(self, kind: str, case: Case, draw: Draw, depth: int) -> Iterator[object]:
        optional = not self._plain and depth <= self._deepest // 2
        made: Iterable[object]
        if kind == "object":
            made = objects(self, case, draw, depth, optional=optional)
        elif kind == "array":
            made = arrays(self, case, draw, depth, optional=optional)
        else:
            made = scalars(self, kind, case, draw)
        try:
            for value in made:
                self.spend(len(value) // _CHARACTERS if isinstance(value, str) else 0)
                yield value
        except (NothingFits, UnusableSchemaError, UnsupportedPatternError) as error:
            self._trouble = str(error) or self._trouble


def _kinds(case: Case, draw: Draw) -> list[str]:
    """Return the kinds to make, in the order to try them: those that keywords speak of first, null last."""
    kinds = [kind for kind in _ORDER if kind in case.kinds]
    told = {fact.keyword for fact in case.facts}
    spoken = [kind for kind in kinds if not _KEYWORDS.get(kind, frozenset()).isdisjoint(told)]
    others = [kind for kind in kinds if kind != "null"]
    at = draw % len(others) if others and case.kinds != KINDS and not spoken else 0
    return list(dict.fromkeys([*spoken, *others[at:], *others[:at], *kinds]))
