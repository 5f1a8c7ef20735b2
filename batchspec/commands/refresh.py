"""Brings the ledger up to what the provider knows: resolve what is open, look at what is in flight, collect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from batchspec.commands.adopt import adopt_unknown
from batchspec.commands.collect import collect
from batchspec.commands.world import Notes, World
from batchspec.core.errors import AccessError
from batchspec.core.ledger import Claim
from batchspec.core.model import BatchJob
from batchspec.core.ports import Provider
from batchspec.core.protocol import LOOK_BACK_SECONDS, PROJECT, Adopt, Release, WaitUntil, resolve

_ASKED_ONE_BY_ONE = 3
_PROBED_JOBS = 3
_LOOK_AGAIN_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Refresh:
    """What a refresh has done. `unresolved` claims may still turn out to have a job."""

    adopted: Counter[tuple[str, str]] = field(default_factory=Counter)
    collected: int = 0
    in_flight: int = 0
    unresolved: int = 0
    notes: Notes = field(default_factory=Notes)


def refresh(world: World, provider: Provider, *, settle: bool = False) -> Refresh:
    """Resolve, look, collect. With `settle`, wait for open submissions until they can be decided.

    Raises AccessError when the key belongs to another workspace than the recorded jobs.
    """
    done = Refresh()
    if world.ledger.is_new():
        done.adopted.update(adopt_unknown(world, provider, done.notes))
    resolve_open(world, provider, done, settle=settle)
    look(world, provider, done)
    return done


def resolve_open(world: World, provider: Provider, done: Refresh, *, settle: bool) -> None:
    """Find out what became of every claim without a job; with `settle`, as long as that takes."""
    while claims := world.ledger.open_claims():
        since = min(claim.claimed_at for claim in claims) - LOOK_BACK_SECONDS
        observed = [
            job
            for job in provider.list_jobs(created_after=since)
            if job.metadata.get(PROJECT) == world.ledger.project_id
        ]
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
        case Adopt(job, surplus):
            # Before the claim is settled, so that a death in between forgets none of them.
            for other in surplus:
                if not other.status.ended:
                    provider.cancel_job(other.id)
                    done.notes.add(f"cancelled job {other.id}: a second job for the same shard as {job.id}")
            world.checkpoint("resolve:before-adopt")
            world.ledger.mark_created(claim.id, job)
            done.adopted[claim.spec, claim.model] += claim.requests
            done.notes.add(f"adopted job {job.id} ({claim.requests:,} requests of {claim.spec}, {claim.model})")
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
    if known and all(provider.get_job(job_id) is None for job_id in known):
        raise AccessError(
            f"this key's workspace does not know job {known[0]}, which this state has recorded",
            why="a key of another workspace sees none of this project's jobs; sending again would pay twice",
            hint="set MISTRAL_API_KEY to a key of the workspace that the jobs were made in, or name another --state",
        )


def look(world: World, provider: Provider, done: Refresh) -> None:
    """Ask for the jobs in flight, and collect those that have ended."""
    claims = world.ledger.claims_in_flight()
    done.in_flight = len(claims)
    for claim, job in _observed(claims, provider):
        world.stop()
        if job is None:
            # Just after its creation a job can be unknown for up to a minute; a deleted one is for good.
            done.notes.add(f"the provider does not know job {claim.job_id} of {claim.spec} (yet, or any more)")
            continue
        world.ledger.save_job(job)
        if job.status.ended:
            if collect(claim, job, world=world, provider=provider, notes=done.notes):
                done.collected += 1
                done.in_flight -= 1
            world.progress.finish()


def _observed(claims: Sequence[Claim], provider: Provider) -> list[tuple[Claim, BatchJob | None]]:
    """Return each claim's job as it is now: one list call for many, a call each for few or for the missing."""
    listed: dict[str, BatchJob] = {}
    if len(claims) > _ASKED_ONE_BY_ONE:
        since = min(claim.claimed_at for claim in claims) - LOOK_BACK_SECONDS
        listed = {job.id: job for job in provider.list_jobs(created_after=since)}
    return [
        (claim, listed.get(claim.job_id) or provider.get_job(claim.job_id))
        for claim in claims
        if claim.job_id is not None
    ]
