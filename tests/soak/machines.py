"""A machine: a folder with the project and a state of its own, where the program runs and may be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from soak.declaring import PROJECT_ID, Declared
from soak.oracle import Command

LONGEST = 180.0
"""Seconds after which a command counts as stuck."""
_KEPT_COPIES = 3


class Death(NamedTuple):
    """How a run is ended: by a signal after some seconds, or at its n-th step; not at all where both are None."""

    number: signal.Signals | None = None
    after: float = 0
    step: int | None = None

    def __str__(self) -> str:
        if self.step is not None:
            return f"dies at step {self.step}"
        return "" if self.number is None else f"{self.number.name} after {self.after:.2f} s"


UNHARMED = Death()


@dataclass
class Run:
    """A command that runs."""

    command: Command
    process: subprocess.Popen[bytes]
    death: Death
    out: Path
    err: Path

    def finish(self) -> str:
        """Wait for its end, which may be a death, and return what it said. Raises TimeoutError where it is stuck."""
        if self.death.number is not None:
            try:
                self.process.wait(timeout=max(0.0, self.command.started + self.death.after - time.time()))
            except subprocess.TimeoutExpired:
                self.process.send_signal(self.death.number)
        try:
            self.command.code = self.process.wait(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeoutError(f"{self.command} did not end within {LONGEST:g} s: {self.told()}") from None
        finally:
            self.command.ended = time.time()
        return self.told()

    def told(self) -> str:
        return self.err.read_text(encoding="utf-8", errors="replace")


@dataclass
class Machine:
    """One user's folder; `memory` counts how often its state was taken away or put back."""

    name: str
    root: Path
    environ: Mapping[str, str]
    numbers: count[int]
    specs: dict[str, Declared] = field(default_factory=dict)
    memory: int = 0
    copies: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        (self.root / "batchspec.toml").write_text(f'[project]\nid = "{PROJECT_ID}"\n', encoding="utf-8")
        (self.root.parent / "told").mkdir(exist_ok=True)

    @property
    def state(self) -> Path:
        return self.root / ".batchspec" / "state.db"

    def pull(self, specs: Iterable[Declared]) -> None:
        """Take these specs as they are now."""
        self.specs = {spec.name: spec for spec in specs}

    def prepare(self, arguments: tuple[str, ...], lag: float) -> Command:
        """Write the specs as they were pulled for a command that is about to start."""
        number = next(self.numbers)
        for spec in self.specs.values():
            (self.root / f"{spec.name}.batchspec.yaml").write_text(spec.spec(number), encoding="utf-8")
            (self.root / f"{spec.name}.csv").write_text(spec.table(), encoding="utf-8")
        return Command(number=number, knower=self.knower, arguments=arguments, started=time.time(), lag=lag)

    def begin(self, *arguments: str, death: Death = UNHARMED, lag: float = 0) -> Run:
        """Start a command as a process of its own."""
        command = self.prepare(arguments, lag)
        environ = dict(self.environ)
        if death.step is not None:
            environ["BATCHSPEC_CRASH_AT"] = str(death.step)
        out, err = (self.root.parent / "told" / f"{command.number % 100}.{kind}" for kind in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "batchspec", *arguments],
                cwd=self.root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        return Run(command, process, death, out, err)

    @property
    def knower(self) -> tuple[str, int]:
        return self.name, self.memory

    def copy_state(self) -> bool:
        """Keep a copy of the state, as a backup would; tell whether there was one."""
        if not self.state.exists() or self.state.with_name("state.db-journal").exists():
            return False
        target = self.root.parent / f"{self.name}-state-{time.monotonic_ns()}.db"
        shutil.copyfile(self.state, target)
        self.copies.append(target)
        for old in self.copies[:-_KEPT_COPIES]:
            old.unlink()
        self.copies = self.copies[-_KEPT_COPIES:]
        return True

    def restore_state(self, choose: Callable[[list[Path]], Path]) -> bool:
        """Put an older copy in the state's place; tell whether there was one."""
        if not self.copies:
            return False
        self.lose_state()
        self.state.parent.mkdir(exist_ok=True)
        shutil.copyfile(choose(self.copies), self.state)
        return True

    def lose_state(self) -> None:
        """Take the state away."""
        self.memory += 1
        for path in self.state.parent.glob("state.db*"):
            path.unlink()

    def output(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of a spec's results; none where nothing was written yet."""
        path = self.root / "results" / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_bytes().split(b"\n") if line] if path.exists() else []

    def bugs(self) -> list[Path]:
        """Return the logs of faults of the program itself."""
        return list(self.root.glob(".batchspec/logs/bug-*"))


def environment(code: Path, url: str, settle: float) -> dict[str, str]:
    """Return the environment of every process: the program from `code`, the provider at `url`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MISTRAL_", "BATCHSPEC_", "GITHUB_", "PYTHON")) and name not in {"CI", "FORCE_COLOR"}
    }
    return kept | {
        "PYTHONPATH": str(code),
        "NO_COLOR": "1",
        "MISTRAL_API_KEY": "any",
        "MISTRAL_BASE_URL": url,
        "BATCHSPEC_SETTLE_SECONDS": str(settle),
    }
