"""The loop: random commands, deaths, faults and edits, and a verdict at every quiet point. No report for people."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TextIO

from soak.declaring import Declared, Edits
from soak.faults import FAULTS, LATE, together, unseen
from soak.machines import UNHARMED, Death, Machine, Run, environment
from soak.oracle import Command, Oracle
from soak.provider import MODES, ProviderProcess
from soak.relay import Relay
from soak.verdict import Ended, ViolationError, check_told, judge

MOST_ROWS = 16
_MOST_STEPS = 32
_COMMANDS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (30, ("apply", "--yes", "--wait", "3s")),
    (25, ("apply", "--yes")),
    (5, ("plan",)),
    (8, ("status",)),
    (8, ("wait", "--timeout", "2s")),
    (5, ("results",)),
    (5, ("cancel", "--yes")),
    (3, ("retry",)),
    (1, ("retry", "--include", "failed,held,lost")),
)


class Soak:
    """Two machines with one project, one provider, and a log of everything that was done to them.

    `without` are rules that are left out: any of `one`, `both`, `provider dies`, `edit`, `faults`, `restart`, `cancel`,
    `delete`, `gc`, `copy`, `restore` and `lose`.
    """

    def __init__(
        self,
        folder: Path,
        code: Path,
        seed: int,
        log: TextIO,
        port: int,
        *,
        settle: float = 2.0,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.draw = random.Random(seed)
        self.edits = Edits(self.draw, MOST_ROWS)
        self.tally: Counter[str] = Counter()
        self._without = without
        self._log = log
        self._relay = Relay(port)
        data = folder / "provider"
        self.oracle = Oracle(data)
        environ = environment(code, self._relay.url, settle)
        self.provider = ProviderProcess(data, port, environ, folder / "provider.log")
        numbers = count(1)
        self.machines = [Machine(name, folder / name, environ, numbers) for name in ("anna", "bert")]
        self.commands: dict[int, Command] = {}
        self._faults: tuple[str, ...] = ()
        self._turn = 0
        self.specs = self._first_specs()

    def _first_specs(self) -> list[Declared]:
        rows = self.edits.rows
        return [
            Declared(name="files", rows=rows(8), per_job=4),
            Declared(name="inline", rows=rows(5), submit="inline", per_job=3),
        ]

    def __enter__(self) -> Soak:
        self._relay.__enter__()
        self.provider.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.provider.kill()
        self._relay.__exit__(None, None, None)

    def go_on(self, seconds: float, quiet_every: float) -> None:
        """Do random things for so long, quiet points among them and at the end. Raises ViolationError."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            until = min(ends, time.monotonic() + quiet_every)
            while time.monotonic() < until:
                self._act()
            self.quiet()

    def _act(self) -> None:
        rules: dict[str, tuple[int, Callable[[], None]]] = {
            "one": (40, self._one),
            "both": (8, self._both),
            "provider dies": (6, self._one_while_the_provider_dies),
            "edit": (25, self._edit),
            "faults": (14, self._set_faults),
            "restart": (5, self._restart),
            "cancel": (4, self._cancel_at_the_provider),
            "delete": (2, self._delete_at_the_provider),
            "gc": (2, self._collect_garbage),
            "copy": (3, self._copy_state),
            "restore": (2, self._restore_state),
            "lose": (1, self._lose_state),
        }
        kept = [rule for name, rule in rules.items() if name not in self._without]
        self.draw.choices([action for _, action in kept], [weight for weight, _ in kept])[0]()

    def say(self, what: str) -> None:
        """Write a line of the log."""
        self._log.write(f"{time.time():.3f} {what}\n")
        self._log.flush()

    def _begin(self, machine: Machine, arguments: Sequence[str], death: Death = UNHARMED) -> Run:
        run = machine.begin(*arguments, death=death, lag=unseen(self._faults))
        self.commands[run.command.number] = run.command
        self.say(f"{run.command.number} {machine.name}.{machine.memory} {' '.join(arguments)} {death}")
        return run

    def _finish(self, run: Run) -> int:
        try:
            told = run.finish()
        except TimeoutError as error:
            raise ViolationError("stuck", str(error)) from None
        code = run.command.code
        assert code is not None
        self.say(f"{run.command.number} ended with {code}: {' '.join(told.split())[-300:]}")
        self.tally["commands"] += 1
        self.tally[f"command {run.command.arguments[0]}"] += 1
        self.tally[f"exit {code}"] += 1
        if run.death.step is not None or run.death.number is not None:
            self.tally["deaths"] += code < 0 or code > 100 or (run.death.step is not None and not told)
        self.oracle.look(run.command.number)
        check_told(run.command.number, told)
        return code

    def _drawn_command(self) -> tuple[str, ...]:
        return self.draw.choices([each for _, each in _COMMANDS], [weight for weight, _ in _COMMANDS])[0]

    def _drawn_death(self) -> Death:
        kind = self.draw.random()
        if kind < 0.45:
            return UNHARMED
        if kind < 0.65:
            return Death(step=self.draw.randint(1, _MOST_STEPS))
        signals = [signal.SIGKILL] * 4 + [signal.SIGTERM, signal.SIGINT]
        return Death(number=self.draw.choice(signals), after=self.draw.uniform(0.1, 1.5))

    def _next_machine(self) -> Machine:
        self._turn += self.draw.random() < 0.4
        machine = self.machines[self._turn % 2]
        if not machine.specs or self.draw.random() < 0.8:
            machine.pull(self.specs)
        return machine

    def _one(self) -> None:
        machine = self._next_machine()
        self._finish(self._begin(machine, self._drawn_command(), self._drawn_death()))

    def _both(self) -> None:
        runs = []
        for machine in self.draw.sample(self.machines, 2):
            if not machine.specs or self.draw.random() < 0.8:
                machine.pull(self.specs)
            runs.append(self._begin(machine, self._drawn_command(), self._drawn_death()))
            time.sleep(self.draw.choice((0.0, 0.0, self.draw.uniform(0, 0.6))))
        for run in runs:
            self._finish(run)
        self.tally["both at once"] += 1

    def _one_while_the_provider_dies(self) -> None:
        machine = self._next_machine()
        run = self._begin(machine, self._drawn_command(), self._drawn_death())
        time.sleep(self.draw.uniform(0.1, 0.9))
        self._restart()
        self._finish(run)

    def _edit(self) -> None:
        at = self.draw.randrange(len(self.specs))
        self.specs[at] = self.edits.edit(self.specs[at])

    def _set_faults(self) -> None:
        most = self.draw.choice((0, 0, 1, 1, 2, 3))
        self._break_with(tuple(self.draw.sample([*FAULTS, LATE, LATE], most)))
        for name in self._faults:
            self.tally[f"fault {name}"] += 1

    def _break_with(self, names: tuple[str, ...]) -> None:
        self._faults = names
        self.say(f"faults: {', '.join(names) or 'none'}")
        self._relay.forget()
        for _ in range(names.count(LATE)):
            self._relay.hold(self.draw.uniform(0.05, 0.3))
        self.provider.break_with(together(names))

    def _restart(self) -> None:
        mode = self.draw.choices(list(MODES), (6, 3, 3, 1))[0]
        self.say(f"the provider is killed, and comes back as {mode}")
        self.provider.kill()
        time.sleep(self.draw.choice((0.0, self.draw.uniform(0, 1))))
        self.provider.start(mode)
        self.tally["provider kills"] += 1
        self._break_with(self._faults)

    def _cancel_at_the_provider(self) -> None:
        jobs = [job for job in self.oracle.jobs()[-6:] if job.completed_at is None]
        if jobs:
            job = self.draw.choice(jobs)
            self.say(f"somebody cancels job {job.id}")
            self.provider.cancel(job.id)
            self.tally["cancelled elsewhere"] += 1

    def _delete_at_the_provider(self) -> None:
        jobs = [job for job in self.oracle.jobs()[-6:] if not job.deleted]
        if jobs:
            job = self.draw.choice(jobs)
            path = self.draw.choice([f"batch/jobs/{job.id}", *(f"files/{each}" for each in sorted(job.all_files))])
            self.say(f"somebody deletes {path}")
            self.provider.delete(path)
            self.oracle.look(max(self.commands, default=0))
            self.tally["deleted elsewhere"] += 1

    def _collect_garbage(self) -> None:
        jobs = self.draw.choice(((), ("--jobs",)))
        self._finish(
            self._begin(self._next_machine(), ("gc", "--remote", *jobs, "--no-results", "--yes"), self._drawn_death())
        )

    def _copy_state(self) -> None:
        machine = self.draw.choice(self.machines)
        if machine.copy_state():
            self.say(f"{machine.name}'s state is copied")

    def _restore_state(self) -> None:
        machine = self.draw.choice(self.machines)
        if machine.restore_state(self.draw.choice):
            self.say(f"{machine.name} gets an older state back")
            self.tally["states restored"] += 1

    def _lose_state(self) -> None:
        machine = self.draw.choice(self.machines)
        self.say(f"{machine.name} loses its state")
        machine.lose_state()
        self.tally["states lost"] += 1

    def quiet(self) -> None:
        """Take all faults away, let both machines converge, and judge. Raises ViolationError."""
        self.say("quiet")
        self._relay.forget()
        self._relay.settle()
        if self.provider.mode != "quick":
            self.provider.kill()
            self.provider.start()
        self._break_with(())
        repeats = judge(self.machines, self.specs, self._run, self.oracle, self.commands)
        for excuse, times in Counter(each.excuse for each in repeats).items():
            self.tally[f"repeated: {excuse}"] = times
        self.tally["quiet points"] += 1
        self._begin_anew()

    def _run(self, machine: Machine, arguments: tuple[str, ...]) -> Ended:
        run = self._begin(machine, arguments)
        code = self._finish(run)
        return Ended(code, run.out.read_text(encoding="utf-8"), run.told())

    def _begin_anew(self) -> None:
        """Go on with other words, so that what was executed before excuses nothing later; keep the disk free."""
        for machine in self.machines:
            self._finish(self._begin(machine, ("gc", "--remote", "--jobs", "--no-results", "--yes")))
        self.specs = [replace(spec, rows=self.edits.rows(8)) for spec in self.specs]
