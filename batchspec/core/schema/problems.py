"""What a schema finds wrong with a value, as data, and the words for values and types."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

Pointer = tuple[str | int, ...]

_TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
# In this order: Python's booleans are integers.
_TYPE_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (dict, "object"),
    ((list, tuple), "array"),
)
_LONGEST_SHOWN = 60


class ProblemKind(StrEnum):
    """What is wrong, in a stable name that findings carry as their code."""

    UNKNOWN_KEY = "unknown-key"
    MISSING_KEY = "missing-key"
    NOT_ALLOWED_KEY = "not-allowed-key"
    WRONG_TYPE = "wrong-type"
    NOT_ALLOWED_VALUE = "not-allowed-value"
    OUT_OF_RANGE = "out-of-range"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    PATTERN = "pattern"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaProblem:
    """One thing that is wrong with a value.

    `pointer` leads to the value; for a key that is wrong itself (`on_key`) it ends with that key, for a missing one it
    leads to the mapping. `key` is the key concerned, where there is one. `mended_by_quotes` marks a value that is no
    text only because it is written without quotes.
    """

    pointer: Pointer
    kind: ProblemKind
    message: str
    detail: str | None = None
    hint: str | None = None
    on_key: bool = False
    key: str | None = None
    mended_by_quotes: bool = False


def place_name(pointer: Pointer) -> str:
    """Name a place for a sentence: `key`, item 3 of `key`, or the value."""
    if not pointer:
        return "the value"
    last = pointer[-1]
    if isinstance(last, str):
        return f"`{last}`"
    above = pointer[:-1]
    return f"item {last + 1} of {place_name(above)}" if above else f"item {last + 1}"


def shown(value: object) -> str:
    """Write a value for a message, cut short."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def type_name(value: object) -> str:
    """Return JSON Schema's name of a value's type."""
    for types, name in _TYPE_NAMES:
        if isinstance(value, types):
            return name
    return "null"


def found_words(value: object) -> str:
    """Say what a value is: text, the number 3.1, a mapping."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {shown(value)}"
    return _TYPE_WORDS[type_name(value)]


def expected_words(types: Iterable[str]) -> str:
    """Say what may stand in a place: text, a list or null."""
    words = [_TYPE_WORDS.get(name, name) for name in dict.fromkeys(types)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
