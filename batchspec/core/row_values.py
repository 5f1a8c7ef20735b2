"""Turns the value of a column into the type that a spec declares for it: text is read as it, the rest is checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from batchspec.core.json_text import JsonError, parse

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LARGEST_WHOLE_DOUBLE = 2.0**53


class ColumnType(StrEnum):
    """What a column may be declared as."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


WORDS: Mapping[ColumnType, str] = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "a whole number",
    ColumnType.NUMBER: "a number",
    ColumnType.BOOLEAN: "`true` or `false`",
    ColumnType.JSON: "JSON",
}
"""Each type in words, as in "… is wanted"."""


def as_string(value: object) -> object:
    """Return text or null as it is. Raises ValueError."""
    if value is None or isinstance(value, str):
        return value
    raise ValueError


def as_integer(value: object) -> object:
    """Return a whole number; a float that is one becomes one. Raises ValueError."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return int(text)
    elif isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_WHOLE_DOUBLE:
        return int(value)
    elif value is None or type(value) is int:
        return value
    raise ValueError


def as_number(value: object) -> object:
    """Return a number, whole where it is written so. Raises ValueError, also for what no double holds."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
            return number
    elif value is None or type(value) is int or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError


def as_boolean(value: object) -> object:
    """Return a boolean; text is one as `true` or `false`, in any capitals. Raises ValueError."""
    if isinstance(value, str):
        text = value.strip().lower()
        if not text:
            return None
        if text in {"true", "false"}:
            return text == "true"
    elif value is None or isinstance(value, bool):
        return value
    raise ValueError


def as_json(value: object) -> object:
    """Return what text is as JSON; what is no text already is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return parse(value.encode("utf-8"))
    except (JsonError, UnicodeEncodeError):
        raise ValueError from None


READERS: Mapping[ColumnType, Callable[[object], object]] = {
    ColumnType.STRING: as_string,
    ColumnType.INTEGER: as_integer,
    ColumnType.NUMBER: as_number,
    ColumnType.BOOLEAN: as_boolean,
    ColumnType.JSON: as_json,
}
"""What reads each type; every one raises ValueError."""
