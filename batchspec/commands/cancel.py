"""`cancel`: asks the provider to stop what is in flight; what was finished by then is still collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from batchspec.commands.refresh import Refresh, look, resolve_open
from batchspec.commands.world import World
from batchspec.core.ledger import Claim
from batchspec.core.ports import Provider


@dataclass(slots=True, kw_only=True)
class Cancelled:
    """The jobs that were asked to stop, with the status that each answered; `requests` were in them."""

    jobs: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    done: Refresh


def cancel(
    names: Sequence[str], *, world: World, provider: Provider, approve: Callable[[Sequence[Claim]], None]
) -> Cancelled:
    """Cancel the jobs of these specs. `approve` is shown them and raises NotApprovedError to decline.

    Jobs that have ended meanwhile are collected instead. The rows of a cancelled job that did not run become held.
    """
    cancelled = Cancelled(done=Refresh())
    resolve_open(world, provider, cancelled.done, settle=False)
    look(world, provider, cancelled.done)
    wanted = frozenset(names)
    claims = [claim for claim in world.ledger.claims_in_flight() if claim.spec in wanted]
    if claims:
        approve(claims)
    for claim in claims:
        world.stop()
        assert claim.job_id is not None, "a claim in flight has a job"
        world.checkpoint("cancel:before")
        job = provider.cancel_job(claim.job_id)
        world.ledger.save_job(job)
        world.checkpoint("cancel:after")
        cancelled.jobs[job.id] = job.status_text
        cancelled.requests += claim.requests
    look(world, provider, cancelled.done)
    return cancelled
