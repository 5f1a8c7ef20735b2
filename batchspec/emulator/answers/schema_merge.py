"""Two JSON Schemas as one that asks for both, so that a document can be made for all of an `allOf` at once."""

from __future__ import annotations

from collections.abc import Callable

from batchspec.emulator.answers.schema_fit import Schema, equal

_NOTHING: Schema = {"enum": []}
_BRANCHING = ("$ref", "anyOf", "oneOf", "not", "if")


def merged(schema: object, other: object) -> Schema:
    """Return a schema that what fits both fits. Where keywords cannot be joined, they stand side by side in `allOf`."""
    if schema is False or other is False:
        return _NOTHING
    if not isinstance(other, dict):
        return schema if isinstance(schema, dict) else {}
    if not isinstance(schema, dict):
        return other
    joined: dict[str, object] = dict(schema)
    for key, value in other.items():
        if key in {"then", "else"} and "if" in schema:
            continue
        if key not in joined:
            joined[key] = value
        elif key in _JOINS:
            joined[key] = _JOINS[key](joined[key], value)
        elif key in _BRANCHING:
            together = {name: other[name] for name in ("if", "then", "else") if name in other}
            apart = together if key == "if" else {key: value}
            joined["allOf"] = [*_listed(joined.get("allOf")), apart]
    if "const" in schema and "const" in other and not equal(schema["const"], other["const"]):
        return _NOTHING
    return joined


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _all_of(one: object, other: object) -> object:
    return [*_listed(one), *_listed(other)]


def _required(one: object, other: object) -> object:
    return [*_listed(one), *(name for name in _listed(other) if name not in _listed(one))]


def _enum(one: object, other: object) -> object:
    return [value for value in _listed(one) if any(equal(value, choice) for choice in _listed(other))]


def _properties(one: object, other: object) -> object:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one
    both = {name: merged(part, other[name]) if name in other else part for name, part in one.items()}
    return {**both, **{name: part for name, part in other.items() if name not in one}}


def _type(one: object, other: object) -> object:
    ones = one if isinstance(one, list) else [one]
    others = other if isinstance(other, list) else [other]
    kept = [kind for kind in ones if kind in others or (kind == "integer" and "number" in others)]
    kept += [kind for kind in others if kind == "integer" and "number" in ones and kind not in kept]
    return kept or ["nothing"]


def _schema(one: object, other: object) -> object:
    return False if one is False or other is False else merged(one, other)


def _higher(one: object, other: object) -> object:
    return max(one, other) if isinstance(one, int | float) and isinstance(other, int | float) else one


def _lower(one: object, other: object) -> object:
    return min(one, other) if isinstance(one, int | float) and isinstance(other, int | float) else one


_JOINS: dict[str, Callable[[object, object], object]] = {
    "allOf": _all_of,
    "required": _required,
    "enum": _enum,
    "properties": _properties,
    "type": _type,
    "items": _schema,
    "additionalProperties": _schema,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), _higher),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), _lower),
}
