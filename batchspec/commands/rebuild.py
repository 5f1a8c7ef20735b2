"""`state rebuild`: makes the ledger again from the provider, and takes from the old one only what is gone there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from batchspec.commands.refresh import refresh
from batchspec.commands.world import Notes, World
from batchspec.core.errors import AccessError, UnresolvedError
from batchspec.core.ledger import Ledger
from batchspec.core.ports import Provider
from batchspec.core.rebuilding import Carried

_PROBED_JOBS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A rebuilt ledger: its jobs, those of them in flight, and what came from the old one (None: nothing could)."""

    jobs: int
    in_flight: int
    carried: Carried | None
    notes: Notes


def probe(old: Ledger, provider: Provider) -> None:
    """Raise AccessError where the provider knows none of the jobs that the old state has recorded last."""
    known = old.known_job_ids(_PROBED_JOBS)
    if known and all(provider.get_job(job_id) is None for job_id in known):
        raise AccessError(
            f"this key's workspace does not know job {known[0]}, which the state has recorded",
            why="a state rebuilt from another workspace would send everything again",
            hint="set MISTRAL_API_KEY to a key of the workspace that the jobs were made in; if they were deleted there,"
            f" `batchspec state forget {known[0]}` says so",
        )


def rebuild(
    world: World,
    provider: Provider,
    *,
    in_flight: Collection[str],
    carry: Callable[[Collection[str]], Carried | None],
    approve: Callable[[Carried], None],
) -> Rebuilt:
    """Fill the new ledger of `world`: adopt and collect every job of the project, then carry over from the old one.

    `in_flight` are the jobs that the old state had in flight; `carry` is given those whose requests cannot be known
    yet. `approve` is shown what came of it, and raises to decline. Raises UnresolvedError where a job's requests are
    known nowhere.
    """
    done = refresh(world, provider)
    lost = sorted(set(done.unknowable) - set(in_flight))
    if lost:
        raise UnresolvedError(
            f"job {lost[0]} of this project still runs, and its requests are known nowhere",
            why="the requests of an inline job are known again by its answers alone",
            hint=f"run again when job {lost[0]} has ended; the old state is in its place",
        )
    world.checkpoint("rebuild:before-carry")
    carried = carry(done.unknowable)
    world.checkpoint("rebuild:after-carry")
    if carried is not None:
        approve(carried)
    ledger = world.ledger
    return Rebuilt(
        jobs=len(ledger.jobs_of()), in_flight=len(ledger.claims_in_flight()), carried=carried, notes=done.notes
    )
