"""How a value can fail to fit a JSON Schema: for each keyword, the ways in which it can be broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, islice

from batchspec.emulator.answers.schema_fit import listed, named, number_of
from batchspec.emulator.answers.schema_places import Part, Schema
from batchspec.emulator.answers.schema_search import (
    KINDS,
    Containing,
    Fact,
    SomeItem,
    SomeMember,
    Way,
    Wish,
    text_wish,
)

_MOST_PAIRS = 40


def types_of(given: object) -> frozenset[str]:
    """Return the kinds of value that a `type` allows."""
    found: set[str] = set()
    for kind in given if isinstance(given, list) else [given]:
        found |= {"integer", "fraction"} if kind == "number" else {str(kind)} & (KINDS - {"fraction"})
    return frozenset(found)


def denials(part: Part, schema: Schema) -> Iterator[Way]:
    """Yield the ways in which a value can fail to fit the schema; a reference is left to who can follow it."""
    for keyword, value in schema.items():
        if keyword in _WAYS:
            yield from _WAYS[keyword](part, schema, value)


def _kind(*kinds: str) -> Fact:
    return Fact("kinds", frozenset(kinds))


def _not(part: Part, schema: object) -> Wish:
    return Wish(part.inner(schema), False)


def _type(_: Part, __: Schema, value: object) -> Iterator[Way]:
    yield [Fact("kinds", KINDS - types_of(value))]


def _enum(_: Part, __: Schema, value: object) -> Iterator[Way]:
    yield [Fact("unlike", value if isinstance(value, list) else [])]


def _const(_: Part, __: Schema, value: object) -> Iterator[Way]:
    yield [Fact("unlike", [value])]


def _beyond(keyword: str) -> Callable[[Part, Schema, object], Iterator[Way]]:
    def ways(_: Part, __: Schema, value: object) -> Iterator[Way]:
        yield [_kind("integer", "fraction"), Fact(keyword, value)]

    return ways


def _size(kind: str, keyword: str, step: int) -> Callable[[Part, Schema, object], Iterator[Way]]:
    def ways(_: Part, __: Schema, value: object) -> Iterator[Way]:
        if isinstance(value, int | float) and value + step >= 0:
            yield [_kind(kind), Fact(keyword, value + step)]

    return ways


def _as_it_is(keyword: str, *kinds: str) -> Callable[[Part, Schema, object], Iterator[Way]]:
    def ways(_: Part, __: Schema, value: object) -> Iterator[Way]:
        yield [_kind(*kinds), Fact(keyword, value)]

    return ways


def _all_of(part: Part, schema: Schema, _: object) -> Iterator[Way]:
    for inner in listed(schema, "allOf"):
        yield [_not(part, inner)]


def _any_of(part: Part, schema: Schema, _: object) -> Iterator[Way]:
    yield [_not(part, inner) for inner in listed(schema, "anyOf")]


def _one_of(part: Part, schema: Schema, _: object) -> Iterator[Way]:
    branches = listed(schema, "oneOf")
    yield [_not(part, inner) for inner in branches]
    for one, other in islice(combinations(branches, 2), _MOST_PAIRS):
        yield [Wish(part.inner(one)), Wish(part.inner(other))]


def _not_not(part: Part, _: Schema, value: object) -> Iterator[Way]:
    yield [Wish(part.inner(value))]


def _if(part: Part, schema: Schema, value: object) -> Iterator[Way]:
    if "then" in schema:
        yield [Wish(part.inner(value)), _not(part, schema["then"])]
    if "else" in schema:
        yield [_not(part, value), _not(part, schema["else"])]


def _dependent_schemas(part: Part, schema: Schema, _: object) -> Iterator[Way]:
    for name, inner in named(schema, "dependentSchemas").items():
        yield [_kind("object"), Fact("required", [name]), _not(part, inner)]


def _dependent_required(_: Part, schema: Schema, __: object) -> Iterator[Way]:
    dependent = named(schema, "dependentRequired")
    for name in dependent:
        for other in listed(dependent, name):
            yield [_kind("object"), Fact("required", [name]), Fact("absent", other)]


def _required(_: Part, schema: Schema, __: object) -> Iterator[Way]:
    for name in listed(schema, "required"):
        yield [_kind("object"), Fact("absent", name)]


def _member(name: str | None, names: list[Wish], wrong: Wish) -> Way:
    return [_kind("object"), Fact("someMember", SomeMember(name, tuple(names), (wrong,)))]


def _properties(part: Part, schema: Schema, _: object) -> Iterator[Way]:
    for name, inner in named(schema, "properties").items():
        yield _member(name, [], _not(part, inner))


def _pattern_properties(part: Part, schema: Schema, _: object) -> Iterator[Way]:
    for pattern, inner in named(schema, "patternProperties").items():
        yield _member(None, [text_wish("pattern", pattern)], _not(part, inner))


def _additional_properties(part: Part, schema: Schema, value: object) -> Iterator[Way]:
    others = [text_wish("enum", list(named(schema, "properties")), holds=False)]
    others += [text_wish("pattern", pattern, holds=False) for pattern in named(schema, "patternProperties")]
    yield _member(None, others, _not(part, value))


def _property_names(part: Part, _: Schema, value: object) -> Iterator[Way]:
    yield [_kind("object"), Fact("someMember", SomeMember(None, (_not(part, value),), ()))]


def _unevaluated_properties(part: Part, schema: Schema, value: object) -> Iterator[Way]:
    yield from _additional_properties(part, schema, value)


def _prefix_items(part: Part, schema: Schema, _: object) -> Iterator[Way]:
    for place, inner in enumerate(listed(schema, "prefixItems")):
        yield [_kind("array"), Fact("someItem", SomeItem(place, _not(part, inner), place))]


def _items(part: Part, schema: Schema, value: object) -> Iterator[Way]:
    first = len(listed(schema, "prefixItems"))
    yield [_kind("array"), Fact("someItem", SomeItem(first, _not(part, value)))]


def _contains(part: Part, schema: Schema, value: object) -> Iterator[Way]:
    least, most = containing_bounds(schema)
    if least > 0:
        yield [_kind("array"), Fact("contains", Containing(value, 0, least - 1), part)]
    if most is not None:
        yield [_kind("array"), Fact("contains", Containing(value, most + 1, None), part)]


def containing_bounds(schema: Mapping[str, object]) -> tuple[int, int | None]:
    """Return how many items `contains` asks for: at least, and at most."""
    least, most = number_of(schema, "minContains"), number_of(schema, "maxContains")
    return 1 if least is None else int(least), None if most is None else int(most)


def _unique_items(_: Part, __: Schema, value: object) -> Iterator[Way]:
    if value is True:
        yield [_kind("array"), Fact("alike", True)]


def _unevaluated_items(part: Part, schema: Schema, value: object) -> Iterator[Way]:
    yield from _items(part, schema, value)


_WAYS: dict[str, Callable[[Part, Schema, object], Iterator[Way]]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _beyond("exclusiveMaximum"),
    "maximum": _beyond("exclusiveMinimum"),
    "exclusiveMinimum": _beyond("maximum"),
    "exclusiveMaximum": _beyond("minimum"),
    "multipleOf": _as_it_is("notMultipleOf", "integer", "fraction"),
    "pattern": _as_it_is("notPattern", "string"),
    "minLength": _size("string", "maxLength", -1),
    "maxLength": _size("string", "minLength", 1),
    "minItems": _size("array", "maxItems", -1),
    "maxItems": _size("array", "minItems", 1),
    "minProperties": _size("object", "maxProperties", -1),
    "maxProperties": _size("object", "minProperties", 1),
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not_not,
    "if": _if,
    "dependentSchemas": _dependent_schemas,
    "dependentRequired": _dependent_required,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    "unevaluatedProperties": _unevaluated_properties,
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "uniqueItems": _unique_items,
    "unevaluatedItems": _unevaluated_items,
}
