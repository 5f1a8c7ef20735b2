"""A state machine over the real program and an emulator with faults: whatever happens, nothing is paid for twice."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from machine.forks import ForkServer, fork_server
from machine.world import World
from soak.declaring import EDITS
from soak.faults import FAULTS, LATE

_MACHINES = st.integers(0, 1)
_SEEDS = st.integers(0, 999)
_STEPS = st.none() | st.integers(1, 36)
_APPLY = ("apply", "--yes")
_SENDING = st.sampled_from([_APPLY, (*_APPLY, "--wait", "1s")])
_COMMANDS = st.sampled_from(
    [
        ("status",),
        ("wait", "--timeout", "1s"),
        ("results",),
        ("plan",),
        ("cancel", "--yes"),
        ("gc", "--remote", "--no-results", "--yes"),
        ("gc", "--remote", "--jobs", "--no-results", "--yes"),
        ("retry",),
        ("retry", "--include", "failed,held,lost"),
    ]
)
# Not that new jobs are unknown: times are whole seconds, and the settle time is too short here to tell these from
# jobs that were deleted.
_FAULTS = st.lists(st.sampled_from(sorted({*FAULTS, LATE} - {"new jobs unknown"})), max_size=2, unique=True)


class Machine(RuleBasedStateMachine):
    """Rules; the verdict is at the end of every example."""

    forks: ClassVar[ForkServer]

    def __init__(self) -> None:
        super().__init__()
        # In memory where there is such a place: every command waits for the disk many times.
        shared = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(prefix="bspec-machine-", dir=shared if shared.is_dir() else None))
        self.world = World(self._folder, self.forks)
        self.world.start()
        self._sound = True

    def _do(self, what: Any, *arguments: Any, **named: Any) -> None:
        self._sound = False
        try:
            what(*arguments, **named)
        except Exception as error:
            error.add_note("what was done:\n" + "\n".join(self.world.log))
            raise
        self._sound = True

    @rule(kind=st.sampled_from(EDITS), seed=_SEEDS)
    def edit(self, kind: str, seed: int) -> None:
        self._do(self.world.edit, kind, seed)

    @rule(names=_FAULTS)
    def faults(self, names: list[str]) -> None:
        self._do(self.world.break_with, names)

    @rule(which=_MACHINES, arguments=_SENDING, step=_STEPS, pull=st.booleans())
    def apply(self, which: int, arguments: Sequence[str], step: int | None, pull: bool) -> None:
        self._do(self.world.run, which, *arguments, step=step, pull=pull)

    @rule(which=_MACHINES, arguments=_SENDING, faults=_FAULTS, kind=st.sampled_from(EDITS), seed=_SEEDS)
    def edit_and_apply(self, which: int, arguments: Sequence[str], faults: list[str], kind: str, seed: int) -> None:
        self._do(self.world.edit, kind, seed)
        self._do(self.world.break_with, faults)
        self._do(self.world.run, which, *arguments)

    @rule(which=_MACHINES, arguments=_COMMANDS, step=_STEPS)
    def command(self, which: int, arguments: Sequence[str], step: int | None) -> None:
        self._do(self.world.run, which, *arguments, step=step)

    @rule(first=_SENDING, second=_SENDING, pause=st.sampled_from([0.0, 0.05, 0.2]))
    def both(self, first: Sequence[str], second: Sequence[str], pause: float) -> None:
        self._do(self.world.both, first, second, pause)

    @rule(mode=st.sampled_from(["quick", "slow", "stalled", "expiring"]))
    def restart(self, mode: str) -> None:
        self._do(self.world.restart, mode)

    @rule(which=_MACHINES, what=st.sampled_from(["cancel_elsewhere", "delete_job", "delete_file"]))
    def elsewhere(self, which: int, what: str) -> None:
        self._do(getattr(self.world, what), which)

    @rule(which=_MACHINES, what=st.sampled_from(["copy_state", "restore_state", "restore_state", "lose_state"]))
    def memory(self, which: int, what: str) -> None:
        self._do(getattr(self.world, what), which)

    def teardown(self) -> None:
        try:
            if self._sound:
                self._do(self.world.final)
        finally:
            self.world.close()
            shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="module")
def machine() -> Iterator[type[Machine]]:
    with fork_server() as forks:
        Machine.forks = forks
        yield Machine


def _settings(examples: int, steps: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        # What was done is told whole; to shrink it would take minutes.
        phases=[Phase.generate],
        **more,
    )


def test_whatever_happens_nothing_is_paid_for_twice_and_nothing_is_lost(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=_settings(6, 8, derandomize=True))


@pytest.mark.slow
def test_whatever_happens_over_hundreds_of_examples(machine: type[Machine]) -> None:
    examples = int(os.environ.get("BATCHSPEC_TEST_EXAMPLES", "300"))
    run_state_machine_as_test(machine, settings=_settings(examples, 16))
