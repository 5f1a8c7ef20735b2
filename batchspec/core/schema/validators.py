"""The JSON Schema validators, and what they find as typed values: nothing is fetched, no keyword is quadratic.

Differences from jsonschema's own: `$` at the end of a pattern does not match before a last newline, `propertyNames`
tells which name was refused, `uniqueItems` does not compare every item with every other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from referencing import Registry

from batchspec.core.schema.problems import Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One keyword of a schema that a value does not fit.

    `wanted` is what the schema says, `found` the value; `path` leads to it from the fault around this one, `pointer`
    from the very top. `inner` are the faults of its alternatives, each with the `branch` that it is in.
    """

    keyword: str
    wanted: object
    found: object
    schema: Mapping[str, object]
    path: Pointer
    pointer: Pointer
    branch: object
    inner: tuple[Fault, ...]

    @property
    def types(self) -> list[str]:
        """The types that a `type` allows."""
        return [str(name) for name in self.wanted] if isinstance(self.wanted, list) else [str(self.wanted)]

    @property
    def values(self) -> list[object]:
        """The values that an `enum` or `const` allows."""
        return list(self.wanted) if self.keyword == "enum" and isinstance(self.wanted, list) else [self.wanted]

    @property
    def mapping(self) -> Mapping[str, object]:
        """The value, which is a mapping wherever a keyword is about keys."""
        return self.found if isinstance(self.found, dict) else {}


def faults(schema_validator: Validator, value: object) -> Iterator[Fault]:
    """Yield what a value does not fit, as it is found."""
    for error in schema_validator.iter_errors(cast("Any", value)):
        yield _fault(error)


def _fault(error: ValidationError) -> Fault:
    schema = error.schema
    return Fault(
        keyword=str(error.validator),
        wanted=error.validator_value,
        found=error.instance,
        schema=schema if isinstance(schema, dict) else {},
        path=tuple(error.path),
        pointer=tuple(error.absolute_path),
        branch=error.schema_path[0] if error.schema_path else None,
        inner=tuple(_fault(inner) for inner in error.context or ()),
    )


def validator(schema: Mapping[str, object]) -> Validator:
    """Return a validator for a schema, of the draft that it names, else of 2020-12."""
    return _extended(validator_for(schema, default=Draft202012Validator))(dict(schema), registry=Registry())


@cache
def _extended(draft: type[Validator]) -> type[Validator]:
    keywords = {"pattern": _pattern, "propertyNames": _property_names, "uniqueItems": _unique_items}
    return cast("type[Validator]", extend(draft, keywords))  # type: ignore[no-untyped-call]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a schema's pattern with JSON Schema's meaning of a last `$`: the very end. Raises re.error."""
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"
    return re.compile(pattern)


def _pattern(_: Any, pattern: str, instance: object, __: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and compiled(pattern).search(instance) is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _property_names(checker: Any, names: object, instance: object, _: object) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for name in instance:
        errors = list(checker.descend(instance=name, schema=names))
        if errors:
            # The error stands for the key: its instance is the name, and its context says why.
            yield ValidationError(f"{name!r} is no allowed name", context=errors, instance=name)


def _unique_items(_: Any, unique: bool, instance: object, __: object) -> Iterator[ValidationError]:
    if not unique or not isinstance(instance, list):
        return
    seen: dict[str, int] = {}
    for index, item in enumerate(instance):
        first = seen.setdefault(_comparable(item), index)
        if first != index:
            yield ValidationError(f"items {first} and {index} are the same", path=(index,), instance=item)


def _comparable(item: object) -> str:
    return json.dumps(_numbers_alike(item), sort_keys=True)


def _numbers_alike(item: object) -> object:
    if isinstance(item, float) and item.is_integer():
        return int(item)
    if isinstance(item, list):
        return [_numbers_alike(part) for part in item]
    if isinstance(item, dict):
        return {key: _numbers_alike(part) for key, part in item.items()}
    return item
