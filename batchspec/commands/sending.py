"""How far sending is: each step of a job, with which job of how many it is, as one thing from first to last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batchspec.core.ports import Progress

_FIRST_STEP = "claiming"


@contextmanager
def counted_jobs(progress: Progress, jobs: int) -> Iterator[Progress]:
    """Give a progress that names the job beside each step, and shows something until the last job is made."""
    try:
        yield _Sending(progress, jobs)
    finally:
        progress.finish()


class _Sending:
    def __init__(self, progress: Progress, jobs: int) -> None:
        self._progress = progress
        self._jobs = jobs
        self._job = 0

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        """Begin a step; the first of them begins a job."""
        if phase == _FIRST_STEP:
            # One whose earlier upload has expired is claimed once more.
            self._job = min(self._job + 1, self._jobs)
        named = f"{phase}, job {self._job:,} of {self._jobs:,}" if self._jobs > 1 else phase
        self._progress.start(named, total=total, unit=unit, done=done)

    def advance(self, count: int = 1) -> None:
        """Count work of a step."""
        self._progress.advance(count)

    def note(self, text: str) -> None:
        """Show what a step is doing."""
        self._progress.note(text)

    def finish(self) -> None:
        """Leave a line in its place: what comes after a step is the next, or a job being made, which takes a while."""
        self.start("creating")
        self.note("")
