"""Makes the ledger know jobs that it has no record of: a new machine, a fresh clone, a lost state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from batchspec.commands.collect import collect
from batchspec.commands.world import Notes, World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.errors import ProviderRefusedError
from batchspec.core.ledger import ClaimLine, ClaimRequest
from batchspec.core.lines import LineError, read_request_lines
from batchspec.core.model import BatchJob
from batchspec.core.ports import Provider
from batchspec.core.protocol import PROJECT, SHARD, SPEC


def adopt_unknown(world: World, provider: Provider, notes: Notes) -> Counter[tuple[str, str]]:
    """Record every job of this project that the provider lists and the ledger does not know.

    Its input file is read back, so that each request is known again by its digest. Returns how many requests of each
    (spec, model) were adopted.
    """
    adopted: Counter[tuple[str, str]] = Counter()
    jobs = {job.id: job for job in provider.list_jobs() if job.metadata.get(PROJECT) == world.ledger.project_id}
    for job in sorted(jobs.values(), key=lambda job: (job.created_at, job.id)):
        world.stop()
        count = _adopt(job, world, provider, notes)
        if count:
            adopted[job.metadata.get(SPEC, ""), job.model or ""] += count
    world.ledger.mark_compared(world.clock.now())
    return adopted


def _adopt(job: BatchJob, world: World, provider: Provider, notes: Notes) -> int:
    shard = job.metadata.get(SHARD)
    if shard is None or job.model is None or len(job.input_files) != 1:
        notes.add(f"job {job.id} bears this project's mark but is not of this program's making; it is left alone")
        return 0
    path = world.downloads / f"{job.id}.input.jsonl"
    with ExitStack() as cleanup:
        cleanup.callback(path.unlink, missing_ok=True)
        try:
            size = provider.download(job.input_files[0], path, world.progress)
            count = sum(1 for _ in _claim_lines(path, job))
        except ProviderRefusedError as error:
            if error.status != 404:
                raise
            notes.add(f"job {job.id}: its input file is gone, so its requests cannot be known again")
            return 0
        except LineError as error:
            notes.add(f"job {job.id}: its input file is not of this program's making ({error}); it is left alone")
            return 0
        request = ClaimRequest(
            shard=shard,
            spec=job.metadata.get(SPEC, ""),
            endpoint=job.endpoint,
            model=job.model,
            requests=count,
            file_sha256="",
            file_bytes=size,
        )
        adopted = world.ledger.adopt(request, _claim_lines(path, job), job, world.clock.now())
    if adopted is None:
        return 0
    claim, taken = adopted
    if job.status.ended:
        # At once, since a later job may hold the same requests again: those that failed in this one.
        collect(claim, job, world=world, provider=provider, notes=notes)
    notes.add(f"adopted job {job.id} ({taken:,} requests of {request.spec}, {job.model})")
    return taken


def _claim_lines(path: Path, job: BatchJob) -> Iterator[ClaimLine]:
    identity = RequestIdentity(job.endpoint, job.model or "")
    with path.open("rb") as stream:
        for line in read_request_lines(stream):
            yield ClaimLine(line.custom_id, identity.digest(line.body))
