"""The JSON Schema validators, and what they find as typed values: nothing is fetched, no keyword is quadratic.

Differences from jsonschema's own: `$` at the end of a pattern does not match before a last newline, `propertyNames`
tells which name was refused, `uniqueItems` does not compare every item with every other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import UnknownType, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from batchspec.core.schema.fault import Fault, UnusableSchemaError, compiled


class Judge:
    """What a value does not fit, by jsonschema."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        self._validator = validator(schema)

    def faults(self, value: object) -> Iterator[Fault]:
        """Yield what a value does not fit, as it is found. Raises UnusableSchemaError."""
        try:
            yield from faults(self._validator, value)
        except Unresolvable as error:
            raise UnusableSchemaError(f"it refers to {error.ref!r}, which is not in it") from None
        except RecursionError:
            raise UnusableSchemaError("it refers to itself without end") from None
        except re.error as error:
            raise UnusableSchemaError(f"a pattern in it is no regular expression: {error}") from None
        except (UnknownType, OverflowError, TypeError, ValueError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UnusableSchemaError(why) from None


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
