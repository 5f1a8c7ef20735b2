"""A search for a value that fits a JSON Schema which knows nothing of the emulator's own: it guesses, and asks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from referencing.exceptions import Unresolvable

GUESSES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    0.5,
    3,
    1e6,
    "",
    "a",
    "A",
    "aab",
    "yes",
    "12-34",
    "x.org",
    "a7",
    [],
    {},
]


class Witness(NamedTuple):
    value: Any


def witness(schema: Any, *, tries: int, seed: int) -> Witness | None:
    """Return a value that fits, or None where so many tries found none, or no validator can be asked."""
    chance = random.Random(seed)
    validator = Draft202012Validator(schema)
    told = list(_told(schema))
    scalars = [*GUESSES, *(value for value in told if not isinstance(value, dict | list))]
    names = sorted({value for value in told if isinstance(value, str)} | {"a", "b", "x-1"})
    whole = [value for value in told if isinstance(value, dict | list)]
    try:
        for value in scalars + whole:
            if validator.is_valid(value):
                return Witness(value)
        for _ in range(tries):
            value = _guessed(chance, scalars + whole, names, 3)
            if validator.is_valid(value):
                return Witness(value)
    except (RecursionError, Unresolvable):
        return None
    return None


def _told(schema: Any) -> Iterator[Any]:
    """Yield every value in a schema's text, numbers with their neighbours, and every key."""
    yield schema
    if isinstance(schema, dict):
        for key, part in schema.items():
            yield key
            yield from _told(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _told(part)
    elif isinstance(schema, int | float) and not isinstance(schema, bool):
        yield from (schema + 1, schema - 1, schema + 0.5)


def _guessed(chance: random.Random, known: list[Any], names: list[str], depth: int) -> Any:
    kind = chance.random() if depth else 0
    if kind < 0.4:
        return chance.choice(known)
    size = chance.choice([0, 1, 1, 2, 2, 3, 4])
    if kind < 0.7:
        return [_guessed(chance, known, names, depth - 1) for _ in range(size)]
    return {chance.choice(names): _guessed(chance, known, names, depth - 1) for _ in range(size)}
