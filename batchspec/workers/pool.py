"""Starts processes that each render a share of a spec's rows, and puts their chunks in order again."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, TypeVar

from batchspec.core.contents import changed_meanwhile
from batchspec.core.errors import BatchspecError
from batchspec.core.hashed_reading import Readings
from batchspec.core.shares import Parcel, Recipe, Share

_T = TypeVar("_T")

# The folder of this package comes last, where a checkout that is not installed finds itself.
_START = "import sys; sys.path.append(sys.argv[1]); from batchspec.workers.child import work; work()"
_PACKAGES = Path(__file__).resolve().parents[2]

_WORTH_BYTES = 16 * 1024 * 1024
_MOST_CHOSEN = 8
_PIPE_BYTES = 1024 * 1024
# Linux's F_SETPIPE_SZ, which Python names from 3.10 on where the C library does.
_SET_PIPE_SIZE = 1031


class WorkerDiedError(BatchspecError):
    """A process that was rendering has ended before its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """`jobs` processes, or as many as the machine has cores where that is None and the inputs are large.

    `environ` is what they see of the environment; they need no key, and should be given none. `root` is the project's.
    """

    jobs: int | None
    root: Path
    environ: Mapping[str, str]

    def count(self, inputs: Sequence[str]) -> int:
        """Return how many processes to render the rows of these files in; 1 is this one."""
        if self.jobs is not None:
            return self.jobs
        if sum(size for size, _, _ in self._marks(inputs)) < _WORTH_BYTES:
            return 1
        return min(_cores(), _MOST_CHOSEN)

    def render(self, recipe: Recipe, inputs: Sequence[str], processes: int) -> Generator[Parcel, None, None]:
        """Yield a spec's chunks, rendered, in order; at the end the recipe's readings hold what all of them have read.

        Raises FileProblemError where one of the `inputs`, which every process reads for itself, was changed meanwhile,
        and WorkerDiedError.
        """
        before = self._marks(inputs)
        with ExitStack() as stack:
            running = [
                stack.enter_context(_Worker(recipe, Share(index, processes), self.environ))
                for index in range(processes)
            ]
            number = 0
            while True:
                parcel = running[number % processes].receive(Parcel)
                if parcel.last and self._marks(inputs) != before:
                    raise changed_meanwhile(inputs[0] if len(inputs) == 1 else "one of the inputs")
                yield parcel
                if parcel.last:
                    break
                number += 1
            if recipe.readings is not None:
                for each in running:
                    recipe.readings.add(each.receive(Readings))

    def _marks(self, inputs: Sequence[str]) -> list[tuple[int, int, int]]:
        """Return the size and what else changes with each file; nothing for one that is not there."""
        found = []
        for path in inputs:
            try:
                status = (self.root / path).stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((status.st_size, status.st_mtime_ns, status.st_ino))
        return found


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


class _Worker:
    """One process. It ends when its work is done, when it is told to, or when this process is no more."""

    def __init__(self, recipe: Recipe, share: Share, environ: Mapping[str, str]) -> None:
        # In a session of its own, so that Ctrl-C reaches this process alone, which then ends the others.
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter, and a line of our own
            # -P keeps the current folder off its path: there lies what a project's repository brings along.
            [sys.executable, "-P", "-c", _START, str(_PACKAGES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environ),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._answers: IO[bytes] = self._process.stdout
        _widen(self._answers)
        # Of one that has died already, `receive` tells.
        with suppress(BrokenPipeError), self._process.stdin as stream:
            pickle.dump((recipe, share), stream)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        self._answers.close()
        self._process.kill()
        self._process.wait()

    def receive(self, kind: type[_T]) -> _T:
        """Return the next thing, of this kind. Raises WorkerDiedError, and what the process has raised."""
        try:
            received = pickle.load(self._answers)  # noqa: S301 - from a process of our own
        except (EOFError, pickle.UnpicklingError):
            code = self._process.wait()
            raise WorkerDiedError(
                "a process that was rendering has died",
                why=f"signal {-code}; it may have run out of memory" if code < 0 else f"it ended with code {code}",
                hint="running again is safe; `--jobs 1` renders without other processes",
            ) from None
        if isinstance(received, BatchspecError):
            raise received
        assert isinstance(received, kind)
        return received


def _widen(stream: IO[bytes]) -> None:
    """Let a worker be a chunk ahead, where the system can."""
    with suppress(ImportError, OSError):
        fcntl = import_module("fcntl")
        fcntl.fcntl(stream.fileno(), _SET_PIPE_SIZE, _PIPE_BYTES)
