"""The one home of orjson: JSON text in and out, with the few places mended where it loses information.

Canonical JSON, which digests are made of, is in `core.canonical`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

import orjson

# orjson reads an integer beyond 64 bits as a float; an identifier of twenty digits must not lose its last ones.
# Looked for after every digit was made a 0: a fixed text is found ten times as fast as a pattern.
_BIG_INTEGER = b"0" * 19
_DIGITS_ALIKE = bytes(ord("0") if ord("0") <= byte <= ord("9") else byte for byte in range(256))


class JsonError(ValueError):
    """Text that is not JSON. `offset` counts characters from 0."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def parse(data: bytes) -> object:
    """Read one JSON value from UTF-8 bytes, integers exact at any size; NaN and infinities are refused.

    Raises JsonError.
    """
    try:
        value: object = orjson.loads(data)
        # What the strict reader took is read once more where an integer may have lost its last digits.
        return json.loads(data) if _BIG_INTEGER in data.translate(_DIGITS_ALIKE) else value
    except orjson.JSONDecodeError as error:
        raise JsonError(error.msg, error.pos) from None
    except (ValueError, RecursionError) as error:
        raise JsonError(str(error), 0) from None


def encode(value: object) -> bytes:
    """Write one value as compact UTF-8 JSON, keys in their own order. Raises ValueError for what JSON lacks."""
    text = encode_read(value)
    # The fast encoder writes null for NaN and infinities.
    if b"null" in text and (odd := _not_finite(value)) is not None:
        raise ValueError(f"{odd} is not a JSON number")
    return text


def encode_read(value: object) -> bytes:
    """Write, as `encode` does and faster, a value that `parse` has given: it holds no NaN and no infinity."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Integers beyond 64 bits and deep nesting: the standard library's encoder takes them.
        return _encode_leniently(value)


def encode_line(value: object) -> bytes:
    """Write one value, which holds no NaN and no infinity, and a newline; `bytes` in it are JSON text already.

    Raises ValueError for what JSON lacks, and for whole numbers beyond 64 bits.
    """
    try:
        return orjson.dumps(value, _as_it_stands, orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _as_it_stands(value: object) -> orjson.Fragment:
    if isinstance(value, bytes):
        return orjson.Fragment(bytes(value))
    raise TypeError(f"a {type(value).__name__} is not a JSON value")


def _not_finite(value: object) -> float | None:
    """Return the first number in a value, at any depth, that is none."""
    pending = [value]
    for node in pending:
        kind = type(node)
        if kind is str or kind is int:
            continue
        if isinstance(node, float):
            if not math.isfinite(node):
                return node
        elif isinstance(node, dict):
            pending += node.values()
        elif isinstance(node, (list, tuple)):
            pending += node
    return None


def _encode_leniently(value: object) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("this value is nested too deeply") from None
    return text.encode("utf-8")


def encode_pretty(value: object) -> str:
    """Write one value as JSON for people: indented by two, keys in their own order."""
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)


def encode_strings(texts: Iterable[str]) -> list[bytes]:
    """Write many strings as `encode_string` does. Raises ValueError."""
    try:
        return list(map(orjson.dumps, texts))
    except TypeError as error:
        raise ValueError(str(error)) from None


def encode_string(text: str) -> bytes:
    """Write a string as JSON, UTF-8, nothing escaped that need not be. Raises ValueError for a lone surrogate."""
    try:
        return orjson.dumps(text)
    except TypeError as error:
        raise ValueError(str(error)) from None
