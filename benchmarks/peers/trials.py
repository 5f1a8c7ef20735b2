"""The trials of one tool: each begins with an empty folder and a new provider, and runs the tool's script in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environments import ROOT, Environment
from benchmarks.peers.gate import Fault
from benchmarks.peers.ledger import Ledger
from benchmarks.peers.services import Service

ROWS = 10
TIMEOUT_SECONDS = 240
KILLED = -signal.SIGKILL

Serve = Callable[[Path], AbstractContextManager[Service]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulted:
    """A run that a fault happened to, and what followed. Statuses are of the process; None where no run was needed.

    `missing` counts rows without an answer at the end; the ledger is the provider's at the end.
    """

    first: int
    second: int | None
    ledger: Ledger
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reruns:
    """Requests paid for by an unchanged second run, and by a third after one row was edited, with their statuses."""

    unchanged: int
    unchanged_status: int
    edited: int
    edited_status: int


@dataclass(frozen=True, slots=True)
class Bench:
    """One tool in its environment; `folder` is where its trials leave their folders."""

    peer: Peer
    environment: Environment
    folder: Path
    serve: Serve

    def faulted(self, name: str, fault: Fault, *, recover: bool) -> Faulted:
        """Run with a fault, then, unless all rows were answered, run the same again or the tool's recovery."""
        home = self._home(f"{name}{'-recovery' if recover else ''}")
        _write_rows(home, {})
        with self.serve(home) as service:
            service.gate.arm(fault)
            first = self._run(home, service, kill=fault is not Fault.LOSE)
            assert service.gate.fault is Fault.NONE, "the call that the fault is for was not made"
            second = None
            if first != 0 or _missing(home):
                second = self._run(home, service, *(["recover"] if recover else []))
            return Faulted(first=first, second=second, ledger=service.ledger(), missing=_missing(home))

    def reruns(self) -> Reruns:
        """Run three times without a fault: anew, unchanged, and with one row edited."""
        home = self._home("reruns")
        runs = []
        with self.serve(home) as service:
            for edit in ({}, {}, {"r3": "a lobster"}):
                _write_rows(home, edit)
                status = self._run(home, service)
                runs.append((status, service.ledger().paid))
        (first, paid), (second, paid_twice), (third, paid_thrice) = runs
        assert first == 0, f"it ends with status {first} without any fault: {_last_line(home)}"
        assert paid == ROWS, f"it paid for {paid} requests without any fault"
        return Reruns(
            unchanged=paid_twice - paid, unchanged_status=second, edited=paid_thrice - paid_twice, edited_status=third
        )

    def _home(self, name: str) -> Path:
        home = self.folder / self.peer.script / name
        (home / "home").mkdir(parents=True)
        (home / "tmp").mkdir()
        return home

    def _run(self, home: Path, service: Service, *arguments: str, kill: bool = False) -> int:
        """Run the script; with `kill`, kill its process group as soon as the gate holds an answer back."""
        environ = surroundings(self.environment, home) | service.environ
        command = [str(self.environment.python), "-m", f"benchmarks.peers.tools.{self.peer.script}", *arguments]
        with (home / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=home,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                return _killed(process, service) if kill else process.wait(TIMEOUT_SECONDS)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def surroundings(environment: Environment, home: Path) -> dict[str, str]:
    """Return the environment of a script: a home of its own, the tool's programs, and nothing of the caller's."""
    return {
        "PATH": f"{environment.python.parent}:{os.defpath}",
        "HOME": str(home / "home"),
        "TMPDIR": str(home / "tmp"),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "COLUMNS": "220",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1",
    }


def _killed(process: subprocess.Popen[bytes], service: Service) -> int:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not service.gate.held.wait(0.02):
        assert process.poll() is None, "the script ended before the call that it is killed in"
        assert time.monotonic() < deadline, "the script did not make the call that it is killed in"
    os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    service.gate.released.set()
    return status


def _write_rows(home: Path, edits: dict[str, str]) -> None:
    things = ["a cherry", "the sea", "a lemon", "a frog", "coal", "snow", "a plum", "a carrot", "an elephant", "mud"]
    rows = {f"r{place}": thing for place, thing in enumerate(things[:ROWS])} | edits
    (home / "rows.json").write_text(json.dumps(rows), encoding="utf-8")


def _missing(home: Path) -> int:
    answers = home / "answers.json"
    got = json.loads(answers.read_text(encoding="utf-8")) if answers.exists() else {}
    return sum(f"r{place}" not in got for place in range(ROWS))


def _last_line(home: Path) -> str:
    lines = (home / "log.txt").read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")
