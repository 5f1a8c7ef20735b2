"""Measures every stage at some numbers of rows and writes the table: `python -m benchmarks.speed --rows 10000`."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speed.measuring import Measured, measure
from benchmarks.speed.work import edit_one, write_work

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "batchspec")
EMULATED = ("--provider", "emulator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table: a stage, the number of rows, and what it took."""

    stage: str
    rows: int
    took: Measured


class Bench:
    """One number of rows: its folder, and what is measured in it, each stage on what the one before has left."""

    def __init__(self, folder: Path, rows: int, repeat: int) -> None:
        self._folder = folder
        self._rows = rows
        self._repeat = repeat
        self._environ = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        for name in ("MISTRAL_API_KEY", "MISTRAL_BASE_URL", "BATCHSPEC_STATE", "BATCHSPEC_PROVIDER"):
            self._environ.pop(name, None)
        self.lines: list[Line] = []

    def run(self) -> None:
        """Measure everything."""
        write_work(self._folder, self._rows)
        once = 1 if self._rows > 100_000 else self._repeat
        self._take("by hand, first run", (sys.executable, "by_hand.py"), once, self._forget_by_hand)
        self._take("by hand, nothing changed", (sys.executable, "by_hand.py"), once)
        self._take("validate", (*PROGRAM, "validate"), once)
        self._take("render", (*PROGRAM, "render", "--out", "rendered"), once)
        self._take("plan, nothing recorded", (*PROGRAM, "plan", "--no-refresh"), once)
        self._take("apply --wait, first run", (*PROGRAM, "apply", "--yes", "--wait", *EMULATED), once, self._forget)
        self._take("plan, nothing changed", (*PROGRAM, "plan", *EMULATED), once)
        self._take("apply, nothing changed", (*PROGRAM, "apply", "--yes", *EMULATED), once)
        self._take("results", (*PROGRAM, "results", *EMULATED), once)
        edit_one(self._folder)
        self._take("plan, one row edited", (*PROGRAM, "plan", *EMULATED), once)

    def _take(
        self, stage: str, command: tuple[str, ...], repeat: int, before: Callable[[], None] | None = None
    ) -> None:
        took = measure(command, self._folder, environ=self._environ, repeat=repeat, before=before)
        self.lines.append(Line(stage=stage, rows=self._rows, took=took))
        sys.stderr.write(f"{self._rows:>9,} {stage:<28} {took.seconds:8.2f} s {took.cpu:8.2f} s CPU\n")

    def _forget(self) -> None:
        shutil.rmtree(self._folder / ".batchspec", ignore_errors=True)
        shutil.rmtree(self._folder / "results", ignore_errors=True)

    def _forget_by_hand(self) -> None:
        (self._folder / "sent.db").unlink(missing_ok=True)


def start_up(folder: Path, repeat: int) -> list[Line]:
    """Measure what it costs to start, beside a Python that does nothing."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    commands = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "--version": (*PROGRAM, "--version"),
        "--help": (*PROGRAM, "--help"),
    }
    return [
        Line(stage=stage, rows=0, took=measure(command, folder, environ=environ, repeat=repeat))
        for stage, command in commands.items()
    ]


def table(lines: list[Line]) -> str:
    """Return the Markdown table; `by hand` is how often the script by hand goes into the time, per row of work."""
    hand = {line.rows: line.took.cpu for line in lines if line.stage == "by hand, first run"}
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    told = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine}. Seconds are medians; memory is the largest of all runs.",
        "",
        "| stage | rows | seconds | CPU seconds | rows a second | CPU against by hand | peak MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for line in lines:
        took = line.took
        speed = f"{line.rows / took.seconds:,.0f}" if line.rows else "-"
        ratio = f"{took.cpu / hand[line.rows]:.2f}" if hand.get(line.rows) else "-"
        rows = f"{line.rows:,}" if line.rows else "-"
        cells = (line.stage, rows, f"{took.seconds:.2f}", f"{took.cpu:.2f}", speed, ratio, f"{took.peak / 1e6:.0f}")
        told.append(f"| {' | '.join(cells)} |")
    return "\n".join(told) + "\n"


def main() -> None:
    """Read the options, measure, and write the table to stdout and, with --out, to a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batchspec-speed-") as name:
        lines = start_up(Path(name), given.repeat)
        for rows in given.rows:
            bench = Bench(Path(name) / str(rows), rows, given.repeat)
            bench.run()
            lines += bench.lines
    text = table(lines)
    sys.stdout.write(text)
    if given.out is not None:
        given.out.write_text(f"# Speed and memory\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
