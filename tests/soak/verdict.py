"""The verdict, nothing being in the way any more: everybody converges, stays converged, and the books agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from soak.declaring import Declared
from soak.machines import Machine
from soak.oracle import Command, Oracle, Repeat

_TRIES = 6
_CONVERGED = frozenset({0, 6})
_FORGET = re.compile(r"`batchspec (state forget [^`]+)`")


class ViolationError(Exception):
    """What must not happen has happened; the message says what, a line for each. `kind` is a word for it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


RunCommand = Callable[[Machine, tuple[str, ...]], Ended]


def check_told(number: int, told: str) -> None:
    """See that a command has not failed by a fault of its own. Raises ViolationError."""
    if "error[bug]" in told or "Traceback" in told:
        raise ViolationError("tracebacks", f"a fault of the program in command {number}: {told}")


def judge(
    machines: Sequence[Machine],
    specs: Sequence[Declared],
    run: RunCommand,
    oracle: Oracle,
    commands: Mapping[int, Command],
) -> list[Repeat]:
    """Let every machine converge on these specs, and return what was executed again, all of it excused.

    Raises ViolationError.
    """
    for machine in machines:
        machine.pull(specs)
        _converge(machine, run)
    # What a later one has done, an earlier one may not know yet.
    for machine in machines:
        _stay_converged(machine, run, oracle)
    repeats = oracle.repeats(commands)
    twice = [str(each) for each in repeats if not each.excuse]
    if twice:
        raise ViolationError("paid twice", "\n".join(twice))
    lost = []
    for machine in machines:
        outputs = {spec.name: machine.output(spec.name) for spec in specs}
        lost += [f"{machine.name}: {each}" for each in oracle.lost(specs, outputs)]
    if lost:
        raise ViolationError("lost", "\n".join(lost))
    return repeats


def _converge(machine: Machine, run: RunCommand) -> None:
    for _ in range(_TRIES):
        ended = run(machine, ("apply", "--yes", "--wait"))
        if ended.code in _CONVERGED:
            return
        # A person has to say that a job was deleted, where another key could be the reason that it is unknown.
        hint = _FORGET.search(ended.err)
        if hint:
            run(machine, (*hint[1].split(), "--yes"))
    raise ViolationError("stuck", f"{machine.name} does not converge, nothing being in its way: {ended.err}")


def _stay_converged(machine: Machine, run: RunCommand, oracle: Oracle) -> None:
    before = oracle.tally()
    code, out, _ = run(machine, ("apply", "--yes", "--wait", "--json"))
    sent = json.loads(out).get("sent", {}).get("requests")
    if code not in _CONVERGED or sent or oracle.tally() != before:
        raise ViolationError("restless", f"{machine.name} had converged, and sends {sent} more: exit code {code}")
    planned = run(machine, ("plan", "--detailed-exitcode")).code
    if planned:
        raise ViolationError("restless", f"{machine.name} had converged, and plans more: exit code {planned}")
