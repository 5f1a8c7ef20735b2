"""Makes the ledger know jobs that it has no record of: a new machine, a fresh clone, a lost state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from batchspec.commands.collect import collect
from batchspec.commands.world import Notes, World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.errors import ProviderRefusedError, UnresolvedError
from batchspec.core.ledger import ClaimLine, ClaimRequest
from batchspec.core.lines import LineError, read_request_lines, request_of_inline
from batchspec.core.model import AGENT_PREFIX, BatchJob
from batchspec.core.outcomes import ResultLineError, read_result_line
from batchspec.core.ports import Provider
from batchspec.core.protocol import PROJECT, SHARD, SPEC
from batchspec.core.uploads import file_ids, with_marks


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
            adopted[job.metadata.get(SPEC, ""), _model_of(job) or ""] += count
    world.ledger.mark_compared(world.clock.now())
    return adopted


def _adopt(job: BatchJob, world: World, provider: Provider, notes: Notes) -> int:
    shard = job.metadata.get(SHARD)
    model = _model_of(job)
    if shard is None or model is None:
        notes.add(f"job {job.id} bears this project's mark but is not of this program's making; it is left alone")
        return 0
    identity = RequestIdentity(job.endpoint, model)
    with ExitStack() as cleanup:
        paths = [world.downloads / f"{job.id}.{number}.jsonl" for number in range(max(1, len(job.input_files)))]
        for path in paths:
            cleanup.callback(path.unlink, missing_ok=True)
        try:
            _fetch(job, paths, world, provider)
            lines = _answered if not job.input_files else _asked
            count = sum(1 for _ in lines(paths, identity))
        except ProviderRefusedError as error:
            if error.status != 404:
                raise
            notes.add(f"job {job.id}: its input file is gone, so its requests cannot be known again")
            return 0
        except (LineError, ResultLineError) as error:
            notes.add(f"job {job.id}: its requests are not of this program's making ({error}); it is left alone")
            return 0
        request = ClaimRequest(
            shard=shard, spec=job.metadata.get(SPEC, ""), endpoint=job.endpoint, model=model, requests=count
        )
        adopted = world.ledger.adopt(request, lines(paths, identity), job, world.clock.now())
    if adopted is None:
        return 0
    claim, taken = adopted
    if job.status.ended:
        # At once, since a later job may hold the same requests again: those that failed in this one.
        collect(claim, job, world=world, provider=provider, notes=notes)
    elif not taken:
        provider.cancel_job(job.id)
        notes.add(f"cancelled job {job.id}: every request of it is in an earlier job, or answered")
        return 0
    notes.add(f"adopted job {job.id} ({taken:,} requests of {request.spec}, {model})")
    return taken


def _model_of(job: BatchJob) -> str | None:
    """Return what stands in a spec's place of the model."""
    return job.model or (AGENT_PREFIX + job.agent_id if job.agent_id else None)


def _fetch(job: BatchJob, paths: Sequence[Path], world: World, provider: Provider) -> None:
    """Bring in what tells a job's requests: its input files, or the answers of one that was sent without files."""
    for path, file_id in zip(paths, job.input_files, strict=False):
        provider.download(file_id, path, world.progress)
        _restore_marks(path, provider)
    if not job.input_files:
        if not job.status.ended:
            raise UnresolvedError(
                f"job {job.id} of this project still runs, and this state does not know its requests",
                why="the requests of an inline job are known again by its answers alone",
                hint=f"run again when job {job.id} has ended; nothing is sent before",
            )
        paths[0].write_bytes(b"".join(line + b"\n" for line in provider.outputs(job.id)))


def _restore_marks(path: Path, provider: Provider) -> None:
    """Put the marks back that were replaced by the ids of uploaded files: identity is made of the marks."""
    with path.open("rb") as stream:
        names: dict[str, str | None] = {file_id: None for line in stream for file_id in file_ids(line)}
    if not names:
        return
    for file_id in names:
        file = provider.get_file(file_id)
        names[file_id] = file.filename if file is not None else None
    restored = path.with_suffix(".marks")
    with path.open("rb") as stream, restored.open("wb") as target:
        target.writelines(with_marks(line, names) for line in stream)
    restored.replace(path)


def _asked(paths: Sequence[Path], identity: RequestIdentity) -> Iterator[ClaimLine]:
    for path in paths:
        with path.open("rb") as stream:
            for line in read_request_lines(stream):
                yield ClaimLine(line.custom_id, identity.digest(line.body))


def _answered(paths: Sequence[Path], identity: RequestIdentity) -> Iterator[ClaimLine]:
    del identity  # an inline custom_id is the request's identity already
    for path in paths:
        with path.open("rb") as stream:
            for line in stream:
                custom_id = read_result_line(line).custom_id
                digest = request_of_inline(custom_id)
                if digest is None:
                    raise LineError(f"the custom_id {custom_id[:60]!r} stands for no request")
                yield ClaimLine(custom_id, digest)
