"""Reads one row from JSON text: an object with named columns, each key once.

Shared by JSON Lines and JSON arrays, so that a row means the same in both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from batchspec.core.json_text import JsonError, parse

_KINDS = {str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null", list: "a list"}


class RowError(ValueError):
    """Text that is no row. `offset` counts characters from 0; None where the whole is meant."""

    def __init__(self, code: str, summary: str, hint: str, offset: int | None = None) -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.hint = hint
        self.offset = offset


_ONE_ROW = 'mend the JSON; a row is one object, such as `{"id": "a", "text": "…"}`'


def parse_row(data: bytes) -> dict[str, object]:
    """Return the object that `data` is. Raises RowError."""
    try:
        value = parse(data)
    except JsonError as error:
        raise RowError("json-syntax", f"not JSON: {error}", _ONE_ROW, error.offset) from None
    if type(value) is not dict:
        raise RowError(
            "row-not-object",
            f"a row must be an object, and this is {_KINDS[type(value)]}",
            'write each row with named columns, as `{"column": "value"}`',
        )
    if "" in value:
        raise RowError("empty-column-name", "a column has an empty name", "name it, or remove it")
    if not _each_key_once(data, value):
        _refuse_duplicates(data)
    return value


def _each_key_once(data: bytes, value: dict[str, object]) -> bool:
    """Tell whether no key can be there twice; False means that only a second, slower reading can tell.

    Every key ends in a quote and is followed by a colon. So where no more colons follow a quote than there are keys in
    the parsed value, none was lost. Text within strings seldom has a colon there.
    """
    if data.count(b":") == len(value):
        return True
    before_colons = data.split(b":")
    before_colons.pop()
    return len([piece for piece in before_colons if piece.rstrip().endswith(b'"')]) == _keys(value)


def _keys(value: object) -> int:
    """Count the keys at every depth."""
    count = 0
    pending = [value]
    for node in pending:
        if type(node) is dict:
            count += len(node)
            pending += [item for item in node.values() if type(item) is dict or type(item) is list]
        elif type(node) is list:
            pending += [item for item in node if type(item) is dict or type(item) is list]
    return count


def _refuse_duplicates(data: bytes) -> None:
    try:
        json.loads(data, object_pairs_hook=_refuse_duplicate_in)
    except RecursionError:
        raise RowError("json-syntax", "nested too deeply", "flatten the row") from None


def _refuse_duplicate_in(pairs: Iterable[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise RowError("duplicate-key", f"the key `{key}` is there twice", "remove one of the two")
        seen.add(key)
