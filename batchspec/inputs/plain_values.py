"""Writes the values of typed sources, as Parquet and SQL have them, as JSON can hold them: times and decimals as text.

What JSON cannot hold (bytes, infinities, durations) is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID


class NoPlainValueError(ValueError):
    """A value that JSON cannot hold; the message says in words what it is."""


def plain(value: object) -> object:
    """Return a value as JSON holds it. Raises NoPlainValueError."""
    if value is None or isinstance(value, str | int):
        return value
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    raise NoPlainValueError(f"a value of the type {type(value).__name__}")


def iso_text(text: str) -> str:
    """Return a time that is written with a blank in its middle and a long fraction as ISO 8601 has it, shortened."""
    text = text.replace(" ", "T", 1)
    whole, dot, rest = text.partition(".")
    if not dot:
        return text
    digits = rest.rstrip("Z")
    zone = rest[len(digits) :]
    digits = digits.rstrip("0")
    return f"{whole}.{digits}{zone}" if digits else whole + zone


def mapping(pairs: Iterable[tuple[object, object]]) -> dict[str, object]:
    """Return pairs as a mapping whose keys are text. Raises NoPlainValueError for other keys, and one given twice."""
    made: dict[str, object] = {}
    for key, value in pairs:
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise NoPlainValueError("a map with keys that are neither text nor whole numbers")
        name = str(key)
        if name in made:
            raise NoPlainValueError(f"a map with the key `{name}` twice")
        made[name] = value
    return made


def finite(value: float) -> float:
    """Return a number. Raises NoPlainValueError for infinities and what is no number."""
    if not math.isfinite(value):
        raise NoPlainValueError(f"{value}, which is no JSON number")
    return value


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return iso_text(value.isoformat())
    return iso_text(value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z")


def _time(value: time) -> str:
    if value.tzinfo is not None:
        raise NoPlainValueError("a time of day with a time zone")
    return iso_text(value.isoformat())


def _list(value: Iterable[object]) -> list[object]:
    return [plain(item) for item in value]


def _dict(value: Mapping[object, object]) -> dict[str, object]:
    return mapping((key, plain(item)) for key, item in value.items())


_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[..., object]], ...] = (
    (float, finite),
    (datetime, _moment),
    (date, date.isoformat),
    (time, _time),
    (Decimal, lambda value: format(value, "f")),
    (UUID, str),
    ((list, tuple), _list),
    (dict, _dict),
)
