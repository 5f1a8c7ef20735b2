"""Sends shards: claim, upload, mark as sending, one POST, record. Every step is durable before the next begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity, shard_digest
from batchspec.core.errors import (
    AccessError,
    ProviderRefusedError,
    ProviderUnavailableError,
    StateError,
    SubmissionUnknownError,
    UnresolvedError,
)
from batchspec.core.ledger import Claim, ClaimLine, ClaimRequest
from batchspec.core.lines import read_spooled_lines
from batchspec.core.model import RemoteFile
from batchspec.core.planning import PendingShard
from batchspec.core.ports import Progress, Provider
from batchspec.core.protocol import job_request
from batchspec.core.spec import Spec

_MOST_LINE_ERRORS = 20
_SHOWN_EVERY = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """How many jobs and requests were sent; `unknown` are the claims whose POST got no definite answer."""

    jobs: int
    requests: int
    unknown: tuple[Claim, ...]


def submit(shards: Sequence[PendingShard], specs: Mapping[str, Spec], *, world: World, provider: Provider) -> Submitted:
    """Send every shard once. A submission without an answer is left to be resolved; the others go on.

    Raises AccessError, ProviderRefusedError or ProviderUnavailableError at the first shard that was definitely not
    sent; its claim is released, so running again sends it.
    """
    waiting = Counter(shard.file_sha256 for shard in shards)
    jobs = requests = 0
    unknown: list[Claim] = []
    for shard in shards:
        world.stop()
        spec = specs[shard.spec]
        claim = _claim(shard, world)
        created = _send(claim, shard, spec, world, provider)
        if created:
            jobs += 1
            requests += shard.requests
        else:
            unknown.append(claim)
        waiting[shard.file_sha256] -= 1
        if not waiting[shard.file_sha256]:
            world.spool.path(shard.file_sha256).unlink(missing_ok=True)
    return Submitted(jobs=jobs, requests=requests, unknown=tuple(unknown))


def _claim(shard: PendingShard, world: World) -> Claim:
    path = world.spool.path(shard.file_sha256)
    identity = RequestIdentity(shard.endpoint, shard.model)
    digest = shard_digest(shard.endpoint, shard.model, (line.digest for line in _claim_lines(path, identity)))
    request = ClaimRequest(
        shard=digest,
        spec=shard.spec,
        endpoint=shard.endpoint,
        model=shard.model,
        requests=shard.requests,
        file_sha256=shard.file_sha256,
        file_bytes=shard.bytes,
    )
    world.progress.start("claiming", total=shard.requests, unit="requests")
    world.checkpoint("submit:before-claim")
    claim = world.ledger.claim(request, _counted(_claim_lines(path, identity), world.progress), world.clock.now())
    world.progress.finish()
    world.checkpoint("submit:after-claim")
    return claim


def _claim_lines(path: Path, identity: RequestIdentity) -> Iterator[ClaimLine]:
    """Read a spooled file back: what is claimed is what lies on disk and will be uploaded."""
    with path.open("rb") as stream:
        for line in read_spooled_lines(stream):
            yield ClaimLine(line.custom_id, identity.digest(line.body))


def _counted(lines: Iterable[ClaimLine], progress: Progress) -> Iterator[ClaimLine]:
    for number, line in enumerate(lines, 1):
        yield line
        if not number % _SHOWN_EVERY:
            progress.advance(_SHOWN_EVERY)


def _send(claim: Claim, shard: PendingShard, spec: Spec, world: World, provider: Provider) -> bool:
    """Upload and create; tell whether a job is known to exist now."""
    for reuse in (True, False):
        file, reused = _upload(claim, shard, world, provider, reuse=reuse)
        world.ledger.mark_uploaded(claim.id, file.id)
        try:
            return _create(claim, file, spec, world, provider)
        except ProviderRefusedError as error:
            gone = error.status == 404 and reused
            _release(claim, f"refused: {error.summary}", world)
            if not gone:
                raise
            # The earlier upload has expired: it is forgotten, and the same shard is claimed and sent anew.
            world.ledger.forget_file(shard.file_sha256)
            claim = _claim(shard, world)
    raise AssertionError("a fresh upload is either used or refused")


def _upload(
    claim: Claim, shard: PendingShard, world: World, provider: Provider, *, reuse: bool
) -> tuple[RemoteFile, bool]:
    """Return the input file at the provider, and whether it was there before."""
    name = f"batchspec-{shard.file_sha256[:32]}.jsonl"
    known = world.ledger.find_file(shard.file_sha256) if reuse else None
    if known is not None and known.id:
        return known, True
    try:
        if known is not None:
            # An upload began and its end is not on record: it may be there already.
            for found in provider.find_files(name):
                if found.size in {None, shard.bytes} and found.lines in {None, shard.requests}:
                    world.ledger.save_file(shard.file_sha256, found)
                    return found, True
        world.ledger.save_file(shard.file_sha256, RemoteFile(id="", filename=name, size=shard.bytes))
        world.checkpoint("submit:before-upload")
        file = provider.upload(world.spool.path(shard.file_sha256), name, world.progress)
        world.checkpoint("submit:after-upload")
    except ProviderRefusedError as error:
        told = _with_lines(error, claim, world)
        _release(claim, f"upload refused: {error.summary}", world)
        raise told from None
    except (AccessError, ProviderUnavailableError) as error:
        _release(claim, f"not uploaded: {error.summary}", world)
        raise
    world.ledger.save_file(shard.file_sha256, file)
    return file, False


def _create(claim: Claim, file: RemoteFile, spec: Spec, world: World, provider: Provider) -> bool:
    request = job_request(claim, world.ledger.project_id, file.id, spec.metadata, spec.timeout_hours)
    world.ledger.mark_sending(claim.id, world.clock.now())
    world.checkpoint("submit:before-create")
    try:
        job = provider.create_job(request)
    except SubmissionUnknownError:
        return False
    except (AccessError, ProviderUnavailableError) as error:
        _release(claim, f"not sent: {error.summary}", world)
        raise
    world.checkpoint("submit:after-create")
    try:
        world.ledger.mark_created(claim.id, job)
    except StateError as error:
        raise UnresolvedError(
            f"job {job.id} was created and could not be recorded: {error.summary}",
            why="the intent to create it is on record, so the next run finds the job and adopts it",
            hint="mend the state's disk and run again; nothing is sent twice",
        ) from None
    world.checkpoint("submit:after-record")
    return True


def _release(claim: Claim, reason: str, world: World) -> None:
    world.ledger.release(claim.id, reason, world.clock.now())


def _with_lines(error: ProviderRefusedError, claim: Claim, world: World) -> ProviderRefusedError:
    """Say which requests a refused upload is about, instead of the numbers of lines that nobody sees."""
    if not error.line_errors:
        return error
    wanted = dict(error.line_errors[:_MOST_LINE_ERRORS])
    names = {
        number: line.custom_id for number, line in enumerate(world.ledger.claim_lines(claim.id), 1) if number in wanted
    }
    told = "; ".join(f"custom_id {names.get(number, '?')}: {message}" for number, message in wanted.items())
    return ProviderRefusedError(
        error.summary,
        status=error.status or 422,
        request_id=error.request_id,
        line_errors=error.line_errors,
        why=told,
        hint=error.hint or f"`batchspec render --id CUSTOM_ID` shows the request of {claim.spec}",
    )
