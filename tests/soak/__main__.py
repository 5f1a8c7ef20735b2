"""Soaks for so long, then tells how it went: `python -m soak --minutes 60 --seed 1`. Exit code 1 for a violation."""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soak.soaking import Soak
from soak.verdict import ViolationError

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ending:
    """How a soak has ended."""

    seed: int
    minutes: float
    tally: Mapping[str, int]
    violation: str | None
    folder: Path

    def document(self) -> dict[str, object]:
        return {
            "seed": self.seed,
            "minutes": round(self.minutes, 1),
            "violation": self.violation,
            "tally": dict(sorted(self.tally.items())),
        }

    def text(self) -> str:
        def of(kind: str) -> str:
            found = {name.removeprefix(kind): n for name, n in sorted(self.tally.items()) if name.startswith(kind)}
            return ", ".join(f"{name} {n:,}" for name, n in found.items()) or "none"

        tally = self.tally
        lines = [
            f"{self.minutes:.1f} minutes, seed {self.seed}: {'a VIOLATION' if self.violation else 'nothing amiss'}",
            f"  commands      {tally['commands']:,} ({of('command ')})",
            f"  exit codes    {of('exit ')}",
            f"  deaths        {tally['deaths']:,}; the provider was killed {tally['provider kills']:,} times",
            f"  both at once  {tally['both at once']:,}",
            f"  states        restored {tally['states restored']:,}, lost {tally['states lost']:,}",
            f"  elsewhere     cancelled {tally['cancelled elsewhere']:,}, deleted {tally['deleted elsewhere']:,}",
            f"  faults        {of('fault ')}",
            f"  edits         {of('edit ')}",
            f"  executed      {tally['executions']:,} of {tally['requests']:,} requests in {tally['jobs']:,} jobs",
            f"  repeated      {of('repeated: ')}",
            f"  quiet points  {tally['quiet points']:,}",
            f"  paid twice    {tally['paid twice']:,}",
            f"  lost          {tally['lost']:,}",
            f"  stuck         {tally['stuck']:,}",
            f"  restless      {tally['restless']:,}",
            f"  tracebacks    {tally['tracebacks']:,}",
        ]
        if self.violation:
            lines += ["", self.violation, "", f"everything is kept in {self.folder}; actions.log tells what was done"]
        return "\n".join(lines)


def soak(
    minutes: float, seed: int, code: Path, *, quiet_every: float = 120, without: frozenset[str] = frozenset()
) -> Ending:
    """Soak for so long; the program is copied first, so that it may be edited meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix=f"batchspec-soak-{seed}-"))
    copy = folder / "code"
    for name, source in (("batchspec", code), ("schemas", code), ("soak", _ROOT / "tests")):
        shutil.copytree(source / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    began, violation = time.monotonic(), None
    with (
        (folder / "actions.log").open("w", encoding="utf-8") as log,
        Soak(folder, copy, seed, log, _free_port(), without=without) as run,
    ):
        try:
            run.go_on(minutes * 60, quiet_every)
        except ViolationError as error:
            violation = str(error)
            run.tally[error.kind] += len(violation.splitlines())
            run.say(f"VIOLATION: {violation}")
        edits = {f"edit {kind}": number for kind, number in run.edits.done.items()}
        tally = run.tally + run.oracle.tally()
        tally.update(edits)
    if violation is None:
        shutil.rmtree(folder)
    return Ending(seed, (time.monotonic() - began) / 60, tally, violation, folder)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--report", type=Path, help="where to write the numbers as JSON")
    parser.add_argument("--code", type=Path, default=_ROOT, help="the program's source, if not this one")
    parser.add_argument("--without", default="", help="rules to leave out, separated by commas, as in `gc,delete`")
    given = parser.parse_args()
    print(f"soaking for {given.minutes:g} minutes with seed {given.seed}", flush=True)
    ending = soak(given.minutes, given.seed, given.code, without=frozenset(given.without.split(",")))
    if given.report:
        given.report.write_text(json.dumps(ending.document(), indent=1) + "\n", encoding="utf-8")
    print(ending.text())
    return 1 if ending.violation else 0


if __name__ == "__main__":
    sys.exit(main())
