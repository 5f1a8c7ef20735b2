"""Reads columns of Arrow batches as lists of plain values: each type has its way, found once for a file.

Times are cast to text by Arrow itself, which keeps nanoseconds; what JSON cannot hold is refused by its type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from batchspec.inputs.plain_values import NoPlainValueError, finite, iso_text, mapping

Write = Callable[[Any], object]

_TYPES = pa.types


class ColumnReader(NamedTuple):
    """How to read a column: the types that Arrow casts it to, and what then becomes of each value that is not null."""

    steps: tuple[Any, ...]
    write: Write | None = None

    def read(self, column: Any) -> list[object]:
        """Return the values of an Arrow array. Raises NoPlainValueError."""
        for target in self.steps:
            if not column.type.equals(target):
                column = column.cast(target)
        values: list[object] = column.to_pylist()
        write = self.write
        if write is None or (write is finite and pc.all(pc.is_finite(column)).as_py() is not False):
            return values
        return [None if value is None else write(value) for value in values]


class _Form(NamedTuple):
    """Values of a type: the type itself without its time zones, what it is cast to, and what writes each value."""

    in_utc: Any
    target: Any
    write: Write | None = None


def column_reader(kind: Any) -> ColumnReader:
    """Return how to read values of an Arrow type. Raises NoPlainValueError, in words, for one that JSON cannot hold."""
    form = _form(kind)
    return ColumnReader((form.in_utc, form.target), form.write)


def _form(kind: Any) -> _Form:
    for is_kind, form in _FORMS:
        if is_kind(kind):
            return form(kind)
    raise NoPlainValueError(_WORDS.get(str(kind).partition("[")[0], f"values of the type {kind}"))


def _same(kind: Any) -> _Form:
    return _Form(kind, kind)


def _number(kind: Any) -> _Form:
    target = pa.float32() if _TYPES.is_float16(kind) else kind
    return _Form(target, target, finite)


def _date(_kind: Any) -> _Form:
    return _Form(pa.date32(), pa.string())


def _time(kind: Any) -> _Form:
    return _Form(kind, pa.string(), iso_text)


def _moment(kind: Any) -> _Form:
    return _Form(kind if kind.tz is None else pa.timestamp(kind.unit, "UTC"), pa.string(), iso_text)


def _decimal(kind: Any) -> _Form:
    return _Form(kind, kind, lambda value: format(value, "f"))


def _extension(kind: Any) -> _Form:
    return _Form(kind, kind, str) if isinstance(kind, pa.UuidType) else _form(kind.storage_type)


def _list(kind: Any) -> _Form:
    inner = _form(kind.value_type)
    write = inner.write
    types = pa.list_(inner.in_utc), pa.list_(inner.target)
    if write is None:
        return _Form(*types)
    return _Form(*types, lambda items: [None if item is None else write(item) for item in items])


def _struct(kind: Any) -> _Form:
    fields = [kind.field(number) for number in range(kind.num_fields)]
    if len({field.name for field in fields}) < len(fields):
        raise NoPlainValueError("structs with two fields of one name")
    forms = {field.name: _form(field.type) for field in fields}
    writes = {name: form.write for name, form in forms.items() if form.write is not None}

    def write(struct: dict[str, Any]) -> object:
        for name, each in writes.items():
            if struct[name] is not None:
                struct[name] = each(struct[name])
        return struct

    in_utc = pa.struct([pa.field(name, form.in_utc) for name, form in forms.items()])
    target = pa.struct([pa.field(name, form.target) for name, form in forms.items()])
    return _Form(in_utc, target, write if writes else None)


def _map(kind: Any) -> _Form:
    keys, items = _form(kind.key_type), _form(kind.item_type)
    write = items.write

    def write_all(pairs: list[tuple[Any, Any]]) -> object:
        return mapping((key, item if write is None or item is None else write(item)) for key, item in pairs)

    in_utc, target = pa.map_(keys.in_utc, items.in_utc), pa.map_(keys.target, items.target)
    return _Form(in_utc, target, write_all)


_FORMS: tuple[tuple[Callable[[Any], bool], Callable[[Any], _Form]], ...] = (
    (lambda kind: isinstance(kind, pa.BaseExtensionType), _extension),
    (_TYPES.is_null, _same),
    (_TYPES.is_boolean, _same),
    (_TYPES.is_integer, _same),
    (_TYPES.is_floating, _number),
    (_TYPES.is_string, _same),
    (_TYPES.is_large_string, _same),
    (_TYPES.is_string_view, _same),
    (_TYPES.is_date, _date),
    (_TYPES.is_time, _time),
    (_TYPES.is_timestamp, _moment),
    (_TYPES.is_decimal, _decimal),
    (_TYPES.is_dictionary, lambda kind: _form(kind.value_type)),
    (_TYPES.is_struct, _struct),
    (_TYPES.is_map, _map),
    (_TYPES.is_list, _list),
    (_TYPES.is_large_list, _list),
    (_TYPES.is_fixed_size_list, _list),
    (_TYPES.is_list_view, _list),
)
_WORDS = {
    "binary": "binary values",
    "large_binary": "binary values",
    "binary_view": "binary values",
    "fixed_size_binary": "binary values",
    "duration": "durations",
    "month_day_nano_interval": "intervals",
}
