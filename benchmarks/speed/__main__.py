"""Measures batchspec stage by stage, beside the script by hand and the limit, and writes the table with its goals.

All: `python -m benchmarks.speed --glosses PATH`. One: `python -m benchmarks.speed --stage plan --rows 100000`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.goals import Bases, Goal, memory_goals, speed_goals, start_goals, transfer_goals
from benchmarks.speed.stages import STAGES, Bench, Line
from benchmarks.speed.start import PARQUET, PLAN, SHARED, start_up
from benchmarks.speed.table import page
from benchmarks.speed.transfers import transfers
from benchmarks.speed.work import TICKETS, Work, glosses

ALONE = ("start", "transfer")
_Part = tuple[str, list[Line]]
_STAGES = """\
stages over rows:
  by-hand    the script of a user: render only; with digests in SQLite, first run and nothing changed
  limit      DuckDB's SQL on one thread, and copying its lines
  validate   check the spec and every row
  render     write the lines (one core, all cores)
  plan       the first plan, nothing recorded
  spool      the first run up to the upload: render, check, digest, record, spool
  apply      the same with upload and the job
  unchanged  plans after it: inputs the same bytes; and rendered again, since another column has changed
  edited     plans after the edit of one row
  collect    download, check, take in, join and write the results; and the same by hand
  export     results as JSONL and Parquet; and the same by hand
stages by themselves:
  start      help, the version, a small spec, beside `python -c pass`
  transfer   a file up and down, beside curl and requests
"""


def main() -> None:
    """Read the options, measure, and write the page."""
    given = _options()
    parts: list[_Part] = []
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory(prefix="batchspec-speed-", dir=given.folder) as name:
        folder = Path(name)
        bases = _alone(given, folder, parts, goals)
        for work in _works(given):
            _over_rows(given, work, folder, bases, parts, goals)
    text = page(parts, goals, f"python -m benchmarks.speed {' '.join(sys.argv[1:])}".strip())
    sys.stdout.write(text)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")


def _works(given: argparse.Namespace) -> list[Work]:
    works = [TICKETS] if "tickets" in given.work else []
    if "glosses" in given.work and not set(given.stage).issubset(ALONE):
        if given.glosses is not None and given.glosses.exists():
            works.append(glosses(given.glosses))
        else:
            sys.stderr.write("WordNet's glosses are left out: --glosses says where they are\n")
    return works


def _over_rows(
    given: argparse.Namespace, work: Work, folder: Path, bases: Bases, parts: list[_Part], goals: list[Goal]
) -> None:
    """Measure the stages over one work at every number of rows, of which the largest is held to the goals."""
    by_rows: dict[int, list[Line]] = {}
    facts: dict[str, float] = {}
    for rows in [] if set(given.stage).issubset(ALONE) else given.rows:
        bench = Bench(
            work=work,
            folder=folder / f"{work.name}-{rows}",
            rows=rows,
            repeat=given.repeat if rows <= 100_000 else given.repeat_large,
            stages=given.stage if rows <= 100_000 else given.stage_large or given.stage,
        )
        # A work with fewer rows than asked for is measured whole, and once.
        if bench.write() not in by_rows:
            bench.run()
            by_rows[bench.rows], facts = bench.lines, bench.facts
    if by_rows:
        most = max(by_rows)
        parts.append((work.title, [line for lines in by_rows.values() for line in lines]))
        found = [*speed_goals(by_rows[most], facts), *memory_goals(by_rows, bases)]
        goals += [goal._replace(name=f"{work.name}, {most:,} rows: {goal.name}") for goal in found]


def _alone(given: argparse.Namespace, folder: Path, parts: list[_Part], goals: list[Goal]) -> Bases:
    """Measure what needs no rows; return what commands over one row take in memory."""
    bases = Bases()
    if "start" in given.stage:
        lines = start_up(folder / "start", max(given.repeat * 4, 10))
        peaks = {line.stage: line.took.peak for line in lines}
        bases = Bases(peaks[PLAN], peaks[SHARED], peaks[PARQUET])
        parts.append(("Start-up", lines))
        goals += start_goals(lines)
    if "transfer" in given.stage:
        lines = transfers(folder / "transfer", given.megabytes, given.repeat)
        parts.append((f"A file of {given.megabytes} MB over loopback", lines))
        goals += transfer_goals(lines)
    return bases


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        epilog=_STAGES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    every = (*ALONE, *STAGES)
    parser.add_argument("--stage", nargs="+", choices=every, default=every, metavar="STAGE", help="default: all")
    parser.add_argument(
        "--stage-large", nargs="+", choices=STAGES, metavar="STAGE", help="above 100,000 rows; as --stage"
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], metavar="N")
    parser.add_argument("--work", nargs="+", choices=("tickets", "glosses"), default=["tickets", "glosses"])
    parser.add_argument("--glosses", type=Path, metavar="CSV", help="WordNet's glosses, which are no part of this")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each, up to 100,000 rows; default: 5")
    parser.add_argument("--repeat-large", type=int, default=1, help="runs of each above; default: 1")
    parser.add_argument("--megabytes", type=int, default=512, help="the file of `transfer`; default: 512")
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's temporary folder")
    parser.add_argument("--out", type=Path, help="write the page there too: benchmarks/RESULTS.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
