"""Whether a value fits a schema, compiled for the keywords that everyday schemas have: yes or no, and no reasons.

It says exactly what jsonschema says. A schema with any other keyword is left to jsonschema altogether.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from batchspec.core.schema.fault import compiled
from batchspec.core.schema.references import UnresolvedError, resolved

Fits = Callable[[object], bool]
_Build = Callable[..., Fits]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SAYS_NOTHING = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$defs"}
    # Formats are not checked.
    | {"format"}
)
_PLAIN = _SAYS_NOTHING | {"type", "enum", "const", "minimum", "maximum", "minLength", "maxLength"}
"""Keywords that cost nothing to compile before a value is there."""

_OURS = "x-batchspec-"


class _Unsure(Exception):  # noqa: N818 - an answer, not a fault
    pass


def fits(schema: Mapping[str, object]) -> Fits:
    """Return the function that tells whether a value fits; False also where this cannot be told here."""
    judge = _Compiler(schema).compiled(schema)

    def plainly(value: object) -> bool:
        try:
            return judge(value)
        except (_Unsure, UnresolvedError, RecursionError, re.error, AttributeError, TypeError, ValueError):
            return False

    return plainly


class _Compiler:
    """Compiles each part of a schema when a value first reaches it: most specs use few of the keys that there are."""

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._known: dict[int, Fits] = {}

    def compiled(self, schema: object) -> Fits:
        if isinstance(schema, bool):
            return lambda _: schema
        if not isinstance(schema, dict):
            raise _Unsure
        known = self._known
        if schema is not self._root and schema.keys() <= _PLAIN:
            return self._built(schema)

        def judge(value: object) -> bool:
            part = known.get(id(schema))
            if part is None:
                part = known[id(schema)] = self._built(schema)
            return part(value)

        return known.get(id(schema), judge)

    def _built(self, schema: Mapping[str, object]) -> Fits:
        parts = [self._keyword(schema, key) for key in schema if self._counts(schema, key)]
        return _all_of([part for part in parts if part is not _anything])

    def referred(self, reference: object) -> Fits:
        if not isinstance(reference, str):
            raise _Unsure
        return self.compiled(resolved(self._root, reference))

    def _counts(self, schema: Mapping[str, object], key: str) -> bool:
        if schema is self._root and key in {"$id", "$schema"}:
            if key == "$schema" and schema[key] != _DRAFT:
                raise _Unsure
            return False
        return key not in _SAYS_NOTHING and not key.startswith(_OURS) and key not in {"then", "else"}

    def _keyword(self, schema: Mapping[str, object], key: str) -> Fits:
        build = _KEYWORDS.get(key)
        if build is None:
            raise _Unsure
        return build(self, schema, schema[key])


def _all_of(parts: list[Fits]) -> Fits:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda value: first(value) and second(value)

    def judge(value: object) -> bool:
        for part in parts:  # noqa: SIM110 - a generator takes twice as long, and there are a million answers
            if not part(value):
                return False
        return True

    return judge


def _anything(_: object) -> bool:
    return True


_TYPES: dict[str, Fits] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}


def _type(_: _Compiler, __: Mapping[str, object], wanted: object) -> Fits:
    names = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(name, str) and name in _TYPES for name in names):
        raise _Unsure
    kinds = [_TYPES[str(name)] for name in names]
    return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)


def _enum(_: _Compiler, __: Mapping[str, object], values: object) -> Fits:
    allowed = _list(values)
    if all(isinstance(value, str) for value in allowed):
        return lambda value: isinstance(value, str) and value in allowed
    same = [_same(wanted) for wanted in allowed]
    return lambda value: any(judge(value) for judge in same)


def _const(_: _Compiler, __: Mapping[str, object], wanted: object) -> Fits:
    return _same(wanted)


def _same(wanted: object) -> Fits:
    if wanted is not None and not isinstance(wanted, str | int):
        raise _Unsure
    truth = isinstance(wanted, bool)
    # 1 is no `true` in JSON, and 1.0 is 1.
    return lambda value: isinstance(value, bool) is truth and value == wanted


def _properties(compiler: _Compiler, schema: Mapping[str, object], wanted: object) -> Fits:
    """Judge every key of a mapping, in one pass with `additionalProperties`."""
    judges = {name: compiler.compiled(inner) for name, inner in _mapping(wanted).items()}
    others = _anything if "patternProperties" in schema else compiler.compiled(schema.get("additionalProperties", True))

    def judge(value: object) -> bool:
        if isinstance(value, dict):
            for name, member in value.items():
                if not judges.get(name, others)(member):
                    return False
        return True

    return judge


def _required(_: _Compiler, __: Mapping[str, object], wanted: object) -> Fits:
    names = frozenset(_list(wanted))
    return lambda value: not isinstance(value, dict) or value.keys() >= names


def _additional(compiler: _Compiler, schema: Mapping[str, object], wanted: object) -> Fits:
    if "properties" in schema and "patternProperties" not in schema:
        return _anything
    known = frozenset(_mapping(schema.get("properties", {})))
    patterns = _patterns(schema)
    judge = compiler.compiled(wanted)
    return lambda value: (
        not isinstance(value, dict)
        or all(
            name in known or any(pattern.search(name) for pattern in patterns) or judge(value[name]) for name in value
        )
    )


def _by_pattern(compiler: _Compiler, schema: Mapping[str, object], wanted: object) -> Fits:
    judges = [compiler.compiled(inner) for inner in _mapping(wanted).values()]
    both = list(zip(_patterns(schema), judges, strict=True))
    return lambda value: (
        not isinstance(value, dict)
        or all(judge(value[name]) for pattern, judge in both for name in value if pattern.search(name))
    )


def _patterns(schema: Mapping[str, object]) -> list[re.Pattern[str]]:
    return [re.compile(pattern) for pattern in _mapping(schema.get("patternProperties", {}))]


def _names(compiler: _Compiler, _: Mapping[str, object], wanted: object) -> Fits:
    judge = compiler.compiled(wanted)
    return lambda value: not isinstance(value, dict) or all(judge(name) for name in value)


def _items(compiler: _Compiler, _: Mapping[str, object], wanted: object) -> Fits:
    judge = compiler.compiled(wanted)
    return lambda value: not isinstance(value, list) or all(map(judge, value))


def _unique(_: _Compiler, __: Mapping[str, object], wanted: object) -> Fits:
    if not isinstance(wanted, bool):
        raise _Unsure

    def differ(value: object) -> bool:
        if not wanted or not isinstance(value, list) or len(value) < 2:
            return True
        if not all(isinstance(item, str) for item in value):
            raise _Unsure
        return len(set(value)) == len(value)

    return differ


def _any_of(compiler: _Compiler, _: Mapping[str, object], wanted: object) -> Fits:
    judges = _judges(compiler, wanted)
    return lambda value: any(judge(value) for judge in judges)


def _one_of(compiler: _Compiler, _: Mapping[str, object], wanted: object) -> Fits:
    judges = _judges(compiler, wanted)
    return lambda value: sum(judge(value) for judge in judges) == 1


def _each_of(compiler: _Compiler, _: Mapping[str, object], wanted: object) -> Fits:
    return _all_of(_judges(compiler, wanted))


def _judges(compiler: _Compiler, wanted: object) -> list[Fits]:
    return [compiler.compiled(schema) for schema in _list(wanted)]


def _not(compiler: _Compiler, _: Mapping[str, object], wanted: object) -> Fits:
    judge = compiler.compiled(wanted)
    return lambda value: not judge(value)


def _if(compiler: _Compiler, schema: Mapping[str, object], wanted: object) -> Fits:
    judge = compiler.compiled(wanted)
    then, other = compiler.compiled(schema.get("then", True)), compiler.compiled(schema.get("else", True))
    return lambda value: then(value) if judge(value) else other(value)


def _reference(compiler: _Compiler, _: Mapping[str, object], wanted: object) -> Fits:
    return compiler.referred(wanted)


def _pattern(_: _Compiler, __: Mapping[str, object], wanted: object) -> Fits:
    if not isinstance(wanted, str):
        raise _Unsure
    pattern = compiled(wanted)
    return lambda value: not isinstance(value, str) or pattern.search(value) is not None


def _bound(kind: type | tuple[type, ...], holds: Callable[[Any, float], bool]) -> _Build:
    """Return the builder of a keyword that sets a bound to values of one type."""

    def build(_: _Compiler, __: Mapping[str, object], limit: object) -> Fits:
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            raise _Unsure
        return lambda value: isinstance(value, bool) or not isinstance(value, kind) or holds(value, limit)

    return build


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _Unsure
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise _Unsure
    return value


_NUMBER = (int, float)
_KEYWORDS: dict[str, _Build] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "patternProperties": _by_pattern,
    "propertyNames": _names,
    "items": _items,
    "uniqueItems": _unique,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _each_of,
    "not": _not,
    "if": _if,
    "$ref": _reference,
    "pattern": _pattern,
    "minimum": _bound(_NUMBER, operator.ge),
    "maximum": _bound(_NUMBER, operator.le),
    "exclusiveMinimum": _bound(_NUMBER, operator.gt),
    "exclusiveMaximum": _bound(_NUMBER, operator.lt),
    "minLength": _bound(str, lambda text, limit: len(text) >= limit),
    "maxLength": _bound(str, lambda text, limit: len(text) <= limit),
    "minItems": _bound(list, lambda items, limit: len(items) >= limit),
    "maxItems": _bound(list, lambda items, limit: len(items) <= limit),
    "minProperties": _bound(dict, lambda keys, limit: len(keys) >= limit),
    "maxProperties": _bound(dict, lambda keys, limit: len(keys) <= limit),
}
