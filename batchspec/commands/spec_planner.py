"""Plans one spec: decides about each request, says why, and puts what is to be sent into shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from batchspec.commands.desired import DesiredChunk, RowsDigest
from batchspec.commands.judging import Judged
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.outgoing import Outgoing
from batchspec.commands.settled_chunks import SettledChunks
from batchspec.core.canonical import RequestIdentity
from batchspec.core.forms import Form
from batchspec.core.ledger import Ledger, Recorded, RequestStatus
from batchspec.core.matrix import variant_mark
from batchspec.core.metering import Costing
from batchspec.core.model import BodyDigest, RequestDigest, Target
from batchspec.core.plan_memo import PlanMemo
from batchspec.core.planning import Action, Before, PendingShard, SpecPlan, VariantPlan, reason
from batchspec.core.ports import Scratch, SpoolWriter
from batchspec.core.rendered import RenderedRows
from batchspec.core.saved_plan import Batch, PlanBook, variant_key
from batchspec.core.spec import Spec

Adopted = Mapping[tuple[str, str, str], int]
"""How many requests of each (spec, model, variant) this command has adopted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSpec:
    """A plan of one spec, with what applying it needs: its shards, whether what it declares has changed, its rows.

    `again` are the requests to be sent whose answers do not fit. `foreseen` is what will be remembered of the spec once
    all that is sent for it has succeeded, where nothing else has a part in that.
    """

    plan: SpecPlan
    rows_digest: str
    shards: tuple[PendingShard, ...] = ()
    redeclare: bool = False
    again: Sequence[RequestDigest] = ()
    foreseen: PlanMemo | None = None


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


class _Cause(NamedTuple):
    """Why a request is to be sent, as far as it tells: what is done, and what is known of earlier times.

    `asked` is whether a user has asked to send it again, `tries` how often it was sent, `invalid` whether there is an
    answer, which does not fit.
    """

    action: Action
    asked: bool
    tries: int
    invalid: bool


_FRESH = _Cause(Action.SUBMIT, asked=False, tries=0, invalid=False)


class _Sending(NamedTuple):
    """What is to be sent on one way: the places of its rows, and for each its digest and cause."""

    way: _Way
    places: Sequence[int]
    digests: Sequence[RequestDigest]
    causes: Sequence[_Cause]


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
        self._costing = costing
        self._outgoing = Outgoing(spec, self._variants, begin, costing)
        self._book = book
        self._goes_on = loaded.upstream is not None
        self._judged = Judged(loaded, ledger, remember=remember)
        self._settled = settled
        self._again: list[RequestDigest] = []

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
        asked = chunk.rows.asked()
        if alone and self._settled.recalled(asked, variants):
            self._still_declared.update([form.key for form in chunk.rows.forms])
            return
        before = [variant.actions.copy() for variant in variants]
        fresh = chunk.rows.without(chunk.repeated)
        declared, changed = self._declared(chunk.rows if self._names_ids else fresh)
        settled = True
        for form, requests in fresh.by_form():
            decided = [self._decide(way, requests) for way in self._ways[form]]
            sending = [each for each in decided if each is not None]
            settled = settled and not sending
            self._explain(form, requests, declared.get(form.key, {}), sending)
            self._send(form, requests, [each for each in sending if each.places])
        if alone:
            self._settled.note(asked, before, variants, settled=settled and not changed)

    def _count(self, chunk: DesiredChunk) -> None:
        self._rows += len(chunk.rows)
        forms = chunk.rows.forms
        repeated = Counter([forms[index] for index in chunk.repeated])
        for form, count in Counter(forms).items():
            for way in self._ways[form]:
                way.variant.duplicates += repeated[form]
                way.variant.requests += count - repeated[form]
            for model in self._spec.models if form.first else ():
                self._variants[form.combination.label, model].rows += count

    def _decide(self, way: _Way, requests: RenderedRows) -> _Sending | None:
        """Count what is to be done about requests on one way; return what is to be sent, None if all is settled."""
        digests = list(map(way.digest, requests.digests))
        actions, recorded, wrong = self._judged.decide(digests)
        counted = Counter(actions)
        if not any(action.sends for action in counted):
            way.variant.actions.update(counted)
            return None
        left = self._left(digests, actions)
        wanted = digests if len(counted) == 1 and not left else _to_send(digests, actions, left)
        free = self._scratch.reserve(wanted)
        if not recorded and len(free) == len(digests):
            # All of them are new, as in every plan that is a spec's first.
            way.variant.actions.update(counted)
            return _Sending(way, range(len(digests)), digests, [_FRESH] * len(digests))
        places: list[int] = []
        causes: list[_Cause] = []
        for place, (digest, action) in enumerate(zip(digests, actions, strict=True)):
            if not action.sends:
                way.variant.actions[action] += 1
            elif digest in left:
                way.variant.left += 1
            elif digest not in free:
                # Another spec of this run sends the very same request.
                way.variant.actions[Action.IN_FLIGHT] += 1
            else:
                way.variant.actions[action] += 1
                places.append(place)
                causes.append(_cause(action, recorded.get(digest), invalid=digest in wrong))
        sent = [digests[place] for place in places]
        self._again += [digest for digest in sent if digest in wrong]
        return _Sending(way, places, sent, causes)

    def _left(self, digests: Sequence[RequestDigest], actions: Sequence[Action]) -> Collection[RequestDigest]:
        """Return what is to be sent, but not by the saved plan that is applied: what has come up since it was made."""
        if self._book is None:
            return ()
        come_up = (Action.RETRY, Action.SUBMIT) if self._goes_on else (Action.RETRY,)
        pairs = zip(digests, actions, strict=True)
        return self._book.left([digest for digest, action in pairs if action in come_up])

    def _declared(self, requests: RenderedRows) -> tuple[Mapping[str, Mapping[str, BodyDigest]], bool]:
        """Return what these were when the spec was last applied, by form and custom_id, and whether they differ."""
        before: dict[str, Mapping[str, BodyDigest]] = {}
        changed = False
        for form, part in requests.by_form():
            found: Mapping[str, BodyDigest] = {}
            if form.key in self._declared_before:
                found = self._ledger.declared(self._spec.name, part.custom_ids, form.key)
                self._still_declared[form.key] += len(found)
            before[form.key] = found
            changed = changed or list(map(found.get, part.custom_ids)) != part.digests
        self._changed = self._changed or changed
        return before, changed

    def _explain(
        self, form: Form, requests: RenderedRows, declared: Mapping[str, BodyDigest], sending: Sequence[_Sending]
    ) -> None:
        """Say why each request is sent."""
        before = list(map(declared.get, requests.custom_ids)) if declared else [None] * len(requests)
        noted: list[tuple[int, Batch, RequestDigest]] = []
        for way, places, digests, causes in sending:
            known = [before[place] for place in places]
            changed = [body != requests.digests[place] for body, place in zip(known, places, strict=True)]
            kinds = list(zip(causes, [body is not None for body in known], changed, strict=True))
            why = {kind: self._reason(form, way.target, *kind) for kind in set(kinds)}
            for kind, count in Counter(kinds).items():
                way.variant.reasons[why[kind]] += count
            if self._book is not None:
                variant = variant_key(form.combination.label)
                batches = {
                    kind: Batch(self._spec.name, variant, *way.target, kind[0].action.value, why[kind], kind[0].tries)
                    for kind in why
                }
                noted += zip(places, [batches[kind] for kind in kinds], digests, strict=True)
        if self._book is not None:
            # Sorting keeps the order of the ways for each row.
            for _, batch, digest in sorted(noted, key=itemgetter(0)):
                self._book.note(batch, digest)

    def _reason(self, form: Form, target: Target, cause: _Cause, was_declared: bool, body_changed: bool) -> str:
        return reason(
            cause.action,
            self._before,
            target,
            form.key,
            asked=cause.asked,
            was_declared=was_declared,
            body_changed=body_changed,
            invalid=cause.invalid,
        )

    def _send(self, form: Form, requests: RenderedRows, sending: Sequence[_Sending]) -> None:
        """Put the lines of what is to be sent into their shards, in the order of the rows."""
        if all(len(each.places) == len(requests) for each in sending):
            self._outgoing.add(form, requests, tuple(each.way.target for each in sending))
            return
        targets: dict[int, tuple[Target, ...]] = {}
        for each in sending:
            for place in each.places:
                targets[place] = (*targets.get(place, ()), each.way.target)
        for wanted, places in groupby(sorted(targets), key=targets.__getitem__):
            self._outgoing.add(form, requests.some([*places]), wanted)

    def finish(self) -> PlannedSpec:
        """Close the open shards and return the whole."""
        self._outgoing.finish()
        self._judged.finish()
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
            shards=tuple(self._outgoing.shards),
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
                variant.estimate = self._outgoing.meter(label).finish(model, variant.sends, past.get(model))


def _cause(action: Action, known: Recorded | None, *, invalid: bool) -> _Cause:
    if known is None:
        return _Cause(action, asked=False, tries=0, invalid=invalid)
    return _Cause(action, known.status is RequestStatus.ASKED, known.attempts, invalid)


def _to_send(
    digests: Sequence[RequestDigest], actions: Sequence[Action], left: Collection[RequestDigest]
) -> list[RequestDigest]:
    return [digest for digest, action in zip(digests, actions, strict=True) if action.sends and digest not in left]
