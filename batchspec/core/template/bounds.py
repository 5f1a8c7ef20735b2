"""How much a template may do for one row: steps, characters, digits. Knows nothing of Jinja.

Every bound is on sizes and counts and none on time, so that what is refused is refused on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

MAX_TEXT = 16 * 1024 * 1024
"""The most characters that one template may make for one row."""

MAX_STEPS = 2_000_000
"""The most steps that one template may take for one row: turns of a loop, calls, and what text it goes through."""

_MAX_ITEMS = 1_000_000
_MAX_BITS = 4096
_MAX_DECIMALS = 400
_LONGEST_WORD = 10_000
_MAX_WRAPPING = 1_000_000_000
_CHARACTERS_A_STEP = 256
_CHARACTERS_AN_ITEM = 16
_COUNTED = (list, tuple, dict, range, bytes)
_WIDE = re.compile(r"\d{5,}")
_WIDE_FIELD = re.compile(r"\{[^{}]*:[^{}]*\d{5,}")
_WIDE_PERCENT = re.compile(r"%(?:\([^)]*\))?[^a-zA-Z%]*(?:\*|\d{5,})")
_NESTED_FIELD = re.compile(r"\{[^{}]*:[^{}]*\{")


class TooMuchError(Exception):
    """More than a template may do for one row."""


class Budget:
    """The steps that are left for the row in hand."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = MAX_STEPS

    def charge(self, steps: int) -> None:
        """Use steps up. Raises TooMuchError where none are left."""
        self.steps -= steps
        if self.steps < 0:
            raise TooMuchError(f"this takes more than {MAX_STEPS:,} steps for one row; does a loop not end?")

    def charge_for(self, value: object) -> None:
        """Use up the steps of going through a value once."""
        if isinstance(value, str):
            self.charge(1 + len(value) // _CHARACTERS_A_STEP)
        elif isinstance(value, _COUNTED):
            self.charge(1 + len(value))
        else:
            self.charge(1)


def text_size(value: object) -> int:
    """Return about how many characters a value has as text; keys, items and their items are counted.

    Raises TooMuchError beyond MAX_TEXT, also for a value that is small only because it holds itself many times.
    """
    if isinstance(value, str):
        return len(value)
    size, pending = 0, [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str | bytes):
            size += len(item)
        elif isinstance(item, int):
            size += item.bit_length() // 3
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
        size += _CHARACTERS_AN_ITEM
        if size > MAX_TEXT or len(pending) > _MAX_ITEMS:
            raise TooMuchError("this value is too large for a template")
    return size


def bound_text(size: int) -> None:
    """Refuse text of more than MAX_TEXT characters."""
    if size > MAX_TEXT:
        raise TooMuchError(f"this makes more than {MAX_TEXT:,} characters")


def bound_width(width: object) -> None:
    """Refuse a padding that is too wide; what is no integer is left to whoever wants one."""
    if isinstance(width, int) and width > MAX_TEXT:
        raise TooMuchError("this padding is too wide for a template")


def bound_power(base: object, exponent: object) -> None:
    """Refuse a power with too many digits."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _MAX_BITS:
        raise TooMuchError("this power is too large a number for a template")


def bound_product(left: object, right: object) -> None:
    """Refuse a product with too many digits, and the repetition of text or lists to something too large."""
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > 2 * _MAX_BITS:
            raise TooMuchError("this product is too large a number for a template")
        return
    for sequence, count in ((left, right), (right, left)):
        if not isinstance(count, int) or not isinstance(sequence, str | bytes | list | tuple):
            continue
        most = MAX_TEXT if isinstance(sequence, str | bytes) else _MAX_ITEMS
        if len(sequence) * count > most:
            raise TooMuchError("this repetition is too large for a template")


def bound_sum(left: object, right: object) -> None:
    """Refuse text or lists put together to something too large."""
    if isinstance(left, str) and isinstance(right, str):
        bound_text(len(left) + len(right))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) + len(right) > _MAX_ITEMS:
        raise TooMuchError("this list is too large for a template")


def bound_percent(text: str, values: object) -> None:
    """Refuse `text % values` that is padded or repeated to something too large."""
    if _WIDE_PERCENT.search(text):
        raise TooMuchError("this padding is too wide for a template")
    bound_text(len(text) + text.count("%") * text_size(values))


def bound_format(text: str, positional: Sequence[object], named: Mapping[str, object]) -> None:
    """Refuse `text.format(…)` that is padded or repeated to something too large."""
    values = [*positional, *named.values()]
    if _WIDE_FIELD.search(text) or (_NESTED_FIELD.search(text) and any(_WIDE.search(str(value)) for value in values)):
        raise TooMuchError("this padding is too wide for a template")
    bound_text(len(text) + text.count("{") * max(map(text_size, values), default=0))


def bound_replacement(text: str, old: object, new: object) -> None:
    """Refuse a replacement that makes text too large."""
    if isinstance(old, str) and isinstance(new, str) and len(new) > len(old):
        bound_text(len(text) + text.count(old) * len(new))


def bound_wrapping(text: str, width: object) -> None:
    """Refuse a word that is broken into so many lines that going through it takes its length squared."""
    if isinstance(width, int) and len(text) > _LONGEST_WORD:
        longest = max(map(len, text.split()), default=0)
        if longest > _LONGEST_WORD and longest // max(width, 1) * longest > _MAX_WRAPPING:
            raise TooMuchError("a word this long cannot be wrapped in a template")


def bound_join(separator: str, items: Sequence[object]) -> None:
    """Refuse items that are joined to something too large."""
    bound_text(sum(map(text_size, items)) + len(separator) * len(items))


def bound_count(count: object) -> None:
    """Refuse a number of parts that is too large."""
    if isinstance(count, int) and count > _MAX_ITEMS:
        raise TooMuchError("these are too many parts for a template")


def bound_decimals(precision: object) -> None:
    """Refuse rounding to a number of digits that no number has."""
    if isinstance(precision, int) and abs(precision) > _MAX_DECIMALS:
        raise TooMuchError("no number has that many digits")


def bound_method(owner: str | bytes | int, name: str, arguments: Sequence[object]) -> None:
    """Refuse a call of a method of text or of a number that makes something too large."""
    if name in {"center", "ljust", "rjust", "zfill", "to_bytes"}:
        for width in arguments:
            bound_width(width)
    if not isinstance(owner, str):
        return
    if name == "expandtabs":
        for width in arguments:
            bound_width(owner.count("\t") * width if isinstance(width, int) else None)
    elif name == "replace" and len(arguments) >= 2:
        bound_replacement(owner, arguments[0], arguments[1])
    elif name == "join" and arguments and isinstance(arguments[0], list | tuple):
        bound_join(owner, arguments[0])
    elif name == "translate" and arguments and isinstance(arguments[0], dict):
        longest = max((len(new) for new in arguments[0].values() if isinstance(new, str)), default=0)
        bound_text(len(owner) * longest)


def bound_addends(start: object) -> None:
    """Refuse to add up what is no number: lists and text grow with every step."""
    if not isinstance(start, int | float):
        raise TooMuchError("`sum` adds up numbers; `join` puts text together")


def joined(pieces: Iterable[str]) -> str:
    """Join text, refusing what is larger than MAX_TEXT before it is made."""
    listed = list(pieces)
    bound_text(sum(map(len, listed)))
    return "".join(listed)
