"""Two JSON Schemas as one that asks for both, so that a document can be made for all of an `allOf` at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from batchspec.emulator.answers.schema_fit import Schema, equal, parts_for_name

_NOTHING: Schema = {"enum": []}
_APART = ("$ref", "anyOf", "oneOf", "not", "if")


def merged(schema: object, other: object) -> Schema:
    """Return a schema that what fits both fits, as far as keywords can be joined.

    Branches that cannot be joined stand side by side in `allOf`. Of two patterns, or two `contains`, the first is kept.
    """
    if schema is False or other is False:
        return _NOTHING
    if not isinstance(other, Mapping):
        return schema if isinstance(schema, Mapping) else {}
    if not isinstance(schema, Mapping):
        return other
    if "const" in schema and "const" in other and not equal(schema["const"], other["const"]):
        return _NOTHING
    joined: dict[str, object] = dict(schema)
    for key, value in other.items():
        if key in {"then", "else"} and "if" in schema:
            continue
        if key not in joined:
            joined[key] = value
        elif key in _JOINS:
            joined[key] = _JOINS[key](joined[key], value)
        elif key in _APART and not equal(joined[key], value):
            together = {name: other[name] for name in ("if", "then", "else") if name in other}
            apart = together if key == "if" else {key: value}
            joined["allOf"] = [*_listed(joined.get("allOf")), apart]
    if "properties" in schema or "properties" in other:
        joined["properties"] = _properties(schema, other)
    if "prefixItems" in schema or "prefixItems" in other:
        joined["prefixItems"] = _prefix(schema, other)
    return joined


def all_merged(parts: list[object]) -> object:
    """Return a schema that what fits all of them fits."""
    found = parts[0] if parts else True
    for part in parts[1:]:
        found = merged(found, part)
    return found


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _properties(schema: Schema, other: Schema) -> dict[str, object]:
    """Return what each name asks for in both; a name that only one knows is of the rest for the other."""
    given = [part["properties"] for part in (schema, other) if isinstance(part.get("properties"), Mapping)]
    names = [name for properties in given if isinstance(properties, Mapping) for name in properties]
    return {
        name: all_merged([*parts_for_name(schema, name), *parts_for_name(other, name)]) for name in dict.fromkeys(names)
    }


def _prefix(schema: Schema, other: Schema) -> list[object]:
    ones, others = _listed(schema.get("prefixItems")), _listed(other.get("prefixItems"))
    return [
        _schema(_at(ones, at, schema.get("items", True)), _at(others, at, other.get("items", True)))
        for at in range(max(len(ones), len(others)))
    ]


def _at(parts: list[object], at: int, rest: object) -> object:
    return parts[at] if at < len(parts) else rest


def _all_of(one: object, other: object) -> object:
    return [*_listed(one), *_listed(other)]


def _names(one: object, other: object) -> object:
    return [*_listed(one), *(name for name in _listed(other) if name not in _listed(one))]


def _enum(one: object, other: object) -> object:
    return [value for value in _listed(one) if any(equal(value, choice) for choice in _listed(other))]


def _type(one: object, other: object) -> object:
    ones = one if isinstance(one, list) else [one]
    others = other if isinstance(other, list) else [other]
    kept = [kind for kind in ones if kind in others or (kind == "integer" and "number" in others)]
    kept += [kind for kind in others if kind == "integer" and "number" in ones and kind not in kept]
    return kept or ["nothing"]


def _schema(one: object, other: object) -> object:
    return False if one is False or other is False else merged(one, other)


def _patterned(one: object, other: object) -> object:
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return one
    return {**other, **{key: _schema(part, other.get(key, True)) for key, part in one.items()}}


def _dependent(one: object, other: object) -> object:
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return one
    return {**other, **{key: _names(names, other.get(key)) for key, names in one.items()}}


def _higher(one: object, other: object) -> object:
    return max(one, other) if isinstance(one, int | float) and isinstance(other, int | float) else one


def _lower(one: object, other: object) -> object:
    return min(one, other) if isinstance(one, int | float) and isinstance(other, int | float) else one


def _multiple(one: object, other: object) -> object:
    if type(one) is int and type(other) is int:
        return math.lcm(one, other)
    return _higher(one, other)


def _either(one: object, other: object) -> object:
    return one is True or other is True


_JOINS: dict[str, Callable[[object, object], object]] = {
    "allOf": _all_of,
    "required": _names,
    "enum": _enum,
    "type": _type,
    "items": _schema,
    "additionalProperties": _schema,
    "propertyNames": _schema,
    "patternProperties": _patterned,
    "dependentSchemas": _patterned,
    "dependentRequired": _dependent,
    "multipleOf": _multiple,
    "uniqueItems": _either,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"), _higher),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"), _lower),
}
