"""The provider's files and job records that this project needs no longer: those of jobs whose answers are taken in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchspec.commands.world import World
from batchspec.core.garbage import Reclaiming
from batchspec.core.ledger import RecordedJob
from batchspec.core.model import BatchJob
from batchspec.core.ports import Provider
from batchspec.core.protocol import PROJECT


class LeftAtProvider(NamedTuple):
    """A file: `kind` is what it was to `job`, `size` its bytes, None where the provider does not list it."""

    id: str
    kind: str
    job: str
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What may go at the provider: `files`, which leaves the `emptied` jobs without any; and whole `jobs`.

    `foreign` jobs were adopted, and are of another project or program: nothing of theirs is in here.
    """

    files: tuple[LeftAtProvider, ...] = ()
    emptied: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.jobs)


def find_leftovers(
    world: World, provider: Provider, reclaiming: Reclaiming, *, older_than: float, with_jobs: bool
) -> Leftovers:
    """Return the remote files of collected jobs that ended more than `older_than` seconds ago.

    A file that another job reads is left alone: one in flight, not yet made, younger, or of another project, which may
    have found the file by its content.
    """
    recorded = world.ledger.jobs_of()
    until = world.clock.now() - older_than
    ended = [each for each in recorded if each.collected and _ended_at(each.job) <= until]
    listed = list(provider.list_jobs()) if ended else []
    ended, foreign = _own(ended, listed, world.ledger.project_id, reclaiming)
    ids = {each.job.id for each in ended}
    needed = {file for each in recorded if each.job.id not in ids for file in each.job.input_files}
    needed.update(file for job in listed if job.id not in ids for file in job.input_files)
    needed.update(reclaiming.needed_files())
    found: dict[str, tuple[str, str]] = {}
    for each in ended:
        if each.files_deleted:
            continue
        job = each.job
        outputs = ((job.output_file, "output"), (job.error_file, "errors"))
        for file, kind in (*((file, "input") for file in job.input_files), *outputs):
            if file is not None and file not in needed:
                found.setdefault(file, (kind, job.id))
    sizes = {file.id: file.size for file in provider.list_files()} if found else {}
    return Leftovers(
        files=tuple(LeftAtProvider(file, kind, job, sizes.get(file)) for file, (kind, job) in found.items()),
        emptied=tuple(each.job.id for each in ended if not each.files_deleted),
        jobs=tuple(each.job.id for each in ended if not each.deleted) if with_jobs else (),
        foreign=foreign,
    )


def _own(
    ended: Sequence[RecordedJob], listed: Sequence[BatchJob], project: str, reclaiming: Reclaiming
) -> tuple[list[RecordedJob], tuple[str, ...]]:
    """Divide jobs into this project's and those that only were adopted, from whoever has made them."""
    own = {*reclaiming.jobs_made_here(), *(job.id for job in listed if job.metadata.get(PROJECT) == project)}
    foreign = tuple(each.job.id for each in ended if each.job.id not in own and not each.deleted)
    return [each for each in ended if each.job.id in own], foreign


def _ended_at(job: BatchJob) -> float:
    return float(job.completed_at or job.created_at)


class Deleted(NamedTuple):
    """What has gone at the provider; `missing` was not there any more."""

    files: int = 0
    jobs: int = 0
    missing: int = 0


def delete_leftovers(found: Leftovers, *, world: World, provider: Provider) -> Deleted:
    """Delete what was found at the provider. May be cut short and run again anywhere."""
    ledger = world.ledger
    gone = missing = 0
    for file in found.files:
        world.stop()
        # Forgotten first: a file that is gone and still on record would be asked for by the next job.
        ledger.forget_file(file.id)
        world.checkpoint("gc:before-delete")
        there = provider.delete_file(file.id)
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
    return Deleted(gone, deleted, missing)
