"""`state forget`: takes a job or a request out of the ledger, so that the next apply sends it, and pays, again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batchspec.commands.inspect import show
from batchspec.core.errors import InvalidInputError
from batchspec.core.forgetting import Forgetting
from batchspec.core.inspection import ClaimStory, Inspector, RequestEntry
from batchspec.core.ledger import Phase, RequestStatus
from batchspec.core.ports import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgettable:
    """What is about to be forgotten: a job's claim or a request, and how many requests that makes.

    `in_flight` is whether the job may still run and be paid for.
    """

    requests: int
    claim: ClaimStory | None = None
    request: RequestEntry | None = None
    in_flight: bool = False


def forget(
    name: str,
    *,
    results: bool,
    inspector: Inspector,
    forgetting: Forgetting,
    now: float,
    approve: Callable[[Forgettable], None],
) -> Forgettable:
    """Forget a job or a request. `approve` is shown it first, and raises NotApprovedError to decline.

    Raises InvalidInputError for what is not known, what is not forgotten so, and what has nothing to forget.
    """
    shown = show(name, None, inspector)
    if shown.claims:
        story = shown.claims[0].story
        if len(shown.claims) > 1 or story.claim.job_id != name:
            raise InvalidInputError(
                f"`{name}` is a shard and no job",
                why="a claim without a job settles itself: the next apply looks for its job, and releases it else",
                hint="give the whole id of a job, or of a request; `batchspec state list` shows the jobs",
            )
        return _forget_job(story, results, forgetting, now, approve)
    return _forget_request(shown.requests[0].entry, results, forgetting, approve)


def forget_gone(
    *,
    inspector: Inspector,
    forgetting: Forgetting,
    provider: Provider,
    now: float,
    approve: Callable[[Sequence[str]], None],
) -> tuple[str, ...]:
    """Mark the jobs that the provider no longer knows as deleted there; return their ids.

    A state all of whose jobs are gone cannot tell their deletion from a key of another workspace: only a person can.
    What was not taken in of them is lost at the next refresh. `approve` is shown the ids, and raises NotApprovedError
    to decline.
    """
    kept = [story for story in inspector.claims() if story.claim.job_id and story.deleted_at is None]
    listed = {job.id for job in provider.list_jobs()}
    ids = [str(story.claim.job_id) for story in kept if story.claim.phase in {Phase.CREATED, Phase.COLLECTED}]
    gone = tuple(job for job in ids if job not in listed and provider.get_job(job) is None)
    if gone:
        approve(gone)
        forgetting.mark_gone(gone, now)
    return gone


def _forget_job(
    story: ClaimStory, results: bool, forgetting: Forgetting, now: float, approve: Callable[[Forgettable], None]
) -> Forgettable:
    claim = story.claim
    if claim.phase is Phase.RELEASED:
        raise InvalidInputError(
            f"job {claim.job_id} is forgotten already",
            hint="`batchspec apply` sends its requests again, as far as specs want them",
        )
    count = forgetting.count_job(claim.id, results=results)
    ended = story.job is not None and story.job.status.ended
    found = Forgettable(requests=count, claim=story, in_flight=claim.phase is Phase.CREATED and not ended)
    approve(found)
    forgetting.forget_job(claim.id, results=results, now=now)
    return found


def _forget_request(
    entry: RequestEntry, results: bool, forgetting: Forgetting, approve: Callable[[Forgettable], None]
) -> Forgettable:
    digest = entry.digest.hex()
    if entry.status == RequestStatus.CLAIMED:
        raise InvalidInputError(
            f"request {digest} is in flight",
            why="it would be paid for twice",
            hint=f"`batchspec state show {digest}` names its job: cancel or wait for it, or forget the job",
        )
    if entry.status == RequestStatus.SUCCEEDED and not results:
        raise InvalidInputError(
            f"request {digest} has succeeded", hint="give --results to throw its answer away and pay for another"
        )
    found = Forgettable(requests=1, request=entry)
    approve(found)
    forgetting.forget_request(entry.digest, results=results)
    return found
