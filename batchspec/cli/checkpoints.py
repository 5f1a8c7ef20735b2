"""The named steps of a run: told by `--verbose`, and places where tests have something happen to the process."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Callable, Mapping

from batchspec.core.errors import ExitCode
from batchspec.core.ports import Checkpoint

_SIGNALS = {
    "INT": signal.SIGINT,
    "TERM": signal.SIGTERM,
    "HUP": signal.SIGHUP,
    "KILL": signal.SIGKILL,
    "STOP": signal.SIGSTOP,
}


def checkpoints(environ: Mapping[str, str], tell: Callable[[str], None]) -> Checkpoint:
    """Return what is called at every durable or remote step; `tell` is told each with its number.

    BATCHSPEC_CRASH_AT lists steps, by number or name, separated by commas. The process ends at such a step, or gets the
    signal that follows it after a colon, as in `7:INT`; by a name, the first step of that name. It serves tests, and
    nothing else.
    """
    planned = _planned(environ.get("BATCHSPEC_CRASH_AT", ""))
    count = 0

    def reached(name: str) -> None:
        nonlocal count
        count += 1
        tell(f"step {count}: {name}")
        for number in [*planned.pop(name, ()), *planned.pop(str(count), ())]:
            if number is None:
                os._exit(ExitCode.ERROR)
            os.kill(os.getpid(), number)

    return reached


def _planned(text: str) -> dict[str, list[signal.Signals | None]]:
    """Read what happens at which step, in order; None is an end without any signal."""
    planned: defaultdict[str, list[signal.Signals | None]] = defaultdict(list)
    for entry in text.replace(" ", "").split(","):
        # The names of steps have colons of their own.
        step, _, what = entry.rpartition(":")
        number = _SIGNALS.get(what)
        planned[entry if number is None else step].append(number)
    return planned
