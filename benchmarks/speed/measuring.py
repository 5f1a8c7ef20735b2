"""Runs a command as a process of its own and tells its time, its CPU time and its peak memory, children included."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Medians of a command's runs: seconds and CPU seconds; and the largest memory in bytes of any run.

    Memory that processes share is counted once.
    """

    seconds: float
    cpu: float
    peak: int
    runs: int


class CommandFailedError(RuntimeError):
    """A command that is measured ended with another code than the one expected."""


def measure(
    command: Sequence[str],
    folder: Path,
    *,
    environ: Mapping[str, str],
    repeat: int,
    before: Callable[[], None] | None = None,
    code: int = 0,
    timeout: float = float("inf"),
) -> Measured:
    """Run a command `repeat` times, each after `before`, and expect an exit code. Raises CommandFailedError.

    A run that takes longer than `timeout` seconds is killed with all that it has begun, and has failed.
    """
    runs = []
    for _ in range(repeat):
        if before is not None:
            before()
        runs.append(_once(command, folder, environ, code, timeout))
    return median(runs)


def median(runs: Sequence[Measured]) -> Measured:
    """Return the medians of single runs."""
    return Measured(
        seconds=statistics.median(run.seconds for run in runs),
        cpu=statistics.median(run.cpu for run in runs),
        peak=max(run.peak for run in runs),
        runs=len(runs),
    )


def interleaved(
    commands: Mapping[str, Sequence[str]], folder: Path, *, environ: Mapping[str, str], repeat: int
) -> dict[str, Measured]:
    """Run short commands in turn, so that what disturbs one disturbs each, and return the medians by name."""
    runs: dict[str, list[Measured]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            runs[name].append(_once(command, folder, environ, 0, float("inf")))
    return {name: median(found) for name, found in runs.items()}


def _once(command: Sequence[str], folder: Path, environ: Mapping[str, str], code: int, timeout: float) -> Measured:
    with (folder / "told.txt").open("wb") as told:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )
        peak = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if time.perf_counter() - started > timeout:
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(_SAMPLE_SECONDS if time.perf_counter() - started > 1 else 0.001)
            if children := [pid for pid in _descendants(process.pid) if not _is_beginning(pid, process.pid)]:
                peak = max(peak, sum(_proportional(pid) for pid in (process.pid, *children)))
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        words = (folder / "told.txt").read_text(encoding="utf-8", errors="replace")
        raise CommandFailedError(f"{' '.join(command)} ended with {process.returncode}: {words[-2000:]}")
    # The kernel counts in kilobytes, macOS in bytes.
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measured(seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, peak=max(peak, largest), runs=1)


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process has begun, and theirs; none where the system does not tell."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except (OSError, ValueError):
        return []
    return [each for child in children for each in (child, *_descendants(child))]


def _is_beginning(pid: int, parent: int) -> bool:
    """Tell whether a child still stands in its parent's own memory, as until it runs its program: that is no more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == Path(f"/proc/{parent}/cmdline").read_bytes()
    except OSError:
        return False


def _proportional(pid: int) -> int:
    """Return a process's memory, of what is shared its part; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except (OSError, ValueError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
