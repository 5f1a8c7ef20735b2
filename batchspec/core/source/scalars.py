"""Plain scalars of YAML 1.2's core schema: null, booleans, integers, floats; everything else is text.

Knows nothing of files, positions or the YAML parser.
"""

from __future__ import annotations

import math
import re

MAX_INTEGER_DIGITS = 4300
"""Python itself refuses to read longer decimal integers, because the time it takes is quadratic."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# Every number begins with one of these; most text does not, and is told apart without a regular expression.
_NUMBER_STARTS = frozenset("+-.0123456789")

PlainValue = str | int | float | bool | None


class UnfitNumberError(ValueError):
    """A number that YAML can write and JSON cannot carry. The message is for people."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def resolve(text: str) -> PlainValue:
    """Return the value of a plain (unquoted) scalar.

    Raises UnfitNumberError for infinities, NaN, floats beyond double precision and integers of more than
    MAX_INTEGER_DIGITS digits.
    """
    if text in _NULLS:
        return None
    return _number(text) if text[0] in _NUMBER_STARTS else _BOOLEANS.get(text, text)


def _number(text: str) -> PlainValue:
    if _DECIMAL.fullmatch(text):
        return _integer(text)
    if _PREFIXED.fullmatch(text):
        return _bounded(int(text, 0))
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _NOT_FINITE.fullmatch(text):
        raise UnfitNumberError(f"JSON has no number `{text}`", "give a finite number, or quote it if it is text")
    return text


def _integer(text: str) -> int:
    sign = "-" if text[0] == "-" else ""
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > MAX_INTEGER_DIGITS:
        raise _too_many_digits()
    return int(sign + digits)


def _bounded(number: int) -> int:
    if number >= 10**MAX_INTEGER_DIGITS:
        raise _too_many_digits()
    return number


def _too_many_digits() -> UnfitNumberError:
    return UnfitNumberError(f"an integer of more than {MAX_INTEGER_DIGITS:,} digits", "quote it if it is text")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        shown = text if len(text) <= 40 else text[:39] + "…"
        raise UnfitNumberError(
            f"the number `{shown}` is too large", "the largest is about 1.8e308; quote it if it is text"
        )
    return number
