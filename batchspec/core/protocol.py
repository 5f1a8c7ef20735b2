"""The submission protocol's decisions, as functions of what is recorded and what is observed.

No call is made here and no clock is read; `commands.refresh` and `commands.submit` carry the decisions out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from batchspec.core.ledger import Claim, Phase
from batchspec.core.model import AGENT_PREFIX, BatchJob, JobRequest, Target

PROJECT, SHARD, TRY, SPEC, COUNT = "bspec_project", "bspec_shard", "bspec_try", "bspec_spec", "bspec_n"
"""The metadata by which a job is known again. Users' own keys may not begin with `bspec_`."""

REVISION, REPLICATE, VARIANT, AGAIN = "bspec_revision", "bspec_replicate", "bspec_variant", "bspec_again"
"""Further metadata, of jobs for which they are not 0, 0, empty and false.

A job that asks again for what was answered already says so, since its answers are to replace the earlier ones whoever
takes them in, and in whatever state.
"""

DEFAULT_SETTLE_SECONDS = 180.0
"""How long after `sending` a job may still appear: late effects of a lost call, plus the list's lag."""

LOOK_BACK_SECONDS = 600.0
"""How much earlier than the claim jobs are looked for, since two machines' clocks differ."""


class Payload(NamedTuple):
    """A job's requests: the ids of uploaded `files`, or the JSON of each of the `requests` themselves."""

    files: tuple[str, ...] = ()
    requests: tuple[bytes, ...] = ()


def job_request(
    claim: Claim, project_id: str, payload: Payload, metadata: Mapping[str, str], timeout_hours: int
) -> JobRequest:
    """Return what creates the job of a claim, recognisable ever after."""
    agent = claim.model.removeprefix(AGENT_PREFIX) if claim.model.startswith(AGENT_PREFIX) else None
    marks = {
        PROJECT: project_id,
        SHARD: claim.shard,
        TRY: str(claim.attempt),
        SPEC: claim.spec,
        COUNT: str(claim.requests),
    }
    marks |= {
        key: str(value)
        for key, value in (
            (REVISION, claim.revision),
            (REPLICATE, claim.replicate),
            (VARIANT, claim.variant),
            (AGAIN, int(claim.again)),
        )
        if value
    }
    return JobRequest(
        endpoint=claim.endpoint,
        model=claim.model if agent is None else None,
        agent_id=agent,
        input_files=payload.files,
        requests=payload.requests,
        metadata=dict(metadata) | marks,
        timeout_hours=timeout_hours,
    )


def target_of(job: BatchJob) -> Target | None:
    """Return what a job's requests go to, by its model or agent and its metadata; None where it names neither."""
    model = job.model or (AGENT_PREFIX + job.agent_id if job.agent_id else None)
    if model is None:
        return None
    return Target(model, _number(job.metadata.get(REVISION)), _number(job.metadata.get(REPLICATE)))


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def belongs_to(job: BatchJob, project_id: str, claim: Claim) -> bool:
    """Tell whether a job is this claim's: compared here, since no filter of the server is trusted."""
    marks = job.metadata
    ours = claim.project or project_id
    return marks.get(PROJECT) == ours and marks.get(SHARD) == claim.shard and marks.get(TRY) == str(claim.attempt)


def age(job: BatchJob) -> tuple[int, str]:
    """Return what orders jobs, the oldest first: of two that do the same, the older is kept.

    Every machine sees the same times and ids, so that all of them keep the same one.
    """
    return (job.created_at, job.id)


def yielding(job: BatchJob, live: Iterable[tuple[Claim, BatchJob]]) -> tuple[int, ...]:
    """Return the claims in flight that give up to an unknown job what is also in it: those of younger jobs."""
    return tuple(claim.id for claim, other in live if not other.status.ended and age(job) < age(other))


def may_send(since: float, now: float, settle: float) -> bool:
    """Tell whether what was done at a time, the intent to send or the last look around, is fresh enough for the POST.

    Others give a submission up when the settle time has passed since its intent. A process that was suspended in
    between must not send then; half the settle time is left for the POST to take effect and to be listed.
    """
    return 0 <= now - since <= settle / 2


def counts_as_gone(created_at: float, now: float, settle: float) -> bool:
    """Tell whether what the provider says it does not know is gone: just after its creation it may be unknown yet."""
    return now - created_at > settle


@dataclass(frozen=True, slots=True)
class Adopt:
    """The job exists: record it. Any further one of the same shard and try is found by the sweep."""

    job: BatchJob


@dataclass(frozen=True, slots=True)
class Release:
    """No job exists or will: give the requests back."""

    reason: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """A job may still appear until this time (Unix seconds)."""

    time: float


Resolution = Adopt | Release | WaitUntil


def resolve(claim: Claim, observed: Iterable[BatchJob], project_id: str, now: float, settle: float) -> Resolution:
    """Decide what became of a claim that has no job on record, from every job observed since it was made.

    A claim that never reached `sending` was provably not sent. One that did is looked for until the settle time has
    passed since; after that a job of it would have been seen.
    """
    found = [job for job in observed if belongs_to(job, project_id, claim)]
    if found:
        return Adopt(min(found, key=age))
    if claim.phase is not Phase.SENDING or claim.sending_at is None:
        return Release("it was never sent")
    settled = claim.sending_at + settle
    if now < settled:
        return WaitUntil(settled)
    return Release(f"no job of it appeared within {settle:g} s")
