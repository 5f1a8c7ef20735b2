"""Tells of most values that they surely fit a schema, in a fraction of what a validator takes; never that one does not.

Only the keywords that schemas for answers are mostly made of are known here. For a schema with any other, and for a
value about which there is any doubt, the validator is asked, whose word is the only one that refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

Test = Callable[[object], bool]
"""True for what surely fits; False says nothing."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SAYING_NOTHING = frozenset({"title", "description", "default", "examples", "$comment", "$schema", "format"})
_BOUNDS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"})
_KNOWN = (
    _SAYING_NOTHING | _BOUNDS | {"type", "enum", "const", "properties", "required", "additionalProperties", "items"}
)
_DEEPEST = 30


class _UnknownError(Exception):
    """A schema that says more than is known here."""


def surely(schema: Mapping[str, object]) -> Test | None:
    """Return what tells of values that they surely fit; None for a schema that says more than is known here."""
    if schema.get("$schema", _DRAFT) != _DRAFT:
        return None
    try:
        return _test(schema, 0)
    except _UnknownError:
        return None


def _test(schema: object, depth: int) -> Test:
    if schema is True:
        return _anything
    # A part that names a draft is judged by that draft.
    if (
        not isinstance(schema, dict)
        or not schema.keys() <= _KNOWN
        or depth > _DEEPEST
        or (depth and "$schema" in schema)
    ):
        raise _UnknownError
    choices = _choices(schema)
    if "type" not in schema:
        # What binds one kind of value alone, whatever the others are, is left to the validator.
        if not schema.keys() <= _SAYING_NOTHING | {"enum", "const"}:
            raise _UnknownError
        return _anything if choices is None else lambda value: type(value) is str and value in choices
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    tests = {of: test for kind in kinds for of, test in _of_kind(kind, schema, depth)}
    if choices is not None:
        of_text = tests.get(str, _nothing)
        return lambda value: type(value) is str and value in choices and of_text(value)

    def fits(value: object) -> bool:
        return tests.get(type(value), _nothing)(value)

    return fits


def _anything(_: object) -> bool:
    return True


def _nothing(_: object) -> bool:
    return False


def _choices(schema: Mapping[str, object]) -> frozenset[str] | None:
    """Return the texts that a value may be; None where any. Other choices than texts are the validator's to compare."""
    found: frozenset[str] | None = None
    for among in ([schema["const"]] if "const" in schema else None, schema.get("enum")):
        if among is None:
            continue
        if not isinstance(among, list):
            raise _UnknownError
        texts = frozenset(each for each in among if isinstance(each, str))
        found = texts if found is None else found & texts
    return found


def _of_kind(kind: object, schema: Mapping[str, object], depth: int) -> list[tuple[type, Test]]:
    """Return the Python types that values of a JSON type have for sure, each with its test."""
    if kind == "array":
        return [(list, _array(schema, depth))]
    if kind == "object":
        return [(dict, _object(schema, depth))]
    if kind == "string":
        return [(str, _sized(schema, "minLength", "maxLength"))]
    of_types = _TYPES.get(kind) if isinstance(kind, str) else None
    if of_types is None:
        raise _UnknownError
    test = _bounded(schema) if int in of_types else _anything
    return [(of_type, test) for of_type in of_types]


_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _number(schema: Mapping[str, object], name: str, default: float) -> float:
    value = schema.get(name, default)
    if type(value) not in (int, float):
        raise _UnknownError
    return cast(float, value)


def _sized(schema: Mapping[str, object], least: str, most: str) -> Test:
    if least not in schema and most not in schema:
        return _anything
    low, high = _number(schema, least, 0), _number(schema, most, float("inf"))
    return lambda value: low <= len(cast(str, value)) <= high


def _bounded(schema: Mapping[str, object]) -> Test:
    if "minimum" not in schema and "maximum" not in schema:
        return _anything
    low, high = _number(schema, "minimum", float("-inf")), _number(schema, "maximum", float("inf"))
    return lambda value: low <= cast(float, value) <= high


def _array(schema: Mapping[str, object], depth: int) -> Test:
    sized = _sized(schema, "minItems", "maxItems")
    item = _test(schema.get("items", True), depth + 1)
    return lambda value: sized(value) and all(map(item, cast(list[object], value)))


def _object(schema: Mapping[str, object], depth: int) -> Test:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise _UnknownError
    if not all(isinstance(name, str) for name in required):
        raise _UnknownError
    needed = frozenset(required)
    tests = {name: _nothing if part is False else _test(part, depth + 1) for name, part in properties.items()}
    others = schema.get("additionalProperties", True)
    rest = _nothing if others is False else _test(others, depth + 1)

    def fits(value: object) -> bool:
        members = cast(dict[str, object], value)
        return members.keys() >= needed and all(tests.get(name, rest)(member) for name, member in members.items())

    return fits
