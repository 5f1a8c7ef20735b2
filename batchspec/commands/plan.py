"""`plan`: what is desired less what is satisfied, each with its reason; spooled on the way when it is to be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from batchspec.commands.desired import DesiredChunk, RowsDigest, Stop, desired_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loading import LoadedSpec
from batchspec.core.canonical import RequestIdentity
from batchspec.core.ledger import Ledger, RequestStatus
from batchspec.core.lines import request_line
from batchspec.core.metering import Costing
from batchspec.core.model import RequestDigest
from batchspec.core.planning import Action, PendingShard, Plan, SpecPlan, VariantPlan, decide, reason
from batchspec.core.ports import Progress, Scratch, SpoolWriter
from batchspec.core.rendering import RenderedRow
from batchspec.core.sharding import CountingWriter, CutShard, ShardCutter, goes_inline, inline_limits
from batchspec.core.spec import Submit

Adopted = Mapping[tuple[str, str], int]
"""How many requests of each (spec, model) this command has adopted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSpec:
    """A plan of one spec, with what applying it needs: its shards, whether what it declares has changed, its rows."""

    plan: SpecPlan
    shards: tuple[PendingShard, ...]
    redeclare: bool
    rows_digest: str


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
) -> tuple[Plan, tuple[PlannedSpec, ...]]:
    """Plan every spec in one pass over its rows; `begin` starts a file for what is to be sent.

    With `costing` the plan also tells what sending comes to.

    Raises InvalidInputError, with every finding, when a row of any spec cannot be rendered.
    """
    findings = Findings()
    progress.start("rendering")
    planned = []
    for loaded in specs:
        planner = _SpecPlanner(loaded, ledger, scratch, findings, begin, adopted or {}, costing)
        for chunk in desired_chunks(loaded, scratch, findings, progress, stop):
            if not findings.errors:
                planner.add(chunk)
        planned.append(planner.finish())
    progress.finish()
    findings.raise_if_errors()
    shards = tuple(shard for each in planned for shard in each.shards)
    return Plan(specs=tuple(each.plan for each in planned), shards=shards, refreshed=refreshed), tuple(planned)


@dataclass(slots=True)
class _Needs:
    """What a chunk's rows are to be sent to, and why."""

    models: dict[int, set[str]] = field(default_factory=dict)
    actions: dict[tuple[int, str], Action] = field(default_factory=dict)
    asked: set[tuple[int, str]] = field(default_factory=set)


class _SpecPlanner:
    def __init__(
        self,
        loaded: LoadedSpec,
        ledger: Ledger,
        scratch: Scratch,
        findings: Findings,
        begin: Callable[[], SpoolWriter],
        adopted: Adopted,
        costing: Costing | None,
    ) -> None:
        spec = loaded.spec
        self._spec = spec
        self._ledger = ledger
        self._scratch = scratch
        self._findings = findings
        # Ids that follow from the bodies repeat with them: then a row that repeats declares nothing of its own.
        self._names_ids = loaded.renderer.names_its_ids
        self._identities = {model: RequestIdentity(spec.endpoint, model) for model in spec.models}
        self._variants = {
            model: VariantPlan(model=model, adopted=adopted.get((spec.name, model), 0)) for model in spec.models
        }
        self._declared_before = ledger.declared_count(spec.name)
        self._models_before = ledger.declared_models(spec.name)
        self._still_declared = 0
        self._changed = self._models_before != frozenset(spec.models)
        self._rows = 0
        self._rows_digest = RowsDigest()
        self._shards: list[PendingShard] = []
        body = spec.body if isinstance(spec.body, dict) else {}
        self._costing = costing
        self._meter = None if costing is None else costing.meter(spec.endpoint, body)
        inline = spec.submit is Submit.INLINE
        limits = inline_limits(spec.limits) if inline else spec.limits
        self._cutter = ShardCutter(spec.models, limits, begin, one_part=inline)

    def add(self, chunk: DesiredChunk) -> None:
        """Decide about a chunk's requests, and put the lines that are to be sent into their shards."""
        self._rows += len(chunk.rows)
        self._rows_digest.add(chunk.rows)
        fresh = [row for index, row in enumerate(chunk.rows) if index not in chunk.repeated]
        needs = _Needs()
        for model, variant in self._variants.items():
            variant.rows += len(chunk.rows)
            variant.duplicates += len(chunk.repeated)
            variant.requests += len(fresh)
            self._decide(model, fresh, needs)
        self._compare(chunk.rows if self._names_ids else fresh, fresh, needs)
        for index in sorted(needs.models):
            row = fresh[index]
            models = frozenset(needs.models[index])
            if self._meter is not None:
                self._meter.add(row.digest, row.body, models)
            line = request_line(row.custom_id, row.body)
            for cut in self._cutter.add(line, models):
                self._keep(cut)

    def _decide(self, model: str, rows: Sequence[RenderedRow], needs: _Needs) -> None:
        digest = self._identities[model].digest
        digests = [digest(row.digest) for row in rows]
        recorded = self._ledger.recorded(digests)
        actions = [decide(recorded.get(digest), self._spec.max_attempts) for digest in digests]
        free = self._scratch.reserve(_to_send(digests, actions))
        variant = self._variants[model]
        for index, action in enumerate(actions):
            if action.sends and digests[index] not in free:
                # Another spec of this run sends the very same request.
                action = Action.IN_FLIGHT  # noqa: PLW2901
            variant.actions[action] += 1
            if action.sends:
                needs.models.setdefault(index, set()).add(model)
                needs.actions[index, model] = action
                known = recorded.get(digests[index])
                if known is not None and known.status is RequestStatus.ASKED:
                    needs.asked.add((index, model))

    def _compare(self, rows: Sequence[RenderedRow], fresh: Sequence[RenderedRow], needs: _Needs) -> None:
        """Compare with what the spec declared when it was last applied, to say why a request is sent."""
        declared = (
            self._ledger.declared(self._spec.name, [row.custom_id for row in rows]) if self._declared_before else {}
        )
        self._still_declared += len(declared)
        if not self._changed:
            self._changed = any(declared.get(row.custom_id) != row.digest for row in rows)
        for (index, model), action in needs.actions.items():
            before = declared.get(fresh[index].custom_id)
            why = reason(
                action,
                asked=(index, model) in needs.asked,
                was_declared=before is not None,
                body_changed=before != fresh[index].digest,
                new_spec=not self._declared_before,
                new_model=model not in self._models_before,
            )
            self._variants[model].reasons[why] += 1

    def _keep(self, cut: CutShard) -> None:
        spec = self._spec
        inline = goes_inline(spec.submit, cut)
        for model in cut.models:
            self._variants[model].jobs += 1
            self._variants[model].bytes += cut.size
            self._shards.append(
                PendingShard(spec=spec.name, endpoint=spec.endpoint, model=model, parts=cut.parts, inline=inline)
            )

    def finish(self) -> PlannedSpec:
        """Close the open shards and return the whole."""
        for cut in self._cutter.finish():
            self._keep(cut)
        removed = self._declared_before - self._still_declared
        for variant in self._variants.values():
            variant.removed = removed
        self._estimate()
        plan = SpecPlan(
            name=self._spec.name,
            path=self._spec.path,
            endpoint=self._spec.endpoint,
            variants=tuple(self._variants.values()),
            emptied=self._declared_before > 0 and self._rows == 0,
        )
        return PlannedSpec(
            plan=plan,
            shards=tuple(self._shards),
            redeclare=self._changed or removed > 0,
            rows_digest=self._rows_digest.told(),
        )

    def _estimate(self) -> None:
        """Say what sending comes to; the past is asked about only where something is sent."""
        sending = [variant for variant in self._variants.values() if variant.sends]
        if self._costing is None or self._meter is None or not sending:
            return
        whole = self._costing.prices.by_answer(variant.model for variant in sending)
        usage = self._ledger.usage([self._spec.name], whole)
        past = {each.model: each.used for each in usage}
        for variant in sending:
            variant.estimate = self._meter.finish(variant.model, variant.sends, past.get(variant.model))


def _to_send(digests: Sequence[RequestDigest], actions: Sequence[Action]) -> list[RequestDigest]:
    return [digest for digest, action in zip(digests, actions, strict=True) if action.sends]
