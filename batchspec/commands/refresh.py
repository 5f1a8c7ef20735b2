"""Brings the ledger up to what the provider knows: resolve what is open, adopt, sweep, look, collect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from batchspec.commands.adopt import adopt_unknown
from batchspec.commands.collect import collect
from batchspec.commands.fetching import SideBySide
from batchspec.commands.world import Notes, World
from batchspec.core.errors import AccessError
from batchspec.core.ledger import Claim
from batchspec.core.model import BatchJob, BatchJobStatus
from batchspec.core.ports import Provider
from batchspec.core.protocol import (
    LOOK_BACK_SECONDS,
    PROJECT,
    Adopt,
    Release,
    WaitUntil,
    counts_as_gone,
    resolve,
)

_PROBED_JOBS = 3
_PROBED_FILES = 5
_LOOK_AGAIN_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Refresh:
    """What a refresh has done. `unresolved` claims may still turn out to have a job.

    `unknowable` are jobs of this project, made elsewhere, whose requests cannot be known yet; those `left_alone` never
    will.
    """

    adopted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    unknowable: list[str] = field(default_factory=list)
    left_alone: set[str] = field(default_factory=set)
    collected: int = 0
    in_flight: int = 0
    unresolved: int = 0
    notes: Notes = field(default_factory=Notes)


def refresh(world: World, provider: Provider, *, settle: bool = False) -> Refresh:
    """Resolve, adopt, look, collect. With `settle`, wait for open submissions until they can be decided.

    Raises AccessError when the key belongs to another workspace than the recorded jobs.
    """
    done = Refresh()
    resolve_open(world, provider, done, settle=settle)
    adopt(world, provider, done)
    look(world, provider, done)
    return done


def adopt(world: World, provider: Provider, done: Refresh) -> None:
    """Adopt the jobs of this project that the ledger does not know, so that nothing of theirs is sent again.

    Not while a submission is open: a job of its requests would be taken for another machine's.
    """
    if not done.unresolved:
        found = adopt_unknown(world, provider, done.notes)
        done.adopted.update(found.requests)
        done.collected += found.collected
        done.unknowable = found.unknowable
        done.left_alone = found.left_alone


def resolve_open(world: World, provider: Provider, done: Refresh, *, settle: bool) -> None:
    """Find out what became of every claim without a job; with `settle`, as long as that takes."""
    while claims := world.ledger.open_claims():
        since = min(claim.claimed_at for claim in claims) - LOOK_BACK_SECONDS
        observed = [job for job in provider.list_jobs(created_after=since) if PROJECT in job.metadata]
        waits = [
            wait for claim in claims if (wait := _settle_claim(claim, observed, world, provider, done)) is not None
        ]
        done.unresolved = len(waits)
        if not waits or not settle:
            return
        now = world.clock.now()
        seconds = max(0.0, max(waits) - now)
        world.progress.start("unresolved", total=None, unit="s")
        world.progress.note(
            f"{len(waits)} submission(s) got no answer; looking for their jobs for up to {seconds:.0f} s more"
        )
        world.clock.sleep(min(seconds, _LOOK_AGAIN_SECONDS) + 0.05)
        world.progress.finish()
        world.stop()


def _settle_claim(
    claim: Claim, observed: Sequence[BatchJob], world: World, provider: Provider, done: Refresh
) -> float | None:
    """Carry out the protocol's decision about one claim; return until when it has to wait, if it has."""
    match resolve(claim, observed, world.ledger.project_id, world.clock.now(), world.settle_seconds):
        case Adopt(job):
            world.checkpoint("resolve:before-adopt")
            world.ledger.mark_created(claim.id, job)
            done.adopted[claim.spec, claim.model, claim.variant] += claim.requests
            noun = "request" if claim.requests == 1 else "requests"
            done.notes.add(f"adopted job {job.id} ({claim.requests:,} {noun} of {claim.spec}, {claim.model})")
        case Release(reason):
            _probe_workspace(world, provider)
            world.checkpoint("resolve:before-release")
            world.ledger.release(claim.id, reason, world.clock.now())
            done.notes.add(f"released {claim.requests:,} requests of {claim.spec} ({claim.model}): {reason}")
        case WaitUntil(time):
            return time
    return None


def _probe_workspace(world: World, provider: Provider) -> None:
    """Before anything is believed absent: a job that must be there is, or this is another workspace."""
    known = world.ledger.known_job_ids(_PROBED_JOBS)
    if not known or any(provider.get_job(job_id) is not None for job_id in known) or _knows_others(world, provider):
        return
    raise AccessError(
        f"this key's workspace does not know job {known[0]}, which this state has recorded",
        why="a key of another workspace sees none of this project's jobs; sending again would pay twice",
        hint="set MISTRAL_API_KEY to a key of the workspace that the jobs were made in, or name another --state;"
        " if all of them were deleted there, or have expired, `batchspec state forget --gone` says so",
    )


def _knows_others(world: World, provider: Provider) -> bool:
    """Tell whether the provider has any other job or file that is recorded here: the last ones may be deleted."""
    listed = [job.id for job in provider.list_jobs()]
    if len(world.ledger.unknown_jobs(listed)) < len(set(listed)):
        return True
    return any(provider.get_file(file) is not None for file in world.ledger.known_file_ids(_PROBED_FILES))


def look(world: World, provider: Provider, done: Refresh) -> None:
    """Ask for the jobs in flight; collect those that have ended, cancel those that are surplus."""
    claims = world.ledger.claims_in_flight()
    done.in_flight = len(claims)
    # Surplus last: what it holds is taken in when the job that answers for it has ended.
    observed = sorted(_observed(claims, world, provider), key=lambda pair: pair[0].surplus)
    ended = (job for claim, job in observed if job is not None and job.status.ended and not claim.surplus)
    with SideBySide(ended, world=world, provider=provider) as files:
        for claim, seen in observed:
            world.stop()
            _look_at(claim, seen, world, provider, files, done)


def _look_at(
    claim: Claim, seen: BatchJob | None, world: World, provider: Provider, files: SideBySide, done: Refresh
) -> None:
    job, gone = (seen, None) if seen is not None else _missing(claim, world, provider, done)
    if job is None:
        return
    if gone is None:
        world.ledger.save_job(job)
        if claim.surplus:
            job = _swept(claim, job, world, provider, done)
    if (job.status.ended or gone) and not (claim.surplus and world.ledger.is_contended(claim.id)):
        if collect(claim, job, world=world, provider=files, notes=done.notes, gone=gone):
            done.collected += 1
            done.in_flight -= 1
        world.progress.finish()


def _swept(claim: Claim, job: BatchJob, world: World, provider: Provider, done: Refresh) -> BatchJob:
    """Cancel a job all of whose requests are in an older job, or answered; return it as it then is."""
    if job.status.ended or job.status is BatchJobStatus.CANCELLATION_REQUESTED:
        return job
    world.checkpoint("sweep:before-cancel")
    job = provider.cancel_job(job.id)
    world.checkpoint("sweep:after-cancel")
    world.ledger.save_job(job)
    done.notes.add(
        f"cancelled job {job.id} ({claim.requests:,} requests of {claim.spec}, {claim.model}): every request of it is"
        " in an older job, or answered"
    )
    return job


def _missing(claim: Claim, world: World, provider: Provider, done: Refresh) -> tuple[BatchJob | None, str | None]:
    """Return a job that the provider no longer knows, as it was recorded last, and what is gone; or nothing yet.

    Raises AccessError when it cannot be told from a key of another workspace.
    """
    job = world.ledger.job(claim.job_id or "")
    since = max(claim.sending_at or claim.claimed_at, 0 if job is None else job.created_at)
    if job is None or not counts_as_gone(since, world.clock.now(), world.settle_seconds):
        done.notes.add(f"the provider does not know job {claim.job_id} of {claim.spec} (yet, or any more)")
        return None, None
    if any(other.id == job.id for other in provider.list_jobs(created_after=job.created_at - LOOK_BACK_SECONDS)):
        # One word against another: not enough for calling answers lost.
        done.notes.add(f"the provider lists job {job.id} of {claim.spec} and does not give it; run again")
        return None, None
    if not any(provider.get_file(file) for file in job.input_files):
        _probe_workspace(world, provider)
    world.checkpoint("look:before-deleted")
    world.ledger.mark_deleted(job.id, world.clock.now(), record=True)
    return job, f"job {job.id} was deleted at the provider"


def _observed(claims: Sequence[Claim], world: World, provider: Provider) -> list[tuple[Claim, BatchJob | None]]:
    """Return each claim's job as it is now: one list for several, and a call for one or for what the list lacks."""
    wanted = {claim.job_id: claim for claim in claims if claim.job_id is not None}
    listed = _listed(wanted, world, provider) if len(wanted) > 1 else {}
    # A list may lag behind; a job that it lacks is asked for by its id before anything is made of that.
    return [(claim, listed.get(job_id) or provider.get_job(job_id)) for job_id, claim in wanted.items()]


def _listed(wanted: Mapping[str, Claim], world: World, provider: Provider) -> dict[str, BatchJob]:
    """Return those of these jobs that the provider lists, reading no more pages than hold them."""
    listed: dict[str, BatchJob] = {}
    # A job that was adopted is older than its claim here.
    recorded = [job.created_at for job_id in wanted if (job := world.ledger.job(job_id)) and job.created_at]
    since = min([*recorded, *(claim.claimed_at for claim in wanted.values())]) - LOOK_BACK_SECONDS
    for job in provider.list_jobs(created_after=since):
        if job.id in wanted:
            listed[job.id] = job
            if len(listed) == len(wanted):
                break
    return listed
