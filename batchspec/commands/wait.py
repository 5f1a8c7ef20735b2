"""`wait`: until nothing of these specs is in flight, collecting as jobs end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from batchspec.commands.refresh import Refresh, adopt, look, resolve_open
from batchspec.commands.world import World
from batchspec.core.ledger import Claim
from batchspec.core.ports import Provider

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
_GROWTH = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """How a wait ended; `in_flight` jobs were still running when it ran out, or `early`, when some had come."""

    in_flight: int
    collected: int
    early: bool = False

    @property
    def ran_out(self) -> bool:
        """Whether something was still in flight when there was no more time."""
        return self.in_flight > 0 and not self.early


def wait_for(
    names: Sequence[str],
    *,
    world: World,
    provider: Provider,
    timeout: float | None,
    done: Refresh,
    early: Collection[str] = (),
) -> Waited:
    """Poll until no job of these specs is in flight, or `timeout` seconds have passed (None: as long as it takes).

    It ends as soon as a job of one of the specs `early` was collected, since others go on from its answers.
    """
    started = world.clock.now()
    resolve_open(world, provider, done, settle=True)
    adopt(world, provider, done)
    pause = _FIRST_PAUSE
    before = done.collected
    shown = -1
    awaited = len(_in_flight(world, early))
    while True:
        resolve_open(world, provider, done, settle=True)
        look(world, provider, done)
        claims = _in_flight(world, names)
        has_come = len(_in_flight(world, early)) < awaited
        if not claims or has_come:
            break
        completed = _completed(world, names)
        if completed != shown:
            shown, pause = completed, _FIRST_PAUSE
        left = None if timeout is None else started + timeout - world.clock.now()
        if left is not None and left <= 0:
            break
        _show(claims, completed, world)
        world.clock.sleep(pause if left is None else min(pause, left))
        world.stop()
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    world.progress.finish()
    return Waited(in_flight=len(claims), collected=done.collected - before, early=has_come)


def _in_flight(world: World, names: Collection[str]) -> list[Claim]:
    wanted = frozenset(names)
    return [claim for claim in world.ledger.claims_in_flight() if claim.spec in wanted]


def _completed(world: World, names: Sequence[str]) -> int:
    return sum(each.job.completed_requests for each in world.ledger.jobs_of(names) if not each.collected)


def _show(claims: Sequence[Claim], completed: int, world: World) -> None:
    total = sum(claim.requests for claim in claims)
    world.progress.start("waiting", total=total, unit="requests", done=completed)
    world.progress.note(f"{len(claims)} job{'' if len(claims) == 1 else 's'}")
