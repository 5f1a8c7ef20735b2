"""`plan`: what is desired less what is satisfied, each with its reason; spooled on the way when it is to be sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from batchspec.commands.desired import Stop, desired_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.settled_chunks import SettledChunks
from batchspec.commands.spec_planner import Adopted, PlannedSpec, SpecPlanner
from batchspec.commands.unchanged import Unchanged
from batchspec.core.ledger import Ledger
from batchspec.core.metering import Costing
from batchspec.core.planning import Plan
from batchspec.core.ports import Progress, Scratch, SpoolWriter
from batchspec.core.saved_plan import PlanBook
from batchspec.core.sharding import CountingWriter


def make_plan(
    specs: Sequence[LoadedSpec],
    *,
    ledger: Ledger,
    scratch: Scratch,
    progress: Progress,
    stop: Stop,
    begin: Callable[[], SpoolWriter] = CountingWriter,
    adopted: Adopted | None = None,
    refreshed: bool = False,
    costing: Costing | None = None,
    book: PlanBook | None = None,
    remember: bool = False,
) -> tuple[Plan, tuple[PlannedSpec, ...]]:
    """Plan every spec in one pass over its rows; `begin` starts a file for what is to be sent.

    With `costing` the plan also tells what sending comes to. A `book` takes note of each request that is to be sent.
    With `remember` the ledger keeps what is found of answers, and what comes of specs that have nothing to send.

    Raises InvalidInputError, with every finding, when a row of any spec cannot be rendered.
    """
    findings = Findings()
    progress.start("rendering")
    planned = []
    unchanged = Unchanged(ledger, stop, remember=remember)
    for loaded in specs:
        # What was adopted just now is told with the counts, and is known of no earlier plan.
        known = None if adopted else unchanged.recall(loaded)
        if known is not None:
            planned.append(PlannedSpec(plan=known.plan(loaded.spec), rows_digest=known.rows_digest))
            continue
        settled = SettledChunks({} if adopted else unchanged.settled_chunks(loaded))
        planner = SpecPlanner(
            loaded, ledger, scratch, begin, adopted or {}, costing, book, settled=settled, remember=remember
        )
        with unchanged.watching(loaded, findings):
            for chunk in desired_chunks(loaded, ledger, scratch, findings, progress, stop, with_values=False):
                if not findings.errors:
                    planner.add(chunk)
        made = planner.finish()
        planned.append(replace(made, foreseen=unchanged.foresee(loaded, made, settled.once_answered())))
        unchanged.note_settled(loaded, settled.found)
    progress.finish()
    findings.raise_if_errors()
    shards = tuple(shard for each in planned for shard in each.shards)
    plan = Plan(specs=tuple(each.plan for each in planned), shards=shards, refreshed=refreshed)
    unchanged.keep(specs, plan.specs, {each.plan.name: each.rows_digest for each in planned if not each.redeclare})
    return plan, tuple(planned)
