"""What is to be done about each request, from what is declared and what is recorded: sets, not diffs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from batchspec.core.ledger import Recorded, RequestStatus
from batchspec.core.metering import Estimate
from batchspec.core.model import Target
from batchspec.core.ports import SpooledFile
from batchspec.core.pricing import total


class Action(StrEnum):
    """What a plan does about a request. The words are those of `plan --json`."""

    SUBMIT = "submit"
    RETRY = "retry"
    IN_FLIGHT = "in_flight"
    DONE = "done"
    FAILED = "failed"
    HELD = "held"
    LOST = "lost"
    INVALID = "invalid"
    UNRESOLVED = "unresolved"

    @property
    def sends(self) -> bool:
        """Whether it costs money."""
        return self is Action.SUBMIT or self is Action.RETRY


def decide(recorded: Recorded | None, max_attempts: int) -> Action:
    """Return what is to be done about a request: the one place that says what is satisfied."""
    if recorded is None:
        return Action.SUBMIT
    if recorded.status is RequestStatus.CLAIMED and recorded.sending:
        return Action.UNRESOLVED
    if recorded.status is RequestStatus.FAILED_PASSING and recorded.attempts < max_attempts:
        return Action.RETRY
    return _ACTIONS[recorded.status]


_ACTIONS = {
    RequestStatus.CLAIMED: Action.IN_FLIGHT,
    RequestStatus.SUCCEEDED: Action.DONE,
    RequestStatus.FAILED: Action.FAILED,
    RequestStatus.FAILED_PASSING: Action.FAILED,
    RequestStatus.HELD: Action.HELD,
    RequestStatus.LOST: Action.LOST,
    RequestStatus.ASKED: Action.RETRY,
}


@dataclass(slots=True, kw_only=True)
class VariantPlan:
    """The counts of one combination of a spec's matrix with one model. `rows` are input rows.

    Every action counts distinct requests, of all replicates, and they add up to `requests`; rows that repeat the
    request of another are `duplicates`. `removed` counts rows that were declared when the spec was last applied and
    are no more. `adopted` counts requests of jobs that this command has adopted. `left` counts requests, about which
    nothing is done, that would be sent but for the saved plan that is applied, which does not hold them. `estimate` is
    what sending comes to; None where nothing is sent, or where it was not asked for. `asked` is the alias that a lock
    has pinned to `model`.
    """

    model: str
    asked: str | None = None
    matrix: Mapping[str, object] = field(default_factory=dict)
    replicates: int = 1
    rows: int = 0
    requests: int = 0
    duplicates: int = 0
    adopted: int = 0
    removed: int = 0
    left: int = 0
    actions: Counter[Action] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    bytes: int = 0
    estimate: Estimate | None = None

    @property
    def cost_usd(self) -> Decimal | None:
        """What sending costs, by the bound or else the expectation; None where that is not known."""
        if not self.sends:
            return Decimal(0)
        return None if self.estimate is None else self.estimate.cost_usd

    @property
    def sends(self) -> int:
        """Requests that would be sent."""
        return self.actions[Action.SUBMIT] + self.actions[Action.RETRY]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingShard:
    """Spooled files that are to become a job: lines of one spec for one target.

    `inline` is whether they go in the job itself instead of in uploaded files; then there is one part. `variant` is
    the label of the combination of the spec's matrix, `plan` the id of the saved plan that is applied, if one is.
    """

    spec: str
    endpoint: str
    model: str
    parts: tuple[SpooledFile, ...]
    inline: bool = False
    revision: int = 0
    replicate: int = 0
    variant: str = ""
    plan: str = ""

    @property
    def target(self) -> Target:
        """What the requests go to."""
        return Target(self.model, self.revision, self.replicate)

    @property
    def requests(self) -> int:
        """How many lines the parts hold."""
        return sum(part.lines for part in self.parts)

    @property
    def bytes(self) -> int:
        """How large the parts are together."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecPlan:
    """The plan of one spec, a variant for each combination of its matrix with each model.

    Of a spec that goes on from another's answers, `waiting` rows have theirs still to come, and `blocked` ones will not
    have it by itself; `to_come` is how many requests the waiting rows are going to make.
    """

    name: str
    path: str
    endpoint: str
    variants: tuple[VariantPlan, ...]
    emptied: bool = False
    waiting: int = 0
    blocked: int = 0
    to_come: int = 0

    @property
    def whole(self) -> bool:
        """Whether every row that there may be was there."""
        return not (self.waiting or self.blocked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `apply` would do. `shards` is empty in a plan that was made without spooling.

    `refreshed` is False where the plan was made from recorded state alone.
    """

    specs: tuple[SpecPlan, ...]
    shards: tuple[PendingShard, ...] = ()
    refreshed: bool = False

    @property
    def variants(self) -> Sequence[VariantPlan]:
        """Every variant of every spec."""
        return [variant for spec in self.specs for variant in spec.variants]

    def total(self, action: Action) -> int:
        """Return the requests, over all specs, about which this is to be done."""
        return sum(variant.actions[action] for variant in self.variants)

    @property
    def sends(self) -> int:
        """Requests that would be sent."""
        return sum(variant.sends for variant in self.variants)

    @property
    def left(self) -> int:
        """Requests to be sent that the saved plan which is applied does not hold."""
        return sum(variant.left for variant in self.variants)

    @property
    def failed(self) -> int:
        """Requests that have ended without an answer that is of use, and not by a cancel."""
        return self.total(Action.FAILED) + self.total(Action.LOST) + self.total(Action.INVALID)

    @property
    def waiting(self) -> int:
        """Rows whose answers to go on from are still to come."""
        return sum(spec.waiting for spec in self.specs)

    @property
    def blocked(self) -> int:
        """Rows that have no answer to go on from, and will not get one by themselves."""
        return sum(spec.blocked for spec in self.specs)

    @property
    def to_come(self) -> int:
        """Requests that the waiting rows are going to make."""
        return sum(spec.to_come for spec in self.specs)

    @property
    def jobs(self) -> int:
        """Jobs that would be created."""
        return sum(variant.jobs for variant in self.variants)

    @property
    def bytes(self) -> int:
        """Bytes of the files behind those jobs; a file that several models share counts for each."""
        return sum(variant.bytes for variant in self.variants)

    @property
    def cost_usd(self) -> Decimal | None:
        """What sending everything costs; None where any part of it is not known."""
        return total(variant.cost_usd for variant in self.variants)

    @property
    def changes(self) -> bool:
        """Whether `apply` would send anything."""
        return self.sends > 0


def once_sent(plan: Plan) -> Plan:
    """Return the counts of a plan after it was carried out: what it sends is in flight."""
    return replace(
        plan, specs=tuple(replace(spec, variants=tuple(map(_sent, spec.variants))) for spec in plan.specs), shards=()
    )


def _sent(variant: VariantPlan) -> VariantPlan:
    actions = Counter({action: count for action, count in variant.actions.items() if not action.sends})
    actions[Action.IN_FLIGHT] += variant.sends
    return replace(variant, actions=actions, reasons=Counter(), jobs=0, bytes=0, estimate=None)


def once_answered(spec: SpecPlan) -> SpecPlan | None:
    """Return the plan of a spec once all that it sends has succeeded; None where more than that has a part in it."""
    told = {Action.DONE, Action.SUBMIT, Action.RETRY}
    if not spec.whole or any(each.left or not (+each.actions).keys() <= told for each in spec.variants):
        return None
    return replace(spec, emptied=False, variants=tuple(map(_answered, spec.variants)))


def _answered(variant: VariantPlan) -> VariantPlan:
    actions = Counter({Action.DONE: variant.actions.total()})
    return replace(_sent(variant), actions=actions, adopted=0, removed=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What a spec declared when it was last applied: whether anything, to which targets, and in which forms.

    `pins` are those of the spec as it is now: what a pinned model was asked for as. `left` are the models that it
    declares no more.
    """

    anything: bool
    targets: frozenset[Target] = frozenset()
    forms: frozenset[str] = frozenset()
    pins: Mapping[str, str] = field(default_factory=dict)
    left: frozenset[str] = frozenset()

    def differs(self, target: Target) -> tuple[str, ...]:
        """Return in which of model, revision and replicate a target is new; of several, in the first."""
        if target in self.targets:
            return ()
        if all(target.model != each.model for each in self.targets):
            return ("model",)
        return ("revision",) if all(target.revision != each.revision for each in self.targets) else ("replicate",)

    def new_target(self, target: Target) -> str | None:
        """Say in what a target is new, in a few words; None where it is not."""
        new = self.differs(target)
        if new == ("model",):
            asked = self.pins.get(target.model)
            if asked is not None and self.left:
                # Which alias an earlier pin was for is nowhere recorded.
                return "model pinned" if asked in self.left else "pin moved"
        return _NEW[new[0]] if new else None


_NEW = {"model": "model added", "revision": "revision changed", "replicate": "replicate added"}


def reason(
    action: Action,
    before: Before,
    target: Target,
    form: str,
    *,
    asked: bool,
    was_declared: bool,
    body_changed: bool,
    invalid: bool = False,
) -> str:
    """Say why a request is to be sent, for a person who reviews a plan."""
    if action is Action.RETRY:
        if invalid:
            return "answer does not fit"
        return "asked for by `retry`" if asked else "failed in a way that may pass"
    if not before.anything:
        return "spec added"
    if not was_declared:
        return "row added" if form in before.forms else "variant added"
    if body_changed:
        return "body changed"
    return before.new_target(target) or "not sent yet"
