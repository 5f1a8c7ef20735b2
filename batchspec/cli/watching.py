"""`status --watch`: the same table again and again, until nothing moves any more."""

from __future__ import annotations

import sys
from collections.abc import Callable

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.commands.status import Status
from batchspec.core.planning import Action
from batchspec.report.text import status_text

_PAUSE = 2.0
_LONGEST_PAUSE = 30.0
_GROWTH = 1.3
_CLEAR = "\x1b[2J\x1b[H"


def watch(look: Callable[[], Status], console: Console, interrupts: Interrupts) -> Status:
    """Show what `look` finds whenever it has changed; return the last once no request is in flight.

    Between two looks the state is left to others. On a terminal each table takes the place of the one before.
    """
    before, pause = "", _PAUSE
    while True:
        found = look()
        told = status_text(found, console.out_style(), console.relative)
        if told != before:
            console.out(f"{_CLEAR}{told}" if sys.stdout.isatty() else f"{told}\n" if _moves(found) else told)
            before, pause = told, _PAUSE
        if not _moves(found):
            return found
        interrupts.sleep(pause)
        interrupts.stop()
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _moves(found: Status) -> bool:
    return found.plan.total(Action.IN_FLIGHT) + found.plan.total(Action.UNRESOLVED) > 0
