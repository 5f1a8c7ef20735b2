"""Whether a schema looks at the content of the text in one place, or only at its being text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from batchspec.core.schema.fault import compiled
from batchspec.core.schema.problems import Pointer
from batchspec.core.schema.references import UnresolvedError, resolved

_ABOUT_TEXT = frozenset(
    {"enum", "const", "pattern", "minLength", "maxLength", "format", "contentEncoding", "contentMediaType"}
)
# Compare or count whole collections, and so perhaps the text in them.
_ABOUT_COLLECTIONS = frozenset(
    {"enum", "const", "uniqueItems", "contains", "unevaluatedItems", "unevaluatedProperties"}
)
_NOT_FOLLOWED = frozenset({"$dynamicRef", "$recursiveRef", "dependencies", "extends", "disallow"})
_ALL_IN_PLACE = ("allOf", "anyOf", "oneOf")
_ONE_IN_PLACE = ("if", "then", "else", "not")


_Part = Mapping[str, object]
"""A subschema."""


class _Unsure(Exception):  # noqa: N818 - an answer, not a fault
    pass


def constrains_text(schema: Mapping[str, object], pointer: Pointer) -> bool:
    """Tell whether any part of a schema that can apply to a text at this place of an instance looks at its content.

    True when in doubt: False promises that any two texts there are judged alike.
    """
    try:
        parts = _in_place(schema, [schema])
        for step in pointer:
            if any(_looks_at(part, _ABOUT_COLLECTIONS, {"object", "array"}) for part in parts):
                return True
            parts = _in_place(schema, (inner for part in parts for inner in _below(part, step)))
    except (_Unsure, UnresolvedError, re.error):
        return True
    return any(_looks_at(part, _ABOUT_TEXT, {"string"}) for part in parts)


def _looks_at(schema: Mapping[str, object], keywords: frozenset[str], types: set[str]) -> bool:
    if keywords.isdisjoint(schema):
        return False
    declared = schema.get("type")
    allowed = {declared} if isinstance(declared, str) else set(declared) if isinstance(declared, list) else types
    return not types.isdisjoint(allowed)


def _in_place(root: _Part, parts: Iterable[_Part]) -> list[_Part]:
    """Return these parts of a schema and all that apply to the same place with them."""
    found: dict[int, _Part] = {}
    pending = list(parts)
    while pending:
        part = pending.pop()
        if id(part) in found:
            continue
        # Below another `$id`, references are relative to it; rare, and not worth following here.
        if not _NOT_FOLLOWED.isdisjoint(part) or ("$id" in part and part is not root):
            raise _Unsure
        found[id(part)] = part
        pending.extend(_beside(root, part))
    return list(found.values())


def _beside(root: _Part, part: _Part) -> Iterator[_Part]:
    reference = part.get("$ref")
    if isinstance(reference, str):
        yield from _parts(resolved(root, reference))
    for keyword in _ALL_IN_PLACE:
        for inner in _list(part.get(keyword)):
            yield from _parts(inner)
    for keyword in _ONE_IN_PLACE:
        yield from _parts(part.get(keyword))
    for inner in _mapping(part.get("dependentSchemas")).values():
        yield from _parts(inner)


def _below(part: _Part, step: str | int) -> Iterator[_Part]:
    """Yield the parts that apply to a key's or an item's value."""
    inner = _below_key(part, step) if isinstance(step, str) else _below_index(part, step)
    for schema in inner:
        yield from _parts(schema)


def _below_key(schema: Mapping[str, object], key: str) -> Iterator[object]:
    properties = _mapping(schema.get("properties"))
    patterns = _mapping(schema.get("patternProperties"))
    matching = [inner for pattern, inner in patterns.items() if compiled(pattern).search(key)]
    yield from matching
    if key in properties:
        yield properties[key]
    elif not matching:
        yield schema.get("additionalProperties")


def _below_index(schema: Mapping[str, object], index: int) -> Iterator[object]:
    items = schema.get("items")
    # Before 2020-12, a list in `items` was what `prefixItems` is now.
    first = _list(items) if isinstance(items, list) else _list(schema.get("prefixItems"))
    if index < len(first):
        yield first[index]
    else:
        yield schema.get("additionalItems") if isinstance(items, list) else items


def _parts(schema: object) -> Iterator[_Part]:
    if isinstance(schema, dict):
        yield schema


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
