"""`gc --remote`: deletes the provider's files, and if wished the records, of jobs whose answers are all taken in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from batchspec.commands.world import World
from batchspec.core.model import BatchJob
from batchspec.core.ports import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What may go: `files` as (id, what it is, job), which leaves the `emptied` jobs without any; and whole `jobs`."""

    files: tuple[tuple[str, str, str], ...]
    emptied: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What has gone; `missing` was not there any more."""

    files: int
    jobs: int
    missing: int


def leftovers(world: World, *, older_than: float, with_jobs: bool) -> Leftovers:
    """Return the remote files of collected jobs that ended more than `older_than` seconds ago.

    A file that a job still in flight reads is left alone.
    """
    recorded = world.ledger.jobs_of()
    needed = {file for each in recorded if not each.collected for file in each.job.input_files}
    until = world.clock.now() - older_than
    ended = [each for each in recorded if each.collected and _ended_at(each.job) <= until]
    files: dict[str, tuple[str, str, str]] = {}
    for each in ended:
        if each.files_deleted:
            continue
        job = each.job
        outputs = ((job.output_file, "output"), (job.error_file, "errors"))
        for file, kind in (*((file, "input") for file in job.input_files), *outputs):
            if file is not None and file not in needed:
                files.setdefault(file, (file, kind, job.id))
    jobs = tuple(each.job.id for each in ended if not each.deleted) if with_jobs else ()
    emptied = tuple(each.job.id for each in ended if not each.files_deleted)
    return Leftovers(files=tuple(files.values()), emptied=emptied, jobs=jobs)


def _ended_at(job: BatchJob) -> float:
    return float(job.completed_at or job.created_at)


def collect_garbage(
    found: Leftovers, *, world: World, provider: Provider, approve: Callable[[Leftovers], None]
) -> Collected:
    """Delete what was found. `approve` is shown it first, and raises NotApprovedError to decline."""
    if found:
        approve(found)
    ledger = world.ledger
    gone = missing = 0
    for file, _, _ in found.files:
        world.stop()
        # Forgotten first: a file that is gone and still on record would be asked for by the next job.
        ledger.forget_file(file)
        world.checkpoint("gc:before-delete")
        there = provider.delete_file(file)
        gone, missing = gone + there, missing + (not there)
    for job in found.emptied:
        ledger.mark_deleted(job, world.clock.now(), record=False)
    deleted = 0
    for job in found.jobs:
        world.stop()
        world.checkpoint("gc:before-delete")
        there = provider.delete_job(job)
        ledger.mark_deleted(job, world.clock.now(), record=True)
        deleted, missing = deleted + there, missing + (not there)
    return Collected(files=gone, jobs=deleted, missing=missing)
