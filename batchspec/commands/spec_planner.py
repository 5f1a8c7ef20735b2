"""Plans one spec: decides about each request, says why, and puts what is to be sent into shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchspec.commands.desired import DesiredChunk, RowsDigest
from batchspec.commands.judging import Judged
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.settled_chunks import SettledChunks
from batchspec.core.canonical import RequestIdentity
from batchspec.core.forms import Form
from batchspec.core.ledger import Ledger, Recorded, RequestStatus
from batchspec.core.lines import request_line
from batchspec.core.matrix import variant_mark
from batchspec.core.metering import Costing, Meter, Sends
from batchspec.core.model import BodyDigest, RequestDigest, Target
from batchspec.core.planning import Action, Before, PendingShard, SpecPlan, VariantPlan, reason
from batchspec.core.ports import Scratch, SpoolWriter
from batchspec.core.rendering import RenderedRow
from batchspec.core.saved_plan import Batch, PlanBook, variant_key
from batchspec.core.sharding import CutShard, ShardCutter, goes_inline, inline_limits
from batchspec.core.shares import asked_by
from batchspec.core.spec import Spec, Submit

Adopted = Mapping[tuple[str, str, str], int]
"""How many requests of each (spec, model, variant) this command has adopted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSpec:
    """A plan of one spec, with what applying it needs: its shards, whether what it declares has changed, its rows.

    `again` are the requests to be sent whose answers do not fit.
    """

    plan: SpecPlan
    rows_digest: str
    shards: tuple[PendingShard, ...] = ()
    redeclare: bool = False
    again: Sequence[RequestDigest] = ()


def declared_before(spec: Spec, ledger: Ledger) -> Before:
    """Return what a spec declared when it was last applied, for the reasons of a plan."""
    forms = frozenset(ledger.declared_counts(spec.name))
    targets = ledger.declared_targets(spec.name)
    left = frozenset(target.model for target in targets).difference(spec.models)
    return Before(anything=bool(forms), targets=targets, forms=forms, pins=spec.pins, left=left)


class _Way(NamedTuple):
    """One way of a body: to a target, with the digest that it makes, counted in a variant."""

    target: Target
    digest: Callable[[BodyDigest], RequestDigest]
    variant: VariantPlan


class _Request(NamedTuple):
    """A request that is to be sent: its row's place in the chunk, the way it goes, and why."""

    place: int
    way: _Way
    action: Action
    digest: RequestDigest
    known: Recorded | None
    invalid: bool

    @property
    def asked(self) -> bool:
        """Whether a user has asked to send it again."""
        return self.known is not None and self.known.status is RequestStatus.ASKED

    @property
    def tries(self) -> int:
        """How often it was sent before."""
        return 0 if self.known is None else self.known.attempts


class _Decided(NamedTuple):
    """What is to be sent of some requests; `settled` where an earlier run has left nothing to do about any of them."""

    sending: Sequence[_Request]
    settled: bool


class SpecPlanner:
    """Plans one spec, chunk by chunk."""

    def __init__(
        self,
        loaded: LoadedSpec,
        ledger: Ledger,
        scratch: Scratch,
        begin: Callable[[], SpoolWriter],
        adopted: Adopted,
        costing: Costing | None,
        book: PlanBook | None,
        *,
        settled: SettledChunks,
        remember: bool,
    ) -> None:
        spec = loaded.spec
        self._spec = spec
        self._forms = loaded.renderer.forms
        self._ledger = ledger
        self._scratch = scratch
        self._begin = begin
        # Ids that follow from the bodies repeat with them: then a row that repeats declares nothing of its own.
        self._names_ids = loaded.renderer.names_its_ids
        self._variants: dict[tuple[str, str], VariantPlan] = {}
        self._ways: dict[Form, tuple[_Way, ...]] = {form: self._ways_of(form, adopted) for form in self._forms}
        self._declared_before = ledger.declared_counts(spec.name)
        self._before = declared_before(spec, ledger)
        self._still_declared: Counter[str] = Counter()
        self._changed = self._before.targets != frozenset(spec.targets)
        self._rows = self._waiting = self._blocked = self._to_come = 0
        self._rows_digest = RowsDigest()
        self._shards: list[PendingShard] = []
        self._costing = costing
        self._book = book
        self._goes_on = loaded.upstream is not None
        self._meters: dict[str, Meter] = {}
        self._judged = Judged(loaded, ledger, remember=remember)
        self._settled = settled
        self._again: list[RequestDigest] = []
        self._groups: dict[tuple[Target, ...], tuple[Sends, frozenset[Target]]] = {}
        self._cutters: dict[Form, ShardCutter[Target]] = {}

    def _ways_of(self, form: Form, adopted: Adopted) -> tuple[_Way, ...]:
        spec, label = self._spec, form.combination.label
        ways = []
        for target in form.targets:
            variant = self._variants.get((label, target.model))
            if variant is None:
                variant = VariantPlan(
                    model=target.model,
                    asked=spec.pins.get(target.model),
                    matrix=form.combination.shown,
                    replicates=spec.replicates,
                    adopted=adopted.get((spec.name, target.model, variant_mark(label)), 0),
                )
                self._variants[label, target.model] = variant
            ways.append(_Way(target, RequestIdentity.of(spec.endpoint, target).digest, variant))
        return tuple(ways)

    def add(self, chunk: DesiredChunk) -> None:
        """Decide about a chunk's requests, and put the lines that are to be sent into their shards."""
        self._rows_digest.add(chunk.told())
        for absence in chunk.absences:
            self._waiting += absence.rows if absence.waits else 0
            self._blocked += 0 if absence.waits else absence.rows
        self._count(chunk)
        # What repeats, or is missing, depends on other chunks.
        alone = not chunk.repeated and not chunk.absences
        variants = [*self._variants.values()]
        asked = asked_by(chunk.rows)
        if alone and self._settled.recalled(asked, variants):
            self._still_declared.update([row.form.key for row in chunk.rows])
            return
        before = [variant.actions.copy() for variant in variants]
        fresh = chunk.rows if alone else [row for index, row in enumerate(chunk.rows) if index not in chunk.repeated]
        requests = self._decide(fresh)
        changed = self._compare(chunk.rows if self._names_ids else fresh, fresh, requests.sending)
        self._send(fresh, requests.sending)
        if alone and requests.settled and not changed:
            self._settled.settled(asked, before, variants)

    def _count(self, chunk: DesiredChunk) -> None:
        self._rows += len(chunk.rows)
        repeated = Counter([chunk.rows[index].form for index in chunk.repeated])
        for form, count in Counter([row.form for row in chunk.rows]).items():
            for way in self._ways[form]:
                way.variant.duplicates += repeated[form]
                way.variant.requests += count - repeated[form]
            for model in self._spec.models if form.first else ():
                self._variants[form.combination.label, model].rows += count

    def _decide(self, rows: Sequence[RenderedRow]) -> _Decided:
        """Count what is to be done about every request of some rows, and return those that are to be sent."""
        ways_of = self._ways
        ways = [(index, way) for index, row in enumerate(rows) for way in ways_of[row.form]]
        digests = [way.digest(rows[index].digest) for index, way in ways]
        actions, recorded, wrong = self._judged.decide(digests)
        settled = not any(action.sends for action in set(actions))
        if settled and len(self._variants) == 1:
            # Most chunks of most plans send nothing.
            next(iter(self._variants.values())).actions.update(actions)
            return _Decided([], settled)
        left = self._left(digests, actions)
        free = self._scratch.reserve([digest for digest in _to_send(digests, actions) if digest not in left])
        sending = []
        for (index, way), digest, action in zip(ways, digests, actions, strict=True):
            if not action.sends:
                way.variant.actions[action] += 1
            elif digest in left:
                way.variant.left += 1
            elif digest not in free:
                # Another spec of this run sends the very same request.
                way.variant.actions[Action.IN_FLIGHT] += 1
            else:
                way.variant.actions[action] += 1
                sending.append(_Request(index, way, action, digest, recorded.get(digest), digest in wrong))
                if digest in wrong:
                    self._again.append(digest)
        return _Decided(sending, settled)

    def _left(self, digests: Sequence[RequestDigest], actions: Sequence[Action]) -> Collection[RequestDigest]:
        """Return what is to be sent, but not by the saved plan that is applied: what has come up since it was made."""
        if self._book is None:
            return ()
        come_up = (Action.RETRY, Action.SUBMIT) if self._goes_on else (Action.RETRY,)
        pairs = zip(digests, actions, strict=True)
        return self._book.left([digest for digest, action in pairs if action in come_up])

    def _compare(self, rows: Sequence[RenderedRow], fresh: Sequence[RenderedRow], sending: Sequence[_Request]) -> bool:
        """Compare with what the spec declared when it was last applied, to say why a request is sent.

        Returns whether these rows are declared otherwise.
        """
        declared = self._declared(rows)
        changed = any(declared.get((row.form.key, row.custom_id)) != row.digest for row in rows)
        self._changed = self._changed or changed
        for request in sending:
            row, way = fresh[request.place], request.way
            before = declared.get((row.form.key, row.custom_id))
            why = reason(
                request.action,
                self._before,
                way.target,
                row.form.key,
                asked=request.asked,
                was_declared=before is not None,
                body_changed=before != row.digest,
                invalid=request.invalid,
            )
            way.variant.reasons[why] += 1
            if self._book is not None:
                variant = variant_key(row.form.combination.label)
                batch = Batch(self._spec.name, variant, *way.target, request.action.value, why, request.tries)
                self._book.note(batch, request.digest)
        return changed

    def _declared(self, rows: Sequence[RenderedRow]) -> dict[tuple[str, str], BodyDigest]:
        """Return what these rows were when the spec was last applied, by form and custom_id."""
        ids: dict[str, list[str]] = {}
        for row in rows:
            ids.setdefault(row.form.key, []).append(row.custom_id)
        declared: dict[tuple[str, str], BodyDigest] = {}
        for form, listed in ids.items():
            if form in self._declared_before:
                found = self._ledger.declared(self._spec.name, listed, form)
                self._still_declared[form] += len(found)
                declared.update(((form, custom_id), body) for custom_id, body in found.items())
        return declared

    def _send(self, rows: Sequence[RenderedRow], sending: Sequence[_Request]) -> None:
        """Put the lines of what is to be sent into their shards, in the order of the rows."""
        targets: dict[int, list[Target]] = {}
        for request in sending:
            targets.setdefault(request.place, []).append(request.way.target)
        for index, wanted in targets.items():
            row = rows[index]
            sends, group = self._group(tuple(wanted))
            if self._costing is not None:
                self._meter(row.form.combination.label, self._costing).add(row.digest, row.body, sends)
            for cut in self._cutter(row.form).add(request_line(row.custom_id, row.body), group):
                self._keep(row.form, cut)

    def _group(self, wanted: tuple[Target, ...]) -> tuple[Sends, frozenset[Target]]:
        """Return targets as a meter and as a cutter take them; there are few groups, and many rows of each."""
        group = self._groups.get(wanted)
        if group is None:
            group = (frozenset(Counter(target.model for target in wanted).items()), frozenset(wanted))
            self._groups[wanted] = group
        return group

    def _meter(self, label: str, costing: Costing) -> Meter:
        meter = self._meters.get(label)
        if meter is None:
            body = self._spec.body if isinstance(self._spec.body, dict) else {}
            meter = self._meters[label] = costing.meter(self._spec.endpoint, body)
        return meter

    def _cutter(self, form: Form) -> ShardCutter[Target]:
        """Return what cuts a form's lines; one that sends nothing needs no file."""
        cutter = self._cutters.get(form)
        if cutter is None:
            spec = self._spec
            inline = spec.submit is Submit.INLINE
            limits = inline_limits(spec.limits) if inline else spec.limits
            cutter = self._cutters[form] = ShardCutter(form.targets, limits, self._begin, one_part=inline)
        return cutter

    def _keep(self, form: Form, cut: CutShard[Target]) -> None:
        spec, label = self._spec, form.combination.label
        inline = goes_inline(spec.submit, cut)
        for target in cut.targets:
            variant = self._variants[label, target.model]
            variant.jobs += 1
            variant.bytes += cut.size
            self._shards.append(
                PendingShard(
                    spec=spec.name,
                    endpoint=spec.endpoint,
                    model=target.model,
                    revision=target.revision,
                    replicate=target.replicate,
                    variant=variant_mark(label),
                    parts=cut.parts,
                    inline=inline,
                )
            )

    def finish(self) -> PlannedSpec:
        """Close the open shards and return the whole."""
        for form, cutter in self._cutters.items():
            for cut in cutter.finish():
                self._keep(form, cut)
        self._count_removed()
        self._estimate()
        plan = SpecPlan(
            name=self._spec.name,
            path=self._spec.path,
            endpoint=self._spec.endpoint,
            variants=tuple(self._variants.values()),
            emptied=bool(self._declared_before) and self._rows + self._waiting + self._blocked == 0,
            waiting=self._waiting,
            blocked=self._blocked,
            to_come=self._waiting * sum(len(form.targets) for form in self._forms),
        )
        return PlannedSpec(
            plan=plan,
            shards=tuple(self._shards),
            redeclare=self._changed
            or (not self._absent and self._still_declared.total() < sum(self._declared_before.values())),
            rows_digest=self._rows_digest.told(),
            again=self._again,
        )

    @property
    def _absent(self) -> bool:
        """Whether rows are missing that may have been declared under ids that only their answers tell."""
        return self._waiting + self._blocked > 0

    def _count_removed(self) -> None:
        """Count what is no longer declared; what a variant declared that is itself no more counts with the first."""
        if self._absent:
            return
        removed = Counter(self._declared_before)
        removed.subtract(self._still_declared)
        variants = list(self._variants.values())
        for form in self._forms:
            gone = removed.pop(form.key, 0)
            for model in self._spec.models:
                self._variants[form.combination.label, model].removed += gone
        if variants:
            variants[0].removed += removed.total()

    def _estimate(self) -> None:
        """Say what sending comes to; the past is asked about only where something is sent."""
        sending = {label: variant for (label, _), variant in self._variants.items() if variant.sends}
        if self._costing is None or not sending:
            return
        whole = self._costing.prices.by_answer({variant.model for variant in sending.values()})
        past = {each.model: each.used for each in self._ledger.usage([self._spec.name], whole)}
        for (label, model), variant in self._variants.items():
            if variant.sends:
                variant.estimate = self._meters[label].finish(model, variant.sends, past.get(model))


def _to_send(digests: Sequence[RequestDigest], actions: Sequence[Action]) -> list[RequestDigest]:
    return [digest for digest, action in zip(digests, actions, strict=True) if action.sends]
