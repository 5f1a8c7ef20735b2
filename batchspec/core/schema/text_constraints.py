"""Whether a schema looks at the content of the text in one place, or only at its being text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from batchspec.core.schema.problems import Pointer
from batchspec.core.schema.validators import compiled

if TYPE_CHECKING:
    from referencing._core import Resolver
    from referencing.jsonschema import Schema, SchemaRegistry, SchemaResource

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


class _Unsure(Exception):  # noqa: N818 - an answer, not a fault
    pass


class _Part(NamedTuple):
    """A subschema, and what its references are relative to."""

    schema: Mapping[str, object]
    resolver: Resolver[Schema]


def constrains_text(schema: Mapping[str, object], pointer: Pointer) -> bool:
    """Tell whether any part of a schema that can apply to a text at this place of an instance looks at its content.

    True when in doubt: False promises that any two texts there are judged alike.
    """
    resource: SchemaResource = Resource.from_contents(dict(schema), default_specification=DRAFT202012)
    registry: SchemaRegistry = Registry().with_resource(resource.id() or "", resource)
    try:
        parts = _in_place([_Part(schema, registry.resolver(resource.id() or ""))])
        for step in pointer:
            if any(_looks_at(part.schema, _ABOUT_COLLECTIONS, {"object", "array"}) for part in parts):
                return True
            parts = _in_place(inner for part in parts for inner in _below(part, step))
    except (_Unsure, Unresolvable, re.error):
        return True
    return any(_looks_at(part.schema, _ABOUT_TEXT, {"string"}) for part in parts)


def _looks_at(schema: Mapping[str, object], keywords: frozenset[str], types: set[str]) -> bool:
    if keywords.isdisjoint(schema):
        return False
    declared = schema.get("type")
    allowed = {declared} if isinstance(declared, str) else set(declared) if isinstance(declared, list) else types
    return not types.isdisjoint(allowed)


def _in_place(parts: Iterable[_Part]) -> list[_Part]:
    """Return these parts of a schema and all that apply to the same place with them."""
    found: dict[int, _Part] = {}
    pending = list(parts)
    while pending:
        part = pending.pop()
        if id(part.schema) in found:
            continue
        if not _NOT_FOLLOWED.isdisjoint(part.schema):
            raise _Unsure
        found[id(part.schema)] = part
        pending.extend(_beside(part))
    return list(found.values())


def _beside(part: _Part) -> Iterator[_Part]:
    schema, resolver = part
    reference = schema.get("$ref")
    if isinstance(reference, str):
        resolved = resolver.lookup(reference)
        yield from _parts(resolved.contents, resolved.resolver)
    for keyword in _ALL_IN_PLACE:
        for inner in _list(schema.get(keyword)):
            yield from _parts(inner, resolver)
    for keyword in _ONE_IN_PLACE:
        yield from _parts(schema.get(keyword), resolver)
    for inner in _mapping(schema.get("dependentSchemas")).values():
        yield from _parts(inner, resolver)


def _below(part: _Part, step: str | int) -> Iterator[_Part]:
    """Yield the parts that apply to a key's or an item's value."""
    inner = _below_key(part.schema, step) if isinstance(step, str) else _below_index(part.schema, step)
    for schema in inner:
        yield from _parts(schema, part.resolver)


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


def _parts(schema: object, resolver: Resolver[Schema]) -> Iterator[_Part]:
    if not isinstance(schema, dict):
        return
    if "$id" in schema:
        # Its references are relative to another place; rare, and not worth following here.
        raise _Unsure
    yield _Part(schema, resolver)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
