"""What was measured, as a page of Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speed.goals import Goal
from benchmarks.speed.stages import Line

_HEAD = ("stage", "rows", "runs", "seconds", "rows a second", "CPU seconds", "peak MB", "beside", "time", "CPU time")
_RIGHT = frozenset({"rows", "runs", "seconds", "rows a second", "CPU seconds", "peak MB", "time", "CPU time"})

_HOW = (
    "Seconds are medians of the runs that are named, each of a process of its own, its start included; CPU seconds are"
    " user and system, of all processes of a command; memory is the largest of all runs, what processes share counted"
    " once. The last columns are set against another line of the same run: 0.10 in time is ten times as fast. The"
    " provider is the emulator in a process of its own on the same machine: its work is in no figure, but it has its"
    " part in the seconds of what waits for it."
)

_UNMET = (
    "Of each goal that is not met, this is [what the profile shows and what was tried]"
    "(../docs/explanation/performance.md#what-is-short-of-its-goal-and-why)."
)


def page(parts: Sequence[tuple[str, Sequence[Line]]], goals: Sequence[Goal], command: str) -> str:
    """Return the whole page: the goals, then a table for each part."""
    blocks = [
        "<!-- Made by `python -m benchmarks.speed`: run it again, do not edit this page. -->",
        "# Speed and memory",
        f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}. Made by `{command}`.",
        _HOW,
    ]
    if goals:
        blocks += ["## Goals", "\n".join(_goals(goals)), _UNMET]
    for title, lines in parts:
        blocks += [f"## {title}", "\n".join(_table(lines))]
    return "\n\n".join(blocks) + "\n"


def _machine() -> str:
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name"))
    return next(names, platform.machine())


def _goals(goals: Iterable[Goal]) -> Iterable[str]:
    yield from ("| work | goal | measured | met |", "| --- | --- | --- | --- |")
    words = {True: "yes", False: "**no**", None: "-"}
    for goal in goals:
        yield f"| {goal.name} | {goal.wanted} | {goal.measured} | {words[goal.met]} |"


def _table(lines: Sequence[Line]) -> Iterable[str]:
    yield f"| {' | '.join(_HEAD)} |"
    yield f"| {' | '.join('---:' if name in _RIGHT else '---' for name in _HEAD)} |"
    known = {(line.rows, line.stage): line for line in lines}
    for line in lines:
        took = line.took
        other = known.get((line.rows, line.beside))
        cells = (
            line.stage,
            f"{line.rows:,}" if line.rows else "-",
            str(took.runs),
            f"{took.seconds:.3f}" if took.seconds < 10 else f"{took.seconds:.1f}",
            f"{line.rows / took.seconds:,.0f}" if line.rows else "-",
            f"{took.cpu:.3f}" if took.cpu < 10 else f"{took.cpu:.1f}",
            f"{took.peak / 1e6:.0f}",
            line.beside if other else "-",
            f"{took.seconds / other.took.seconds:.2f}" if other else "-",
            f"{took.cpu / other.took.cpu:.2f}" if other else "-",
        )
        yield f"| {' | '.join(cells)} |"
