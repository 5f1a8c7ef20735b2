"""`status`: where every request and every job of these specs stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.plan import make_plan
from batchspec.commands.refresh import Refresh, refresh
from batchspec.commands.results import Output, export
from batchspec.commands.usage_memo import usage_of
from batchspec.commands.world import World
from batchspec.core.ledger import RecordedJob
from batchspec.core.planning import Action, Plan
from batchspec.core.saved_plan import PlanBook
from batchspec.core.spending import Spent, spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where these specs stand. `plan` holds the counts; `outputs` are the files written since jobs were collected.

    `spent` is what the recorded answers have used and cost; None where no prices were at hand. `rows_digests` tell, by
    spec, of which rows the plan was made.
    """

    plan: Plan
    jobs: tuple[RecordedJob, ...]
    notes: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    spent: tuple[Spent, ...] | None = None
    rows_digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether every declared request has its end: nothing to send, nothing in flight, nothing left undone."""
        under_way = self.plan.total(Action.IN_FLIGHT) + self.plan.total(Action.UNRESOLVED) + self.plan.waiting
        return not (self.plan.sends or self.plan.left or under_way)


def status(specs: Sequence[LoadedSpec], *, world: World, book: PlanBook | None = None) -> Status:
    """Refresh where there is a provider to ask, then count. Writes the results of what was collected.

    A `book` takes note of each request that is to be sent.
    """
    done = Refresh() if world.provider is None else refresh(world, world.provider)
    outputs = export(specs, world) if done.collected else []
    return count(specs, world, done, outputs, book)


def count(
    specs: Sequence[LoadedSpec],
    world: World,
    done: Refresh,
    outputs: Sequence[Output] = (),
    book: PlanBook | None = None,
) -> Status:
    """Return where the specs stand by what is recorded."""
    with world.new_scratch() as scratch:
        plan, planned = make_plan(
            specs,
            ledger=world.ledger,
            scratch=scratch,
            progress=world.progress,
            stop=world.stop,
            adopted=done.adopted,
            refreshed=world.provider is not None,
            costing=world.costing,
            book=book,
            remember=world.locked,
        )
    jobs = world.ledger.jobs_of([each.spec.name for each in specs])
    return Status(
        plan=plan,
        jobs=tuple(jobs),
        notes=tuple(done.notes.lines),
        outputs=tuple(outputs),
        spent=spent_on(specs, world),
        rows_digests={each.plan.name: each.rows_digest for each in planned},
    )


def spent_on(specs: Sequence[LoadedSpec], world: World) -> tuple[Spent, ...] | None:
    """Return what the recorded answers to these specs have used and cost; None where no prices are at hand."""
    if world.prices is None:
        return None
    whole = world.prices.by_answer(model for each in specs for model in each.spec.models)
    return spending(usage_of(specs, whole, world), world.prices)
