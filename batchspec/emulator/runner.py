"""The thread that runs the jobs: chunk by chunk, all running jobs in turn, each chunk committed whole.

Whatever kills the process between two commits, a chunk's executions, counters and result bytes are all there or all
not: the next runner cuts the result files back to what was committed and goes on from there.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from batchspec.core.model import BatchJobStatus
from batchspec.emulator.answers import answer
from batchspec.emulator.database import RunnerLock
from batchspec.emulator.execution import execute
from batchspec.emulator.faults import FaultInjector
from batchspec.emulator.files import FileStore
from batchspec.emulator.jobs import Job, JobStore
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.recording import Finished, append, record
from batchspec.emulator.refusals import Refusal
from batchspec.emulator.uploads import LONGEST_LINE
from batchspec.emulator.upstream.running import UpstreamRunner

_CHUNK_LINES = 1_000
_CHUNK_BYTES = 4 * 1024 * 1024
_PACE_SECONDS = 0.05
_POLL_SECONDS = 0.1
_TROUBLE_SECONDS = 1.0

_LOG = logging.getLogger(__name__)


class Chunk(NamedTuple):
    """Lines of a job's input, and the place after them."""

    lines: Sequence[bytes]
    input_index: int
    input_offset: int


class JobRunner:
    """Runs the jobs of a data folder in a thread of its own, unless another process already does.

    Jobs are found by looking into the store, so those that another process creates or cancels are seen too.
    """

    def __init__(
        self, data: Path, *, jobs: JobStore, files: FileStore, faults: FaultInjector, options: EmulatorOptions
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._faults = faults
        self._options = options
        self._data = data
        self._answer = partial(answer, files=files.attachment)
        self._wake = threading.Event()
        self._upstream = (
            None
            if options.upstream is None
            else UpstreamRunner(options.upstream, jobs=jobs, files=files, faults=faults, wake=self._wake.set)
        )
        self._stopping = False
        self._due: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name="batchspec-emulator-runner", daemon=True)

    def start(self) -> None:
        """Begin; unfinished jobs of an earlier run are taken up."""
        if self._upstream is not None:
            self._upstream.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the chunk in hand, and wait for that."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Let the runner look for work now."""
        self._wake.set()

    def _run(self) -> None:
        with closing(RunnerLock(self._data)) as lock:
            try:
                self._take_turns(lock)
            finally:
                if self._upstream is not None:
                    self._upstream.finish(self._jobs.unfinished)

    def _take_turns(self, lock: RunnerLock) -> None:
        while not self._stopping and not lock.acquire():
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()
        self._files.sweep()
        while not self._stopping:
            self._wake.clear()
            try:
                worked = self._turn()
            except (OSError, sqlite3.Error):
                # A full disk may be mended while the server runs.
                _LOG.exception("the emulator cannot go on with its jobs; it tries again")
                self._wake.wait(_TROUBLE_SECONDS)
                continue
            if not worked:
                self._wake.wait(self._rest())

    def _turn(self) -> bool:
        """Give every unfinished job one step; tell whether any had something to do."""
        jobs = self._jobs.unfinished()
        self._due = {job.seq: self._due[job.seq] for job in jobs if job.seq in self._due}
        worked = False
        for job in jobs:
            if self._stopping:
                break
            worked = self._step(job, len(jobs)) or worked
        return worked

    def _rest(self) -> float:
        soonest = min(self._due.values(), default=float("inf")) - time.monotonic()
        return max(0.0, min(_POLL_SECONDS, soonest))

    def _step(self, job: Job, unfinished: int) -> bool:
        now = time.time()
        if now >= job.created_at + job.timeout_hours * self._options.hour_seconds:
            return self._end(job, BatchJobStatus.TIMEOUT_EXCEEDED)
        if job.status is BatchJobStatus.QUEUED:
            return now >= job.created_at + self._options.queue_seconds and self._start(job)
        if job.cancel_requested_at is not None and now >= job.cancel_requested_at + self._options.cancel_seconds:
            return self._end(job, BatchJobStatus.CANCELLED)
        if self._upstream is not None:
            return self._run_upstream(self._upstream, job, unfinished)
        return self._is_due(job) and self._run_chunk(job)

    def _start(self, job: Job) -> bool:
        try:
            # Lines that a file's row does not count cannot be: only checked batch files become inputs.
            total = sum(self._lines_of(job, file_id) for file_id in job.input_files)
        except Refusal:
            return self._end(job, BatchJobStatus.FAILED, "an input file was deleted before the job started")
        fails = self._faults.take_job_failure()
        self._jobs.start(job, total, total // 2 if fails else None)
        return True

    def _lines_of(self, job: Job, file_id: str) -> int:
        if job.inline:
            with self._files.path(file_id).open("rb") as stream:
                return sum(1 for _ in stream)
        return int(self._files.row(file_id)["num_lines"] or 0)

    def _is_due(self, job: Job) -> bool:
        """Tell whether the time of the job's next lines has passed, where lines are to take time."""
        if self._options.line_seconds <= 0:
            return True
        now = time.monotonic()
        return now >= self._due.setdefault(job.seq, now + self._pace(job) * self._options.line_seconds)

    def _pace(self, job: Job) -> int:
        """Return how many lines the job's next chunk may have."""
        most = _CHUNK_LINES
        if self._options.line_seconds > 0:
            most = max(1, min(most, int(_PACE_SECONDS / self._options.line_seconds)))
        if job.fail_after is not None:
            most = min(most, job.fail_after - job.progress.line)
        return most

    def _run_chunk(self, job: Job) -> bool:
        most = self._pace(job)
        try:
            paths = [self._files.path(file_id) for file_id in job.input_files]
            chunk = read_chunk(paths, job.progress.input_index, job.progress.input_offset, most)
        except FileNotFoundError:
            return self._end(job, BatchJobStatus.FAILED, "an input file was deleted while the job ran")
        job = self._execute(job, chunk)
        if self._options.line_seconds > 0:
            self._due[job.seq] = time.monotonic() + self._pace(job) * self._options.line_seconds
        if job.fail_after is not None and job.progress.line >= job.fail_after:
            return self._end(job, BatchJobStatus.FAILED, "injected fault: the job failed half way")
        if job.progress.line >= job.total or not chunk.lines:
            return self._end(job, BatchJobStatus.SUCCESS)
        return True

    def _execute(self, job: Job, chunk: Chunk) -> Job:
        faults = self._faults.current
        results = [execute(job.endpoint, job.answering, line, faults, self._answer) for line in chunk.lines]
        finished = [Finished(number, result) for number, result in enumerate(results, job.progress.line + 1)]
        if not self._options.in_order:
            # The service promises no order; by their digests the lines fall as if at random, and always alike.
            finished.sort(key=lambda line: line.result.body)
        place = replace(
            job.progress,
            input_index=chunk.input_index,
            input_offset=chunk.input_offset,
            line=job.progress.line + len(results),
        )
        return record(job, finished, place, jobs=self._jobs, files=self._files)

    def _run_upstream(self, upstream: UpstreamRunner, job: Job, unfinished: int) -> bool:
        try:
            job, worked = upstream.step(job, unfinished)
        except FileNotFoundError:
            return self._end(job, BatchJobStatus.FAILED, "an input file was deleted while the job ran")
        if not upstream.is_done(job):
            return worked
        if job.fail_after is not None:
            return self._end(job, BatchJobStatus.FAILED, "injected fault: the job failed half way")
        return self._end(job, BatchJobStatus.SUCCESS)

    def _end(self, job: Job, status: BatchJobStatus, error: str | None = None) -> bool:
        if self._upstream is not None:
            job = self._upstream.let_go(job)
        append(self._files.path(job.output_id), job.progress.output_bytes, ())
        append(self._files.path(job.error_id), job.progress.error_bytes, ())
        self._jobs.finish(job, status, error)
        if job.inline:
            for file_id in job.input_files:
                self._files.path(file_id).unlink(missing_ok=True)
        return True


def read_chunk(paths: Sequence[Path], index: int, offset: int, most_lines: int) -> Chunk:
    """Read the next lines of several files from a place on; no lines at their end. Raises FileNotFoundError."""
    lines: list[bytes] = []
    size = 0
    while index < len(paths) and len(lines) < most_lines and size < _CHUNK_BYTES:
        with paths[index].open("rb") as stream:
            stream.seek(offset)
            while len(lines) < most_lines and size < _CHUNK_BYTES:
                line = stream.readline(LONGEST_LINE)
                if not line:
                    index, offset = index + 1, 0
                    break
                lines.append(line)
                size += len(line)
                offset += len(line)
    return Chunk(lines, index, offset)
