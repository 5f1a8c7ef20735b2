"""What the makers of documents share: how a search gives up, how it varies, and whom they ask for a member's value."""

from __future__ import annotations

from typing import Protocol

from batchspec.emulator.answers.schema_fit import Schema

_MASK = 2**64 - 1


class NothingFits(Exception):  # noqa: N818 - a turn in a search, not a fault
    """No value was found for a part of the schema."""


class Maker(Protocol):
    """Makes and judges the values of an object's members and of an array's items."""

    def value(self, schema: object, draw: int, depth: int) -> object:
        """Return a value that fits the schema at this depth. Raises NothingFits."""

    def fits(self, value: object, schema: object) -> bool:
        """Tell whether a value fits the schema."""


def mixed(draw: int, turn: int) -> int:
    """Return the draw itself for the turn 0, and one that has nothing to do with it for every other turn."""
    if turn == 0:
        return draw
    found = (draw + turn * 0x9E3779B97F4A7C15) & _MASK
    found = ((found ^ found >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    return found ^ found >> 27


def listed(schema: Schema, name: str) -> list[object]:
    """Return a keyword's list; an empty one where it has none."""
    given = schema.get(name)
    return given if isinstance(given, list) else []
