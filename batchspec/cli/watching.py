"""`status --watch`: where things stand, again and again, until nothing moves any more."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.commands.results import Output
from batchspec.commands.status import Status
from batchspec.core.planning import Action
from batchspec.report.frame import Frame, Room
from batchspec.report.progress import Pace
from batchspec.report.style import Style
from batchspec.report.text import status_summary, status_text

_PAUSE = 2.0
_LONGEST_PAUSE = 30.0
_GROWTH = 1.3
_USUAL = Room(80, 24)


def watch(look: Callable[[], Status], console: Console, interrupts: Interrupts) -> Status:
    """Show what `look` finds until no request is in flight; return the last, with every output that was written.

    On a terminal the table is drawn over the one before it; elsewhere a line tells each change. Between two looks the
    state is left to others. The last table is the caller's to show.
    """
    shown = _OnTerminal(console) if console.redraws else _InLines(console)
    outputs: dict[str, Output] = {}
    pace, before, pause = Pace(), -1, _PAUSE
    finished = False
    try:
        while True:
            with console.holding() as said:
                found = look()
            outputs |= {output.path: output for output in found.outputs}
            if not _in_flight(found):
                finished = True
                return replace(found, outputs=tuple(outputs.values()))
            done = _paced(pace, found)
            pause = min(pause * _GROWTH, _LONGEST_PAUSE) if done == before else _PAUSE
            before = done
            shown.wait(found, said, pace, pause, interrupts)
    finally:
        shown.end(finished=finished)


def _in_flight(found: Status) -> int:
    return found.plan.total(Action.IN_FLIGHT) + found.plan.total(Action.UNRESOLVED)


def _paced(pace: Pace, found: Status) -> int:
    """Take note of how many requests of the jobs in flight are done, and return it."""
    running = [each.job for each in found.jobs if not each.job.status.ended]
    done = sum(job.completed_requests for job in running)
    pace.start("in flight", sum(job.total_requests for job in running), "requests", done)
    return done


class _OnTerminal:
    """The table as it is, and below it when it was looked at and when it will be again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._frame = Frame(sys.stdout, _room)
        self._told: list[str] = []

    def wait(self, found: Status, said: list[str], pace: Pace, pause: float, interrupts: Interrupts) -> None:
        """Show it, and count down to the next look."""
        looked = time.strftime("%H:%M:%S")
        ends = time.monotonic() + pause
        while (left := ends - time.monotonic()) > 0:
            style = self._console.out_style()
            words = f"{pace.words()}. " if pace.words() else ""
            foot = f"{words}Looked at {looked}, again in {round(left)} s. Ctrl-C ends the watch; jobs go on."
            self._told = status_text(found, style, self._console.relative).split("\n")
            self._frame.draw(self._told, ["", *_folded(said, style), *style.fold(foot).split("\n")])
            interrupts.sleep(min(1.0, left))
        interrupts.stop()

    def end(self, *, finished: bool) -> None:
        """Give the place back, or leave the last table in it where it was not seen to the end."""
        if finished:
            self._frame.clear()
        else:
            self._frame.draw(self._told)


class _InLines:
    """A line for each change, for whoever reads it later."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: tuple[str, ...] = ()

    def wait(self, found: Status, said: list[str], pace: Pace, pause: float, interrupts: Interrupts) -> None:
        """Say what has changed, and wait for the next look."""
        summary = status_summary(found, Style(colour=False))
        told = (summary, f"{pace.count} of {pace.total}", *said)
        if told != self._told:
            words = f" {pace.words()}." if pace.words() else ""
            if not self._console.quiet:
                self._console.out(f"{time.strftime('%H:%M:%S')}  {summary}{words}")
            for line in said:
                self._console.say(line)
            self._told = told
        interrupts.sleep(pause)
        interrupts.stop()

    def end(self, *, finished: bool) -> None:
        """There is nothing to take back."""


def _folded(said: list[str], style: Style) -> list[str]:
    return [line for each in said for line in style.fold(each).split("\n")]


def _room() -> Room:
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return _USUAL
    return Room(size.columns or _USUAL.columns, size.lines or _USUAL.lines)
