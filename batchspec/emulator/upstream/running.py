"""Jobs whose lines a live server answers: sent while there is room, and each recorded as soon as it is finished."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace

from batchspec.emulator.faults import FaultInjector
from batchspec.emulator.files import FileStore
from batchspec.emulator.jobs import Job, JobStore
from batchspec.emulator.recording import Finished, record
from batchspec.emulator.upstream.crew import Crew, Task
from batchspec.emulator.upstream.flight import Flight, Place
from batchspec.emulator.upstream.options import UpstreamOptions

_LOG = logging.getLogger(__name__)
_MOMENT = 0.01


class UpstreamRunner:
    """Takes steps in jobs for the job runner's thread, and never waits in one.

    At no time are more lines sent and not yet recorded than may be under way, so no more than those are sent again
    after a kill.
    """

    def __init__(
        self,
        options: UpstreamOptions,
        *,
        jobs: JobStore,
        files: FileStore,
        faults: FaultInjector,
        wake: Callable[[], None],
    ) -> None:
        self._options = options
        self._jobs = jobs
        self._files = files
        self._faults = faults
        self._crew = Crew(options, wake)
        self._flights: dict[int, Flight] = {}
        self._under_way: dict[int, list[Task]] = {}
        self._finished: dict[int, list[Task]] = {}

    def start(self) -> None:
        """Begin to ask the server."""
        self._crew.start()

    def step(self, job: Job, running: int) -> tuple[Job, bool]:
        """Record what is finished of a job and send more of it; return the job, and whether there was anything to do.

        `running` is how many jobs share the server. Raises FileNotFoundError for an input file that is gone.
        """
        job, recorded = self._recorded(job)
        flight = self._flight(job)
        under_way = self._under_way.setdefault(job.seq, [])
        faults = self._faults.current
        lines = flight.take(self._room(job, running))
        for number, line in lines:
            task = Task(
                job=job.seq, number=number, endpoint=job.endpoint, model=job.answering, line=line, faults=faults
            )
            under_way.append(task)
            self._crew.submit(task)
        return job, recorded or bool(lines)

    def is_done(self, job: Job) -> bool:
        """Tell whether every line of a job is recorded that will be."""
        done = job.progress.succeeded + job.progress.failed
        if job.fail_after is not None and done >= job.fail_after:
            return True
        return not self._under_way.get(job.seq) and (done >= job.total or self._flight(job).exhausted)

    def let_go(self, job: Job) -> Job:
        """Give up what is under way of a job, record what was finished before, and forget it."""
        for task in self._under_way.get(job.seq, ()):
            self._crew.give_up(task)
        job, _ = self._recorded(job)
        flight = self._flights.pop(job.seq, None)
        if flight is not None:
            flight.close()
        self._under_way.pop(job.seq, None)
        self._finished.pop(job.seq, None)
        return job

    def finish(self, unfinished: Callable[[], list[Job]]) -> None:
        """End: wait a little for the answers under way, record them, and give up the rest."""
        until = time.monotonic() + self._options.grace_seconds
        try:
            while any(self._under_way.values()) and self._crew.reachable and time.monotonic() < until:
                time.sleep(_MOMENT)
                for job in unfinished():
                    if job.seq in self._under_way:
                        self._recorded(job)
        except (OSError, sqlite3.Error):
            _LOG.exception("the last answers of the upstream server could not be recorded")
        for tasks in self._under_way.values():
            for task in tasks:
                self._crew.give_up(task)
        for flight in self._flights.values():
            flight.close()
        self._crew.stop()

    def _room(self, job: Job, running: int) -> int:
        free = self._options.concurrency - sum(map(len, self._under_way.values()))
        mine = -(-self._options.concurrency // max(1, running)) - len(self._under_way.get(job.seq, ()))
        room = max(0, min(free, mine))
        if job.fail_after is not None:
            done = job.progress.succeeded + job.progress.failed
            room = max(0, min(room, job.fail_after - done - len(self._under_way.get(job.seq, ()))))
        return room

    def _flight(self, job: Job) -> Flight:
        if job.seq not in self._flights:
            done = job.progress
            mark = Place(done.input_index, done.input_offset, done.line)
            paths = [self._files.path(file_id) for file_id in job.input_files]
            self._flights[job.seq] = Flight(paths, mark, self._jobs.executed_after(job, mark.line))
        return self._flights[job.seq]

    def _recorded(self, job: Job) -> tuple[Job, bool]:
        """Record what has finished of a job, in one transaction."""
        for task in self._crew.ended():
            under_way = self._under_way.get(task.job)
            if under_way is not None and task.result is not None:
                self._finished.setdefault(task.job, []).append(task)
            elif under_way is not None:
                under_way.remove(task)
        tasks = self._finished.get(job.seq)
        if not tasks:
            return job, False
        flight, under_way = self._flight(job), self._under_way[job.seq]
        flight.finish([task.number for task in tasks])
        finished = [Finished(task.number, task.result) for task in tasks if task.result is not None]
        mark = replace(
            job.progress, input_index=flight.mark.file, input_offset=flight.mark.offset, line=flight.mark.line
        )
        # Where the disk is full this raises, and what is finished waits here for the next turn.
        job = record(job, finished, mark, jobs=self._jobs, files=self._files)
        del self._finished[job.seq]
        for task in tasks:
            under_way.remove(task)
        return job, True
