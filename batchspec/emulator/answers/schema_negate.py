"""What a JSON Schema refuses, as schemas: each of several ways in which a value can fail to fit it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from batchspec.emulator.answers.schema_fit import Schema
from batchspec.emulator.answers.schema_merge import all_merged

_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
_MOST_WAYS = 8


def negations(schema: object) -> list[object]:
    """Return schemas of which each is fitted by values that do not fit `schema`; the simplest first.

    Not every way is among them, and what fits one may still fit `schema`: whoever asks must judge.
    """
    if not isinstance(schema, Mapping):
        return [True] if schema is False else []
    found: list[object] = []
    for key, value in schema.items():
        if key in _WAYS:
            found += list(_WAYS[key](value))[:_MOST_WAYS]
    return found[:_MOST_WAYS]


def none_of(schemas: list[object]) -> list[object]:
    """Return schemas of which each is fitted by values that fit none of `schemas`."""
    ways: list[object] = [True]
    for schema in schemas:
        ways = [all_merged([way, negation]) for way in ways for negation in negations(schema)][:_MOST_WAYS]
    return ways


def _other_types(given: object) -> Iterator[Schema]:
    named = given if isinstance(given, list) else [given]
    left = [kind for kind in _TYPES if kind not in named and not (kind == "integer" and "number" in named)]
    if left:
        yield {"type": [kind for kind in left if kind != "number" or "integer" not in named] or left}


def _any_other(given: object) -> Iterator[object]:  # noqa: ARG001 - the judge tells the others apart
    yield True


def _number(name: str) -> Callable[[object], Iterator[Schema]]:
    def way(given: object) -> Iterator[Schema]:
        yield {"type": ["integer", "number"], name: given}

    return way


def _size(kind: str, name: str, step: int) -> Callable[[object], Iterator[Schema]]:
    def way(given: object) -> Iterator[Schema]:
        if isinstance(given, int) and given + step >= 0:
            yield {"type": kind, name: given + step}

    return way


def _not_all(given: object) -> Iterator[object]:
    for part in given if isinstance(given, list) else ():
        yield from negations(part)


def _not_any(given: object) -> Iterator[object]:
    yield from none_of(given if isinstance(given, list) else [])


def _missing(given: object) -> Iterator[Schema]:
    for name in given if isinstance(given, list) else ():
        yield {"type": "object", "properties": {name: False}}


def _wrong_member(given: object) -> Iterator[Schema]:
    for name, part in given.items() if isinstance(given, Mapping) else ():
        for wrong in negations(part)[:2]:
            yield {"type": "object", "required": [name], "properties": {name: wrong}}


def _wrong_item(given: object) -> Iterator[Schema]:
    for wrong in negations(given)[:2]:
        yield {"type": "array", "minItems": 1, "prefixItems": [wrong]}


def _itself(given: object) -> Iterator[object]:
    yield given


_WAYS: dict[str, Callable[[object], Iterator[object]]] = {
    "type": _other_types,
    "enum": _any_other,
    "const": _any_other,
    "pattern": _any_other,
    "multipleOf": _any_other,
    "not": _itself,
    "required": _missing,
    "properties": _wrong_member,
    "items": _wrong_item,
    "minimum": _number("exclusiveMaximum"),
    "maximum": _number("exclusiveMinimum"),
    "exclusiveMinimum": _number("maximum"),
    "exclusiveMaximum": _number("minimum"),
    "minLength": _size("string", "maxLength", -1),
    "maxLength": _size("string", "minLength", 1),
    "minItems": _size("array", "maxItems", -1),
    "maxItems": _size("array", "minItems", 1),
    "minProperties": _size("object", "maxProperties", -1),
    "maxProperties": _size("object", "minProperties", 1),
    "allOf": _not_all,
    "anyOf": _not_any,
    "oneOf": _not_any,
}
