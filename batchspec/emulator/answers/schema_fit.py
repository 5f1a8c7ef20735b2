"""Whether a value fits a part of a JSON Schema of draft 2020-12, within bounds that no schema can make it leave.

It guides the search, whose last word is another's. Formats are not judged, as the draft has it by default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction

from batchspec.emulator.answers.pattern_search import found_in
from batchspec.emulator.answers.patterns import UnsupportedPatternError
from batchspec.emulator.answers.schema_places import Part, Places, Schema, UnusableSchemaError
from batchspec.emulator.answers.schema_search import SearchEnded

_DEEPEST = 96
_MOST_STEPS = 60_000


def equal(one: object, other: object) -> bool:
    """Compare as JSON does: 1 and 1.0 are equal, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return one == other


class Judge:
    """Tells whether values fit parts of a schema, within a budget of steps for all of them together.

    A `thorough` one looks at every keyword even where one has failed, as a validator may that looks in another order:
    what it gets through in its budget is no endless work for any.
    """

    def __init__(self, places: Places, *, thorough: bool = False) -> None:
        self._places = places
        self._all: Callable[[Iterable[bool]], bool] = _all_looked_at if thorough else all
        self._steps = _MOST_STEPS

    def fits(self, value: object, part: Part, depth: int = 0) -> bool:
        """Tell whether the value fits. Raises UnusableSchemaError, SearchEnded."""
        self._steps -= 1
        if self._steps < 0:
            raise SearchEnded("the search took too long")
        if depth > _DEEPEST:
            raise UnusableSchemaError("it refers to itself without end, or is too deep")
        schema = part.schema
        if not isinstance(schema, Mapping):
            return schema is not False
        return self._all(
            look(value, part, schema, depth + 1) for look in (_fits_value, self._logic, self._object, self._array)
        )

    def _logic(self, value: object, part: Part, schema: Schema, depth: int) -> bool:
        def holds(inner: object) -> bool:
            return self.fits(value, part.inner(inner), depth)

        for name in ("$ref", "$dynamicRef"):
            if name in schema and not self.fits(value, self._places.led_to(part, schema[name]), depth):
                return False
        if "not" in schema and holds(schema["not"]):
            return False
        if "if" in schema and not holds(schema.get("then" if holds(schema["if"]) else "else", True)):
            return False
        any_of, one_of = listed(schema, "anyOf"), listed(schema, "oneOf")
        return (
            self._all(map(holds, listed(schema, "allOf")))
            and (not any_of or not self._all(not holds(inner) for inner in any_of))
            and (not one_of or sum(map(holds, one_of)) == 1)
        )

    def _object(self, members: object, part: Part, schema: Schema, depth: int) -> bool:  # noqa: PLR0911 - as many reasons
        if not isinstance(members, dict):
            return True
        if any(name not in members for name in needed_names(schema, members)):
            return False
        if not _within(len(members), schema, "minProperties", "maxProperties"):
            return False
        if not all(
            self.fits(members, part.inner(inner), depth)
            for name, inner in named(schema, "dependentSchemas").items()
            if name in members
        ):
            return False
        names = part.inner(schema.get("propertyNames", True))
        if not all(
            self.fits(name, names, depth)
            and all(self.fits(member, part.inner(inner), depth) for inner in parts_for_name(schema, name))
            for name, member in members.items()
        ):
            return False
        if schema.get("unevaluatedProperties", True) is True:
            return True
        rest = part.inner(schema["unevaluatedProperties"])
        evaluated = set(self._names_judged(members, part, depth))
        return all(name in evaluated or self.fits(member, rest, depth) for name, member in members.items())

    def _array(self, items: object, part: Part, schema: Schema, depth: int) -> bool:  # noqa: PLR0911 - as many reasons
        if not isinstance(items, list):
            return True
        firsts = listed(schema, "prefixItems")
        if not _within(len(items), schema, "minItems", "maxItems"):
            return False
        if schema.get("uniqueItems") is True and not all_unlike(items):
            return False
        if "contains" in schema:
            wanted = sum(self.fits(item, part.inner(schema["contains"]), depth) for item in items)
            least, most = number_of(schema, "minContains"), number_of(schema, "maxContains")
            if wanted < (1 if least is None else least) or (most is not None and wanted > most):
                return False
        rest = schema.get("items", True)
        if not all(
            self.fits(item, part.inner(firsts[at] if at < len(firsts) else rest), depth)
            for at, item in enumerate(items)
        ):
            return False
        if schema.get("unevaluatedItems", True) is True:
            return True
        rest = part.inner(schema["unevaluatedItems"])
        evaluated = set(self._items_judged(items, part, depth))
        return all(at in evaluated or self.fits(item, rest, depth) for at, item in enumerate(items))

    def _names_judged(self, members: dict[str, object], part: Part, depth: int) -> Iterator[str]:
        """Yield the names of the members that a keyword has spoken of, here or in what applies to the same place."""
        schema = part.schema
        if not isinstance(schema, Mapping):
            return
        yield from named(schema, "properties")
        yield from (
            name for name in members for pattern in named(schema, "patternProperties") if matches(pattern, name)
        )
        if "additionalProperties" in schema:
            yield from members
        for inner in self._applied(members, part, schema, depth):
            if isinstance(inner.schema, Mapping) and "unevaluatedProperties" in inner.schema:
                yield from members
            yield from self._names_judged(members, inner, depth + 1)

    def _items_judged(self, items: list[object], part: Part, depth: int) -> Iterator[int]:
        """Yield the places of the items that a keyword has spoken of, here or in what applies to the same place."""
        schema = part.schema
        if not isinstance(schema, Mapping):
            return
        yield from range(len(items) if "items" in schema else len(listed(schema, "prefixItems")))
        if "contains" in schema:
            inner = part.inner(schema["contains"])
            yield from (at for at, item in enumerate(items) if self.fits(item, inner, depth))
        for inner in self._applied(items, part, schema, depth):
            if isinstance(inner.schema, Mapping) and "unevaluatedItems" in inner.schema:
                yield from range(len(items))
            yield from self._items_judged(items, inner, depth + 1)

    def _applied(self, value: object, part: Part, schema: Schema, depth: int) -> Iterator[Part]:
        """Yield the parts that speak of the same value as this part, and that it fits."""
        yield from (self._places.led_to(part, schema[name]) for name in ("$ref", "$dynamicRef") if name in schema)
        for name in ("allOf", "anyOf", "oneOf"):
            inners = (part.inner(inner) for inner in listed(schema, name))
            yield from (inner for inner in inners if self.fits(value, inner, depth))
        if isinstance(value, dict):
            dependent = named(schema, "dependentSchemas")
            yield from (part.inner(inner) for name, inner in dependent.items() if name in value)
        if "if" in schema:
            test = part.inner(schema["if"])
            holds = self.fits(value, test, depth)
            if holds:
                yield test
            yield part.inner(schema.get("then" if holds else "else", True))


def _all_looked_at(results: Iterable[bool]) -> bool:
    return all(list(results))


def _fits_value(value: object, _: Part, schema: Schema, __: int) -> bool:
    kinds = schema.get("type")
    if kinds is not None and not any(
        is_of_type(value, kind) for kind in (kinds if isinstance(kinds, list) else [kinds])
    ):
        return False
    if "const" in schema and not equal(value, schema["const"]):
        return False
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(equal(value, choice) for choice in choices):
        return False
    if isinstance(value, str):
        pattern = schema.get("pattern")
        return _within(len(value), schema, "minLength", "maxLength") and (
            not isinstance(pattern, str) or matches(pattern, value)
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _fits_number(value, schema)
    return True


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found in a text. Raises UnusableSchemaError, which names the pattern."""
    try:
        return found_in(pattern, text)
    except UnsupportedPatternError as error:
        raise UnusableSchemaError(f"the pattern {pattern[:80]!r}: {error}") from None


def _fits_number(value: float, schema: Schema) -> bool:
    over = number_of(schema, "exclusiveMinimum")
    under = number_of(schema, "exclusiveMaximum")
    step = number_of(schema, "multipleOf")
    return (
        _within(value, schema, "minimum", "maximum")
        and (over is None or value > over)
        and (under is None or value < under)
        and (step is None or step <= 0 or is_multiple(value, step))
    )


def is_multiple(value: float, step: float) -> bool:
    """Tell whether a number is a multiple as the validator reckons: by floats where the step is one, else exactly."""
    if isinstance(step, int):
        return value % step == 0
    try:
        quotient = value / step
    except OverflowError:
        quotient = math.inf
    return quotient.is_integer() if math.isfinite(quotient) else (Fraction(value) / Fraction(step)).denominator == 1


def is_of_type(value: object, kind: object) -> bool:
    """Tell whether a value is of a JSON type by its name; 1.0 is an integer, as JSON Schema has it."""
    if kind == "integer":
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "null":
        return value is None
    types: dict[str, type] = {"string": str, "boolean": bool, "object": dict, "array": list}
    return isinstance(kind, str) and kind in types and isinstance(value, types[kind])


def all_unlike(items: list[object]) -> bool:
    """Tell whether no two items are equal."""
    return not any(equal(one, other) for at, one in enumerate(items) for other in items[:at])


def needed_names(schema: Schema, members: Mapping[str, object]) -> list[str]:
    """Return the names of the members that an object must have, some of them because of others that it has."""
    needed = [name for name in listed(schema, "required") if isinstance(name, str)]
    for name, others in named(schema, "dependentRequired").items():
        if name in members and isinstance(others, list):
            needed += [other for other in others if isinstance(other, str)]
    return needed


def parts_for_name(schema: Schema, name: str) -> list[object]:
    """Return the schemas that a member of that name must fit: its own, those of patterns, or that of the rest."""
    parts: list[object] = []
    properties = named(schema, "properties")
    if name in properties:
        parts.append(properties[name])
    parts += [part for pattern, part in named(schema, "patternProperties").items() if matches(pattern, name)]
    return parts or [schema.get("additionalProperties", True)]


def _within(size: float, schema: Schema, least: str, most: str) -> bool:
    lower, upper = number_of(schema, least), number_of(schema, most)
    return (lower is None or size >= lower) and (upper is None or size <= upper)


def number_of(schema: Schema, name: str) -> float | None:
    """Return a keyword's number, or None where it has none."""
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def listed(schema: Schema, name: str) -> list[object]:
    """Return a keyword's list; an empty one where it has none."""
    given = schema.get(name)
    return given if isinstance(given, list) else []


def named(schema: Schema, name: str) -> Mapping[str, object]:
    """Return a keyword's parts by name; none where it has none."""
    given = schema.get(name)
    return given if isinstance(given, Mapping) else {}
