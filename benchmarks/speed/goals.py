"""The goals, and whether each is met: ratios within one run, so that they hold on any machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.speed.stages import STATE, WITH_ANSWERS, Line

MEGABYTE = 1_000_000
FIRST, AGAIN = "by hand: first run", "by hand: nothing changed"
COLLECTED_AGAINST_FIRST = 60_000 / 12_900
"""How much faster than the first run by hand results are to be collected, joined and written."""

IDLE_AGAINST_AGAIN = 51 / 1.5
"""How much faster than the script by hand it is to be known that nothing has changed, where the inputs' bytes are."""


class Goal(NamedTuple):
    """One goal: what is to be reached, what was measured, and whether that is enough (None: not measured)."""

    name: str
    wanted: str
    measured: str
    met: bool | None


class Found:
    """What was measured for one work at one number of rows, by stage."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = {line.stage: line for line in lines}

    def faster(self, name: str, stage: str, beside: str, times: float, *, cpu: bool) -> Goal:
        """Hold a stage to being so many times as fast as another one."""
        wanted = f"{times:.1f} x {beside}".replace(".0 x", " x")
        one, other = self._lines.get(stage), self._lines.get(beside)
        if one is None or other is None:
            return Goal(name, wanted, "not measured", None)
        ratio = other.took.cpu / one.took.cpu if cpu else other.took.seconds / one.took.seconds
        spent = one.took.cpu if cpu else one.took.seconds
        rate = f", {one.rows / spent:,.0f} rows a second" if one.rows else ""
        unit = "CPU time" if cpu else "time"
        return Goal(name, wanted, f"{ratio:.1f} x in {unit}{rate}", ratio >= times)

    def dearer(self, name: str, stage: str, beside: str, times: float) -> Goal:
        """Hold a stage to costing at most so many times as much CPU time as another one."""
        wanted = f"at most {times:g} x {beside}"
        one, other = self._lines.get(stage), self._lines.get(beside)
        if one is None or other is None:
            return Goal(name, wanted, "not measured", None)
        ratio = one.took.cpu / other.took.cpu
        return Goal(name, wanted, f"{ratio:.2f} x", ratio <= times)


def speed_goals(lines: Sequence[Line], facts: Mapping[str, float]) -> list[Goal]:
    """Return the goals of one work at one number of rows."""
    found = Found(lines)
    goals = [
        found.faster("first run, one core", "first run to the spool, one core", FIRST, 8, cpu=True),
        found.faster("first run, two cores", "first run to the spool, all cores", FIRST, 14, cpu=False),
        found.faster("nothing changed, rendered, one core", "plan, rendered again, one core", AGAIN, 9, cpu=True),
        found.faster("nothing changed, rendered, two cores", "plan, rendered again, all cores", AGAIN, 15, cpu=False),
        found.faster("nothing changed, inputs the same bytes", "plan, same bytes", AGAIN, IDLE_AGAINST_AGAIN, cpu=True),
        found.faster("one row edited, one core", "plan, one row edited, one core", AGAIN, 9, cpu=True),
        found.faster("one row edited, two cores", "plan, one row edited, all cores", AGAIN, 15, cpu=False),
        found.faster("collected, joined, written", "collect and join", FIRST, COLLECTED_AGAINST_FIRST, cpu=False),
    ]
    state = facts.get(STATE)
    if state is not None:
        told = f"{state:.0f}, and {facts[WITH_ANSWERS]:.0f} with its answer"
        goals.append(Goal("state", "under 100 bytes a request", told, state < 100))
    return goals


class Bases(NamedTuple):
    """What commands over one row take in memory: bytes, 0 where that was not measured.

    They are a plan, one whose rows are rendered by a process for each core, and an export to Parquet.
    """

    plan: int = 0
    shared: int = 0
    parquet: int = 0

    def of(self, stage: str) -> int:
        """Return that of the command that a stage is of."""
        if "parquet" in stage:
            return self.parquet
        return self.shared if stage.endswith("all cores") else self.plan


def memory_goals(by_rows: Mapping[int, Sequence[Line]], bases: Bases) -> list[Goal]:
    """Hold every command to 150 MB above what it takes for a spec of one row, at any number of rows."""
    peaks = [
        (line.took.peak - bases.of(line.stage), line.stage, rows)
        for rows, lines in by_rows.items()
        for line in lines
        if not line.stage.startswith(("by hand", "limit"))
    ]
    if not peaks or not all(bases):
        return []
    most, stage, rows = max(peaks)
    told = f"{most / MEGABYTE:.0f} MB: {stage}, {rows:,} rows"
    return [Goal("memory above its imports", "under 150 MB in any command", told, most < 150 * MEGABYTE)]


def start_goals(lines: Sequence[Line]) -> list[Goal]:
    """Return the goals of starting."""
    found = Found(lines)
    bare = "python -c pass"
    return [
        found.dearer("start: `--version`", "--version", bare, 5),
        found.dearer("start: `--help`", "--help", bare, 5),
        found.dearer("start: `validate` of a small spec", "validate", bare, 15),
    ]


def transfer_goals(lines: Sequence[Line]) -> list[Goal]:
    """Return the goals of uploads and downloads."""
    found = Found(lines)
    goals = [
        found.faster(f"{verb} over loopback", f"batchspec: {verb}", f"curl: {verb}", 1, cpu=False)
        for verb in ("upload", "download")
    ]
    peaks = [line.took.peak for line in lines if line.stage.startswith("batchspec")]
    told = f"{max(peaks) / MEGABYTE:.0f} MB"
    return [*goals, Goal("transfers: no file in memory", "under 150 MB", told, max(peaks) < 150 * MEGABYTE)]
