"""Makes the ledger know jobs that it has no record of: of a lost or old state, of another machine, come late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from batchspec.commands.collect import collect
from batchspec.commands.private_files import private_file
from batchspec.commands.world import Notes, World
from batchspec.core.canonical import RequestIdentity, shard_digest
from batchspec.core.errors import InvalidInputError, ProviderRefusedError, UnresolvedError
from batchspec.core.ledger import Claim, ClaimLine, ClaimRequest
from batchspec.core.lines import LineError, inline_custom_id, read_request_lines, request_of_inline
from batchspec.core.model import AGENT_PREFIX, BatchJob
from batchspec.core.outcomes import ResultLineError, read_result_line
from batchspec.core.ports import Provider
from batchspec.core.protocol import (
    AGAIN,
    COUNT,
    LOOK_BACK_SECONDS,
    PROJECT,
    SHARD,
    SPEC,
    VARIANT,
    age,
    target_of,
    yielding,
)
from batchspec.core.uploads import file_ids, with_marks

_READS = 3


class _UnknowableError(Exception):
    """What a job asks for cannot be known now: it runs inline, or its input files come cut."""


@dataclass(slots=True, kw_only=True)
class Adoption:
    """What was adopted: requests by (spec, model, variant). `unknowable` jobs hold requests that cannot be told yet.

    `left_alone` jobs will never be known.
    """

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    unknowable: list[str] = field(default_factory=list)
    left_alone: set[str] = field(default_factory=set)
    collected: int = 0


class Taken(NamedTuple):
    """What came of one adopted job: how many requests are its own now, and whether its answers were taken in."""

    requests: int
    collected: bool = False


def adopt_unknown(world: World, provider: Provider, notes: Notes) -> Adoption:
    """Record every job of this project that the provider lists and the ledger does not know.

    A state that was never compared looks through all of them, any other through those made since the last time. Their
    input files are read back, so that each request is known again by its digest. Where a request is in flight in two
    jobs, the older keeps it; a job that keeps none is surplus, and `refresh.look` cancels it.
    """
    ledger = world.ledger
    adoption = Adoption()
    compared, now = ledger.compared_at(), world.clock.now()
    since = None if compared is None else compared - LOOK_BACK_SECONDS
    listed = provider.list_jobs(created_after=since)
    jobs = {job.id: job for job in listed if job.metadata.get(PROJECT) == ledger.project_id}
    unknown = ledger.unknown_jobs(list(jobs))
    for job in sorted((jobs[job_id] for job_id in unknown), key=age):
        world.stop()
        try:
            adopted = adopt_job(job, world, provider, notes)
        except _UnknowableError:
            adoption.unknowable.append(job.id)
            continue
        if adopted is None:
            adoption.left_alone.add(job.id)
            continue
        adoption.collected += adopted.collected
        if adopted.requests:
            model, variant = job.model or AGENT_PREFIX + (job.agent_id or ""), job.metadata.get(VARIANT, "")
            adoption.requests[job.metadata.get(SPEC, ""), model, variant] += adopted.requests
    # Not at every look: it is a wait for the disk, and an earlier time only means to look through more.
    if not adoption.unknowable and (compared is None or now - compared > LOOK_BACK_SECONDS):
        ledger.mark_compared(now)
    return adoption


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedJob:
    """A job that was asked for by its id; `known` is whether the ledger had it already."""

    job: BatchJob
    known: bool
    taken: int = 0


def adopt_one(
    job_id: str, *, world: World, provider: Provider, notes: Notes, approve: Callable[[BatchJob], None]
) -> AdoptedJob:
    """Record one job of the provider, whoever has made it. `approve` is shown it first, and raises to decline.

    Raises InvalidInputError for a job that the provider does not know or whose requests cannot be digested, and
    UnresolvedError for one whose requests cannot be known yet.
    """
    job = provider.get_job(job_id)
    if job is None:
        raise InvalidInputError(
            f"the provider knows no job `{job_id}`",
            why="it was deleted, or is in another workspace than the key's",
            hint="`batchspec jobs` lists the jobs of this workspace",
        )
    ledger = world.ledger
    if not ledger.unknown_jobs([job.id]):
        return AdoptedJob(job=job, known=True)
    if ledger.open_claims():
        raise UnresolvedError(
            "a submission is open, and this may be its job",
            hint="`batchspec apply` or `batchspec status` settles it; run this again then",
        )
    approve(job)
    try:
        taken = adopt_job(job, world, provider, notes, of_any_maker=True)
    except _UnknowableError:
        raise UnresolvedError(
            f"job {job.id} still runs, and its requests are not known",
            why="the requests of an inline job are known again by its answers alone",
            hint="run this again when it has ended",
        ) from None
    if ledger.unknown_jobs([job.id]):
        raise InvalidInputError(
            f"job {job.id} cannot be adopted",
            why=notes.lines[-1] if notes.lines else None,
            hint="the provider keeps it as it is; `batchspec apply` sends what is still wanted",
        )
    return AdoptedJob(job=job, known=False, taken=taken.requests if taken else 0)


def adopt_job(
    job: BatchJob, world: World, provider: Provider, notes: Notes, *, of_any_maker: bool = False
) -> Taken | None:
    """Record one job that the ledger does not know.

    Returns None for one that cannot be known, and is left alone: also one that does not bear its shard's digest, since
    another program has made it, but for `of_any_maker`.
    """
    shard = job.metadata.get(SHARD)
    target = target_of(job)
    if target is None or (shard is None and not of_any_maker):
        notes.add(f"job {job.id} bears this project's mark but is not of this program's making; it is left alone")
        return None
    identity = RequestIdentity.of(job.endpoint, target)
    live = _live(world)
    with ExitStack() as cleanup:
        paths = [world.downloads / f"{job.id}.{number}.jsonl" for number in range(max(1, len(job.input_files)))]
        for path in paths:
            cleanup.callback(path.unlink, missing_ok=True)
        try:
            lines = _lines_of(job, shard or "", live, paths, identity, world=world, provider=provider)
            count = sum(1 for _ in lines())
        except ProviderRefusedError as error:
            if error.status != 404:
                raise
            notes.add(f"job {job.id}: its input file is gone, so its requests cannot be known again")
            return None
        except (LineError, ResultLineError) as error:
            notes.add(f"job {job.id}: its requests are not of this program's making ({error}); it is left alone")
            return None
        if shard is None:
            shard = shard_digest(job.endpoint, target.model, (line.digest for line in lines()))
        request = ClaimRequest(
            shard=shard,
            spec=job.metadata.get(SPEC, ""),
            endpoint=job.endpoint,
            model=target.model,
            revision=target.revision,
            replicate=target.replicate,
            variant=job.metadata.get(VARIANT, ""),
            again=AGAIN in job.metadata,
            requests=count,
        )
        world.checkpoint("adopt:before-record")
        adopted = world.ledger.adopt(request, lines(), job, world.clock.now(), over=yielding(job, live))
        world.checkpoint("adopt:after-record")
    if adopted is None:
        return Taken(0)
    claim, taken = adopted
    collected = False
    if job.status.ended and not world.ledger.is_contended(claim.id):
        # At once, since a later job may hold the same requests again: those that failed in this one.
        collected = collect(claim, job, world=world, provider=provider, notes=notes)
    if taken:
        noun = "request" if taken == 1 else "requests"
        notes.add(f"adopted job {job.id} ({taken:,} {noun} of {request.spec}, {target.model})")
    if 0 < taken < count and live:
        notes.add(f"job {job.id}: {count - taken:,} of its requests are in other jobs too, or answered: sent twice")
    return Taken(taken, collected)


def _live(world: World) -> list[tuple[Claim, BatchJob]]:
    """Return the claims in flight with their jobs as they were recorded last."""
    claims = ((claim, world.ledger.job(claim.job_id or "")) for claim in world.ledger.claims_in_flight())
    return [(claim, job) for claim, job in claims if job is not None]


def _lines_of(
    job: BatchJob,
    shard: str,
    live: Sequence[tuple[Claim, BatchJob]],
    paths: Sequence[Path],
    identity: RequestIdentity,
    *,
    world: World,
    provider: Provider,
) -> Callable[[], Iterator[ClaimLine]]:
    """Return what yields a job's requests: of its input files, of the same shard in flight, or of its answers.

    The requests of an inline job are known again by its answers alone; the answers need it to have ended.
    """
    if job.input_files:
        for _ in range(_READS):
            for path, file_id in zip(paths, job.input_files, strict=True):
                provider.download(file_id, path, world.progress)
                _restore_marks(path, provider)
            if _came_whole(paths, job.metadata.get(COUNT, "")):
                return lambda: _asked(paths, identity)
        raise _UnknowableError
    told = job.metadata.get(COUNT)
    # Of an adopted inline job only what was answered is known, which may be nothing.
    same = next((claim.id for claim, _ in live if claim.shard == shard and str(claim.requests) == told), None)
    if same is not None:
        # By the names that an inline job gives them, whatever the other job calls them.
        named = world.ledger.claim_lines
        return lambda: (ClaimLine(inline_custom_id(line.digest), line.digest) for line in named(same))
    if not job.status.ended:
        raise _UnknowableError
    answers = _outputs(job, provider)
    with private_file(paths[0]) as stream:
        stream.write(answers)
    return lambda: _answered(paths)


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
    with path.open("rb") as stream, private_file(restored) as target:
        target.writelines(with_marks(line, names) for line in stream)
    restored.replace(path)


def _outputs(job: BatchJob, provider: Provider) -> bytes:
    """Return the answers of an inline job: as many as it had requests, or what has come with the same bytes twice."""
    before = None
    for _ in range(_READS):
        lines = provider.outputs(job.id)
        told = b"".join(line + b"\n" for line in lines)
        if str(len(lines)) == job.metadata.get(COUNT) or told == before:
            return told
        before = told
    raise _UnknowableError


def _came_whole(paths: Sequence[Path], told: str) -> bool:
    """Tell whether input files hold as many lines as their job's metadata says, each to its end.

    A download that was cut raises nothing where the server names no length; requests of lines that did not come would
    be sent, and paid for, again.
    """
    lines, whole = 0, True
    for path in paths:
        with path.open("rb") as stream:
            for line in stream:
                lines += 1
                whole = whole and line.endswith(b"\n")
    return whole and (not told.isascii() or not told.isdigit() or lines >= int(told))


def _asked(paths: Sequence[Path], identity: RequestIdentity) -> Iterator[ClaimLine]:
    for path in paths:
        with path.open("rb") as stream:
            for line in read_request_lines(stream):
                yield ClaimLine(line.custom_id, identity.digest(line.body))


def _answered(paths: Sequence[Path]) -> Iterator[ClaimLine]:
    for path in paths:
        with path.open("rb") as stream:
            for line in stream:
                custom_id = read_result_line(line).custom_id
                digest = request_of_inline(custom_id)
                if digest is None:
                    raise LineError(f"the custom_id {custom_id[:60]!r} stands for no request")
                yield ClaimLine(custom_id, digest)
