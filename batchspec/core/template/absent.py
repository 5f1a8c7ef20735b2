"""A value that is not there, as the answer of a row that has none: false, equal to none, and an error to print."""

from __future__ import annotations

from batchspec.core.template.faults import UndefinedName


class Absent(UndefinedName):
    """In a template: false, `is none`, not `is defined`; whatever else is done with it fails like an undefined name."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override] # Jinja's own never returns
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return other is None or isinstance(other, Absent)

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return not self == other

    __hash__ = object.__hash__  # type: ignore[assignment]


def absent(name: str) -> Absent:
    """Return the value of a name that a row lacks."""
    return Absent(name=name)


def is_none(value: object) -> bool:
    """Tell whether a value is none, or not there: the test `none`."""
    return value is None or isinstance(value, Absent)
