"""Where the parts of a JSON Schema stand, and what their references lead to, by draft 2020-12.

Only what is in the schema itself is found; nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

Schema = Mapping[str, object]
"""A JSON Schema that is an object; the others are `true` and `false`."""

_ONE = (
    *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


class UnusableSchemaError(ValueError):
    """A schema that cannot be followed: a reference out of it or to nowhere, an odd value, work without end."""


class Part(NamedTuple):
    """A part of a schema, with the address that its references are relative to.

    `scope` are the addresses of the resources that references led through, the outermost first: what a dynamic
    reference means depends on them.
    """

    schema: object
    base: str = ""
    scope: tuple[str, ...] = ()

    def inner(self, schema: object) -> Part:
        """Return a part of this part."""
        return Part(schema, _address(schema, self.base), self.scope)


class _Anchor(NamedTuple):
    schema: object
    base: str
    dynamic: bool


class Places:
    """The addresses and the anchors of one schema."""

    def __init__(self, root: object) -> None:
        self.root = Part(root, _address(root, ""))
        self._resources: dict[str, object] = {self.root.base: root}
        self._anchors: dict[tuple[str, str], _Anchor] = {}
        pending = [self.root]
        while pending:
            part = pending.pop()
            if isinstance(part.schema, Mapping):
                self._note(part.schema, part.base)
                pending.extend(part.inner(schema) for schema in _parts(part.schema))

    def _note(self, schema: Schema, base: str) -> None:
        if isinstance(schema.get("$id"), str):
            self._resources.setdefault(base, schema)
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = schema.get(keyword)
            if isinstance(name, str):
                self._anchors[base, name] = _Anchor(schema, base, keyword == "$dynamicAnchor")

    def led_to(self, part: Part, reference: object) -> Part:
        """Return what a reference in this part points at. Raises UnusableSchemaError."""
        if not isinstance(reference, str):
            raise UnusableSchemaError(f"the reference {reference!r} is no text")
        try:
            base, fragment = urldefrag(part.base + reference if reference[:1] == "#" else urljoin(part.base, reference))
        except ValueError:
            raise UnusableSchemaError(f"the reference {reference!r} is no address") from None
        if base not in self._resources:
            raise UnusableSchemaError(f"the reference {reference!r} leads out of the schema, which is never followed")
        scope = part.scope
        if part.base and part.base not in scope and (not scope or base != part.base):
            scope = (*scope, part.base)
        if not fragment or fragment.startswith("/"):
            return self._pointed(Part(self._resources[base], base, scope), fragment, reference)
        return self._anchored(base, fragment, scope, reference)

    def _anchored(self, base: str, name: str, scope: tuple[str, ...], reference: str) -> Part:
        found = self._anchors.get((base, name))
        if found is None:
            raise UnusableSchemaError(f"the reference {reference!r} leads nowhere")
        if found.dynamic:
            outer = (self._anchors.get((address, name)) for address in scope)
            found = next((anchor for anchor in outer if anchor is not None and anchor.dynamic), found)
        return Part(found.schema, found.base, scope)

    def _pointed(self, part: Part, pointer: str, reference: str) -> Part:
        for step in unquote(pointer).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(part.schema, Mapping) and name in part.schema:
                part = part.inner(part.schema[name])
            elif isinstance(part.schema, list) and name.isdecimal() and int(name) < len(part.schema):
                part = part.inner(part.schema[int(name)])
            else:
                raise UnusableSchemaError(f"the reference {reference!r} leads nowhere")
        return part


def _address(schema: object, base: str) -> str:
    own = schema.get("$id") if isinstance(schema, Mapping) else None
    try:
        return urljoin(base, own).rstrip("#") if isinstance(own, str) else base
    except ValueError:
        return base


def _parts(schema: Schema) -> Iterator[object]:
    yield from (schema[name] for name in _ONE if name in schema)
    for name in _LISTS:
        inner = schema.get(name)
        yield from inner if isinstance(inner, list) else ()
    for name in _NAMED:
        named = schema.get(name)
        yield from named.values() if isinstance(named, Mapping) else ()
