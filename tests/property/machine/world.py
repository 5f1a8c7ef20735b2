"""A small world for one example: everything that a rule can do to it, a log of what was done, and the verdict."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from random import Random

import requests
from soak.declaring import Declared, Edits
from soak.faults import LATE, together, unseen
from soak.machines import Machine
from soak.oracle import Command, Job, Oracle, Repeat
from soak.provider import KEY
from soak.relay import Relay
from soak.verdict import Ended, ViolationError, check_told, judge

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer
from machine.forks import ForkedProject, ForkedRun, ForkServer

MOST_ROWS = 8
SETTLE = 0.6
LAG = 0.15
_LATE = 0.1
_LONGEST = 60.0
MODES = {
    "quick": EmulatorOptions(),
    "slow": EmulatorOptions(queue_seconds=0.05, line_seconds=0.05, cancel_seconds=0.1),
    "stalled": EmulatorOptions(queue_seconds=600),
    "expiring": EmulatorOptions(queue_seconds=600, hour_seconds=0),
}
"""How the emulator behaves; `expiring` ends every job that has not ended."""
_CODES = frozenset({0, 1, 2, 4, 5, 6, 7, 10})


class World:
    """Two machines with one project over one emulator. Every method that moves it writes a line of the log."""

    def __init__(self, folder: Path, forks: ForkServer) -> None:
        self._forks = forks
        self._data = folder / "provider"
        self._relay = Relay()
        self._server = EmulatorServer(self._data)
        self._mode = "quick"
        self._faults: tuple[str, ...] = ()
        environ = {
            "MISTRAL_API_KEY": "any",
            "MISTRAL_BASE_URL": self._relay.url,
            "BATCHSPEC_SETTLE_SECONDS": str(SETTLE),
        }
        numbers = count(1)
        self.machines = [Machine(name, folder / name, environ, numbers) for name in ("anna", "bert")]
        self.oracle = Oracle(self._data)
        self.commands: dict[int, Command] = {}
        self.log: list[str] = []
        rows = Edits(Random(0), MOST_ROWS).rows(3)
        self._edits = 0
        self.spec = Declared(name="demo", rows=rows, per_job=2)

    def start(self) -> None:
        self._relay.__enter__()
        self._serve("quick")

    def close(self) -> None:
        self._server.stop()
        self._relay.__exit__(None, None, None)

    def _serve(self, mode: str) -> None:
        self._mode = mode
        self._server = EmulatorServer(self._data, options=MODES[mode])
        self._server.start()
        self._relay.target = int(self._server.url.rpartition(":")[2])
        self.break_with(self._faults)

    def say(self, what: str) -> None:
        self.log.append(what)

    def edit(self, kind: str, seed: int) -> None:
        """Edit the spec, as somebody does in the repository."""
        self._edits += 1
        # The words of different edits are different, whatever is drawn.
        edits = Edits(Random(seed), MOST_ROWS, f"{self._edits}-")
        self.spec = edits.edit(self.spec, kind)
        self.say(f"edit {kind}: {self.spec}")

    def break_with(self, names: Sequence[str]) -> None:
        """Put these faults in force in place of those before."""
        self._faults = tuple(names)
        self.say(f"faults: {', '.join(names) or 'none'}")
        self._relay.forget()
        if LATE in names:
            self._relay.hold(_LATE)
        self._server.set_faults(Faults.from_json(together(names, LAG)))

    def restart(self, mode: str) -> None:
        """End the emulator, and start it again with other habits."""
        self.say(f"the provider is {mode}")
        self._server.stop()
        self._serve(mode)
        if mode == "expiring":
            while any(job.completed_at is None for job in self.oracle.jobs()):
                time.sleep(0.01)

    def run(self, which: int, *arguments: str, step: int | str | None = None, pull: bool = True) -> Ended:
        """Run a command on a machine and wait for its end; with `step`, a number or a name, it dies there."""
        machine = self.machines[which]
        if pull or not machine.specs:
            machine.pull([self.spec])
        return self._end(*self._begin(machine, arguments, step))

    def both(self, first: Sequence[str], second: Sequence[str], pause: float) -> None:
        """Run a command on each machine, the second one `pause` seconds after the first."""
        runs = []
        for machine, arguments in zip(self.machines, (first, second), strict=True):
            machine.pull([self.spec])
            runs.append(self._begin(machine, arguments, None))
            time.sleep(pause)
        for command, run in runs:
            self._end(command, run)

    def _begin(self, machine: Machine, arguments: Sequence[str], step: int | str | None) -> tuple[Command, ForkedRun]:
        command = machine.prepare(tuple(arguments), unseen(self._faults, LAG))
        self.commands[command.number] = command
        where = {} if step is None else {"BATCHSPEC_CRASH_AT": str(step)}
        project = ForkedProject(machine.root, {**machine.environ, **where}, server=self._forks)
        self.say(f"{command.number}: {machine.name} {' '.join(arguments)}" + (f", to die at {step}" if step else ""))
        return command, project.begin(*arguments)

    def _end(self, command: Command, run: ForkedRun) -> Ended:
        outcome = run.wait(_LONGEST)
        command.ended, command.code = time.time(), outcome.code
        self.say(f"{command.number}: ended with {outcome.code}: {' '.join((outcome.out + outcome.err).split())[:400]}")
        self.oracle.look(command.number)
        check_told(command.number, outcome.err)
        if outcome.code not in _CODES:
            raise ViolationError("code", f"command {command.number} ended with {outcome.code}: {outcome.err}")
        return Ended(outcome.code, outcome.out, outcome.err)

    def copy_state(self, which: int) -> None:
        """Keep a copy of a machine's state, where it has one."""
        if self.machines[which].copy_state():
            self.say(f"{self.machines[which].name}'s state is copied")

    def restore_state(self, which: int) -> None:
        """Put the oldest copy of a machine's state back, where there is one."""
        if self.machines[which].restore_state(lambda copies: copies[0]):
            self.say(f"{self.machines[which].name} gets an older state back")

    def lose_state(self, which: int) -> None:
        """Take a machine's state away."""
        self.say(f"{self.machines[which].name} loses its state")
        self.machines[which].lose_state()

    def cancel_elsewhere(self, which: int) -> None:
        """Cancel one of the last jobs, as by the provider's own pages."""
        self._on_a_job(which, "cancel", lambda job: ("POST", f"batch/jobs/{job.id}/cancel"))

    def delete_job(self, which: int) -> None:
        """Delete one of the last jobs at the provider."""
        self._on_a_job(which, "delete", lambda job: ("DELETE", f"batch/jobs/{job.id}"))

    def delete_file(self, which: int) -> None:
        """Delete a file of one of the last jobs at the provider."""
        self._on_a_job(which, "delete a file", lambda job: ("DELETE", f"files/{sorted(job.all_files)[which % 2]}"))

    def _on_a_job(self, which: int, what: str, call: Callable[[Job], tuple[str, str]]) -> None:
        jobs = self.oracle.jobs()[-3:]
        if jobs:
            method, path = call(jobs[which % len(jobs)])
            self.say(f"elsewhere: {what}, {path}")
            # The faults are for these calls too.
            with contextlib.suppress(requests.RequestException):
                requests.request(method, f"{self._server.url}/v1/{path}", headers=KEY, timeout=20)
            self.oracle.look(max(self.commands, default=0))

    def final(self) -> list[Repeat]:
        """Let everything settle and judge it. Raises ViolationError."""
        self._relay.settle()
        if self._mode != "quick":
            self.restart("quick")
        self.break_with(())
        return judge(self.machines, [self.spec], self._run_as_judge, self.oracle, self.commands)

    def _run_as_judge(self, machine: Machine, arguments: tuple[str, ...]) -> Ended:
        return self._end(*self._begin(machine, arguments, None))
