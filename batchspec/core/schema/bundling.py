"""Makes one schema out of several: what it refers to in other schemas is copied into its own `$defs`.

Only the parts that are reached are copied, so the result stands by itself and nothing is ever looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

_DEFINITIONS = "#/$defs/"
_PROPERTIES = "#/properties/"

ReadSchema = Callable[[str], Mapping[str, object]]


def bundled(schema: Mapping[str, object], read: ReadSchema) -> dict[str, object]:
    """Return a schema that says the same and refers only to itself.

    `read` returns the schema with an `$id`. A reference to another schema has the form `<its $id>#/$defs/<name>`;
    one to the schema's own keys, `#/properties/<name>`, stays as it is.
    Raises ValueError for one that names no definition, or where two schemas have a definition of the same name.
    """
    return _Bundler(schema, read).bundle()


class _Bundler:
    def __init__(self, schema: Mapping[str, object], read: ReadSchema) -> None:
        self._schema = schema
        self._read = cache(read)
        self._definitions: dict[str, object] = {}
        self._owners: dict[str, str] = dict.fromkeys(_definitions(schema), _id(schema))

    def bundle(self) -> dict[str, object]:
        copy = self._mapping(self._schema, self._schema)
        if self._definitions:
            copy["$defs"] = {**_definitions(copy), **self._definitions}
        return copy

    def _copied(self, node: object, home: Mapping[str, object]) -> object:
        if isinstance(node, list):
            return [self._copied(item, home) for item in node]
        return self._mapping(node, home) if isinstance(node, dict) else node

    def _mapping(self, node: Mapping[str, object], home: Mapping[str, object]) -> dict[str, object]:
        copy = {key: self._copied(part, home) for key, part in node.items()}
        reference = node.get("$ref")
        if isinstance(reference, str):
            copy["$ref"] = self._own(reference, home)
        return copy

    def _own(self, reference: str, home: Mapping[str, object]) -> str:
        """Return a reference to the copy of what this one refers to, which is made if it is not there yet."""
        if home is self._schema and reference.startswith(_PROPERTIES):
            keys = home.get("properties")
            if not isinstance(keys, dict) or reference.removeprefix(_PROPERTIES) not in keys:
                raise ValueError(f"{reference} names no key")
            return reference
        address, _, name = reference.partition(_DEFINITIONS)
        owner = home if address in {"", _id(home)} else self._read(address)
        if name not in _definitions(owner):
            raise ValueError(f"{reference} names no definition")
        if self._owners.setdefault(name, _id(owner)) != _id(owner):
            raise ValueError(f"{_id(owner)} and {self._owners[name]} both define {name}")
        if owner is not self._schema and name not in self._definitions:
            # Reserved first, since definitions may refer to each other in a circle.
            self._definitions[name] = {}
            self._definitions[name] = self._copied(_definitions(owner)[name], owner)
        return _DEFINITIONS + name


def _id(schema: Mapping[str, object]) -> str:
    return str(schema.get("$id", ""))


def _definitions(schema: Mapping[str, object]) -> Mapping[str, object]:
    definitions = schema.get("$defs")
    return definitions if isinstance(definitions, dict) else {}
