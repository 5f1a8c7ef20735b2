"""Candidates for a text, a number, a boolean or null that a JSON Schema asks for, the likeliest first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from batchspec.emulator.answers.pattern_texts import texts
from batchspec.emulator.answers.schema_fit import Schema, number_of

_WORD = "emulated"
_LONGEST = 100_000
_SPAN = 100
_FORMATS = {
    "date": "2024-01-31",
    "date-time": "2024-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "emulated@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "json-pointer": "/emulated",
    "regex": "emulated",
    "uri": "https://example.org/emulated",
    "uri-reference": "/emulated",
    "url": "https://example.org/emulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def scalars(kind: str, schema: Schema, draw: int) -> Iterator[object]:
    """Yield candidates of a JSON type; none for a type that there is not."""
    if kind == "string":
        yield from _texts(schema, draw)
    elif kind == "integer":
        yield from _numbers(schema, draw, whole=True)
    elif kind == "number":
        yield from _numbers(schema, draw, whole=False)
    elif kind == "boolean":
        yield draw % 2 == 0
        yield draw % 2 != 0
    elif kind == "null":
        yield None


def _texts(schema: Schema, draw: int) -> Iterator[str]:
    least = int(number_of(schema, "minLength") or 0)
    pattern = schema.get("pattern")
    most = number_of(schema, "maxLength")
    form = schema.get("format")
    if isinstance(form, str) and form in _FORMATS:
        yield _FORMATS[form]
    if isinstance(pattern, str):
        yield from texts(pattern, draw, least, None if most is None else max(0, int(most)))
        return
    wanted = max(0, min(max(least, len(_WORD)), int(most) if most is not None else _LONGEST, _LONGEST))
    yield (_WORD + f" {_WORD}" * (wanted // len(_WORD)))[:wanted]


def _numbers(schema: Schema, draw: int, *, whole: bool) -> Iterator[float]:
    low, high = _bounds(schema, whole=whole)
    step = number_of(schema, "multipleOf")
    if step is not None and step > 0:
        yield from _multiples(low, high, step, draw, whole=whole)
        return
    if whole:
        lowest, highest = math.ceil(low), math.floor(high)
        yield lowest + draw % (highest - lowest + 1) if highest > lowest else lowest
        return
    yield round(low + (high - low) * (draw % 997 + 1) / 1000, 3)
    yield low / 2 + high / 2
    yield low
    yield high


def _bounds(schema: Schema, *, whole: bool) -> tuple[float, float]:
    """Return the least and the greatest number, both inclusive for whole ones; where one is open, a span is taken."""
    lows: list[float] = [] if (low := number_of(schema, "minimum")) is None else [low]
    highs: list[float] = [] if (high := number_of(schema, "maximum")) is None else [high]
    if (over := number_of(schema, "exclusiveMinimum")) is not None:
        lows.append(math.floor(over) + 1 if whole else over)
    if (under := number_of(schema, "exclusiveMaximum")) is not None:
        highs.append(math.ceil(under) - 1 if whole else under)
    if lows:
        return max(lows), min(highs) if highs else max(lows) + _SPAN
    if highs:
        return min(highs) - _SPAN, min(highs)
    return 0, _SPAN


def _multiples(low: float, high: float, step: float, draw: int, *, whole: bool) -> Iterator[float]:
    exact = Fraction(repr(step))
    first, last = math.ceil(Fraction(repr(low)) / exact), math.floor(Fraction(repr(high)) / exact)
    count = max(last - first + 1, 1)
    for turn in range(50):
        value = (first + (draw + turn) % count) * exact
        if value.denominator == 1:
            yield int(value)
        elif not whole:
            yield float(value)
