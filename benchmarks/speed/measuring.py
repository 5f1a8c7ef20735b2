"""Runs a command as a process of its own and tells its time, its CPU time and its peak memory, children included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Medians of a command's runs: seconds, CPU seconds, and the largest memory in bytes of all of its processes."""

    seconds: float
    cpu: float
    peak: int


class CommandFailedError(RuntimeError):
    """A command that is measured ended with another code than 0."""


def measure(
    command: Sequence[str],
    folder: Path,
    *,
    environ: Mapping[str, str],
    repeat: int,
    before: Callable[[], None] | None = None,
) -> Measured:
    """Run a command `repeat` times, each after `before`. Raises CommandFailedError."""
    runs = []
    for _ in range(repeat):
        if before is not None:
            before()
        runs.append(_once(command, folder, environ))
    return Measured(
        seconds=statistics.median(run.seconds for run in runs),
        cpu=statistics.median(run.cpu for run in runs),
        peak=max(run.peak for run in runs),
    )


def _once(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Measured:
    with (folder / "told.txt").open("wb") as told:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told
        )
        peak = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, _resident(process.pid))
            time.sleep(_SAMPLE_SECONDS)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        words = (folder / "told.txt").read_text(encoding="utf-8", errors="replace")
        raise CommandFailedError(f"{' '.join(command)} ended with {process.returncode}: {words[-2000:]}")
    # The kernel counts in kilobytes, macOS in bytes.
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measured(seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, peak=max(peak, largest))


def _resident(pid: int) -> int:
    """Return what a process holds in memory now; 0 where the system does not tell, or it has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0
