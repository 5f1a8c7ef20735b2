"""Time and memory of each tool over many small rows: a first run, the same again, one row edited.

`python -m benchmarks.peers.speed [NAME...]`; needs Python 3.12 and the network for pip, as the trials do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers import services, work
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.environments import Environment, NotInstallableError, prepared
from benchmarks.peers.trials import surroundings
from benchmarks.speed.measuring import CommandFailedError, Measured, measure

PAGE = Path(__file__).with_name("SPEED.md")
NAMES = (
    "batchspec",
    "mistralai, by hand",
    "openai, by hand",
    "llm-batch-py",
    "bespokelabs-curator",
    "openai-batch",
    "openbatch",
    "instructor",
)
AT_MOST = {"openai-batch": 50_000, "openai, by hand": 50_000}
"""Rows that a tool, or the provider's own limit on a file, does not go beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a tool: what it took and the requests paid for in it."""

    took: Measured
    paid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One tool's runs, and what kept it from the next; `rows` as many as it could take.

    `parts` are the CPU seconds at the end of each part of a first run, as far as the tool has such parts.
    """

    peer: Peer
    version: str
    rows: int
    runs: Sequence[Run]
    parts: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""


def main() -> None:
    """Read the command line, measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.speed", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="tools to measure; without any, those of the table")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--timeout", type=float, default=240, help="seconds for one run; default: 240")
    parser.add_argument("--environments", type=Path, help="a folder to keep environments in, for the next time")
    parser.add_argument("--out", type=Path, help=f"write the page there, for example to {PAGE.name} beside this")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peers-speed-") as scratch:
        environments = (given.environments or Path(scratch) / "environments").resolve()
        bench = _Bench(Path(scratch), environments, given.rows, given.timeout)
        outcomes = [bench.measured(peer) for peer in PEERS if peer.name in (given.names or NAMES)]
    text = page(outcomes, given.rows)
    sys.stdout.write(text)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")


class _Bench:
    def __init__(self, scratch: Path, environments: Path, rows: int, timeout: float) -> None:
        self._scratch = scratch
        self._environments = environments
        self._rows = rows
        self._timeout = timeout
        self._emulator = prepared(PEERS[0], environments).python.with_name("batchspec")
        self._trusted = services.certificate(scratch)

    def measured(self, peer: Peer) -> Outcome:
        """Run a tool three times over its rows, or until it fails."""
        rows = min(self._rows, AT_MOST.get(peer.name, self._rows))
        try:
            environment = prepared(peer, self._environments)
        except NotInstallableError as error:
            return Outcome(peer=peer, version="-", rows=rows, runs=(), failure=f"not installable here: {error}")
        runs: list[Run] = []
        parts: Mapping[str, float] = {}
        failure = ""
        home = self._home(peer.script)
        try:
            for run in self._runs(peer, environment, home, rows):
                runs.append(run)
                parts = parts or _parts(home)
                sys.stderr.write(
                    f"{peer.name:<24} {run.took.cpu:8.2f} s CPU {run.took.peak / 1e6:6.0f} MB {run.paid}\n"
                )
            if peer.in_parts:
                apart = self._home(f"{peer.script}-parts")
                for _ in self._runs(peer, environment, apart, rows, edits=("",), how=("parts",)):
                    parts = _parts(apart)
        except CommandFailedError as error:
            said = [line for line in str(error).splitlines() if line.strip()]
            failure = (said[-1] if said else "it failed")[:200]
        sys.stderr.write(f"{peer.name:<24} {dict(parts)} {failure}\n")
        return Outcome(peer=peer, version=environment.version, rows=rows, runs=runs, parts=parts, failure=failure)

    def _home(self, name: str) -> Path:
        home = self._scratch / name
        (home / "home").mkdir(parents=True)
        (home / "tmp").mkdir()
        return home

    def _runs(
        self,
        peer: Peer,
        environment: Environment,
        home: Path,
        rows: int,
        *,
        edits: Sequence[str] = ("", "", "a lobster"),
        how: Sequence[str] = (),
    ) -> Iterator[Run]:
        command = (str(environment.python), "-m", f"benchmarks.peers.tools.{peer.script}", *how)
        with services.serving(peer, home, self._emulator, self._trusted) as service:
            environ = surroundings(environment, home) | service.environ | {"BATCH_SIZE": "50000"}
            paid = 0
            for edited in edits:
                _write_rows(home, rows, edited)
                took = measure(command, home, environ=environ, repeat=1, timeout=self._timeout)
                before, paid = paid, service.ledger().paid
                yield Run(took=took, paid=paid - before)


def _parts(home: Path) -> Mapping[str, float]:
    """Return the CPU seconds by the end of each part of the last run, as its script has noted them."""
    told = home / work.PARTS
    return dict(json.loads(line) for line in told.read_text("utf-8").splitlines()) if told.exists() else {}


def _write_rows(home: Path, rows: int, edited: str) -> None:
    listed = {f"r{place}": f"thing number {place}" for place in range(rows)}
    if edited:
        listed[f"r{rows // 2}"] = edited
    (home / "rows.json").write_text(json.dumps(listed), encoding="utf-8")


_HOW = (
    "Each run is a process of its own that reads the rows, builds, submits, waits and hands over the answers, by its"
    " script in [tools](tools), against a provider on loopback whose work is not counted. CPU seconds are user and"
    " system, its start and imports among them; memory is the largest of the three runs. A tool that takes fewer rows"
    " has the number of them beside its name."
)
_HEAD = ("tool", "version", "first run: CPU seconds", "the same again: CPU seconds", "sent again")


def page(outcomes: Sequence[Outcome], rows: int) -> str:
    """Return the page of Markdown."""
    where = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [
        "<!-- Made by `python -m benchmarks.peers.speed`: run it again, do not edit this page. -->",
        "",
        f"# Beside other tools, {rows:,} small rows",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {where}. {_HOW}",
        "",
        f"| {' | '.join(_HEAD)} | one row edited: sent | peak MB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for outcome in outcomes:
        runs = list(outcome.runs)
        cells = [f"{runs[0].took.cpu:.1f}" if runs else outcome.failure]
        cells += [f"{runs[1].took.cpu:.1f}", f"{runs[1].paid:,}"] if len(runs) > 1 else [outcome.failure, ""]
        cells += [f"{runs[2].paid:,}" if len(runs) > 2 else outcome.failure]
        cells += [f"{max(run.took.peak for run in runs) / 1e6:.0f}" if runs else ""]
        lines.append(f"| {' | '.join((_name(outcome, rows), outcome.version, *cells))} |")
    return "\n".join([*lines, "", *_by_parts(outcomes, rows)]) + "\n"


_PARTS = (
    "What each tool does of a first run, as far as it can be told apart: CPU seconds until the lines of the batch file"
    " are there, the script's start and the reading of its rows among them; until the jobs are created, with whatever"
    " is kept of that; and until the answers are there, joined to their rows."
)


def _by_parts(outcomes: Sequence[Outcome], rows: int) -> Iterator[str]:
    yield "## Part by part"
    yield ""
    yield _PARTS
    yield ""
    yield "| tool | to the file | to the jobs | to the answers |"
    yield "| --- | ---: | ---: | ---: |"
    for outcome in outcomes:
        if outcome.parts:
            costs = [outcome.parts.get(part) for part in (work.BUILD, work.SUBMIT, work.ANSWER)]
            cells = ["-" if cost is None else f"{cost:.1f}" for cost in costs]
            yield f"| {_name(outcome, rows)} | {' | '.join(cells)} |"
    for outcome in outcomes:
        if outcome.peer.in_parts:
            yield ""
            yield f"{outcome.peer.name}: {outcome.peer.in_parts}."


def _name(outcome: Outcome, rows: int) -> str:
    name = outcome.peer.name
    return name if outcome.rows == rows else f"{name} ({outcome.rows:,} rows)"


if __name__ == "__main__":
    main()
