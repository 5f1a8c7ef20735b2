"""What a rebuilt state owes to the one before it, in numbers."""

from __future__ import annotations

from typing import NamedTuple


class Carried(NamedTuple):
    """What only the old state knew, in requests: `answers` and those `in_flight` were carried over, `left` were not.

    `found` are those that the old state did not know; `asked` those that are marked to be sent again.
    """

    answers: int = 0
    in_flight: int = 0
    left: int = 0
    found: int = 0
    asked: int = 0
