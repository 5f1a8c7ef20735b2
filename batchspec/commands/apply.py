"""`apply`: refresh, collect, plan, ask, submit; with a wait, until every request has its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from batchspec.commands.desired import declared_rows
from batchspec.commands.explain import record_parts
from batchspec.commands.foresight import remember_foreseen
from batchspec.commands.limits import RunLimits
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.plan import make_plan
from batchspec.commands.refresh import Refresh, adopt, look, refresh
from batchspec.commands.refusals import located
from batchspec.commands.results import Output, check_formats, export, is_current
from batchspec.commands.saved_plans import SavedRun
from batchspec.commands.sending import counted_jobs
from batchspec.commands.status import Status, spent_on
from batchspec.commands.submit import RequestsRefusedError, Submitted, submit
from batchspec.commands.wait import Waited, wait_for
from batchspec.commands.world import World
from batchspec.core.errors import LimitError, NotApprovedError, StaleError, UnresolvedError
from batchspec.core.ledger import Claim, RequestStatus
from batchspec.core.planning import Action, Plan, once_sent
from batchspec.core.ports import Provider, Scratch

_MOST_RESENDS = 1
_MOST_GIVEN_UP = 5
_ANSWERED = frozenset({RequestStatus.SUCCEEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """`wait` is whether to wait, `wait_seconds` for how long at the most (None: as long as it takes)."""

    wait: bool = False
    wait_seconds: float | None = None
    max_requests: int | None = None
    max_cost_usd: Decimal | None = None


@dataclass(slots=True, kw_only=True)
class Applied:
    """What an apply has done. `plan` is what was approved; `status` is where things stand afterwards."""

    plan: Plan
    status: Status
    jobs: int = 0
    requests: int = 0
    waited: Waited | None = None
    outputs: list[Output] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def apply(
    specs: Sequence[LoadedSpec],
    options: ApplyOptions,
    *,
    world: World,
    provider: Provider,
    approve: Callable[[Plan], None],
    saved: SavedRun | None = None,
) -> Applied:
    """Make the declared requests converge to results; those of a saved plan alone, where one is applied.

    `approve` is shown the plan before anything is sent, and raises NotApprovedError to decline. What fails in a way
    that may pass, and what is found unsent after its settle time, is sent again under the same approval; anything
    that is new by then is left to the next run. Raises LimitError, and StaleError of a saved plan, before anything is
    sent.
    """
    check_formats(specs, world)
    run = _Run(specs, options, world, provider, saved)
    try:
        first = run.round(approve, allowed=None)
    except (LimitError, NotApprovedError, StaleError):
        run.write_collected()
        raise
    resends = given_up = 0
    while not run.inputs_changed and given_up < _MOST_GIVEN_UP:
        given_up += run.given_up > 0
        unknown = sum(claim.requests for claim in run.unknown)
        if unknown and resends == _MOST_RESENDS:
            break
        resends += unknown > 0
        if options.wait and not run.given_up:
            run.wait()
        unsent = unknown + run.given_up
        if not unsent and (run.waited is None or run.waited.ran_out):
            break
        if not run.round(_no_question, allowed=unsent).changes and not run.more_to_come:
            break
    if run.unknown:
        raise UnresolvedError(
            f"{len(run.unknown)} submissions are still unresolved",
            why="no answer came to their creation, and no job of theirs is to be seen",
            hint="run the same command again; nothing is sent twice",
        )
    applied = run.applied(first)
    run.finish()
    return applied


def _no_question(plan: Plan) -> None:
    """Ask nothing: what a later round sends was approved in the first."""


class _Run:
    def __init__(
        self,
        specs: Sequence[LoadedSpec],
        options: ApplyOptions,
        world: World,
        provider: Provider,
        saved: SavedRun | None,
    ) -> None:
        self._specs = specs
        self._saved = saved
        self._loaded = {each.spec.name: each for each in specs}
        self._by_name = {name: each.spec for name, each in self._loaded.items()}
        self._following = frozenset(each.spec.name for each in specs if each.upstream is not None)
        self._followed = frozenset(each.upstream.spec.name for each in specs if each.upstream is not None)
        self._promised = 0
        self._limits = RunLimits(
            self._by_name, options.max_requests, options.max_cost_usd, adds_up=bool(self._following)
        )
        self._options = options
        self._world = world
        self._provider = provider
        self._done = Refresh()
        self._jobs = self._requests = 0
        self._redeclared = False
        self._rows_digests: Mapping[str, str] = {}
        self._stands = Plan(specs=())
        self._deadline = None if options.wait_seconds is None else world.clock.now() + options.wait_seconds
        self.inputs_changed = False
        self.unknown: tuple[Claim, ...] = ()
        self.given_up = 0
        self.waited: Waited | None = None

    def round(self, approve: Callable[[Plan], None], *, allowed: int | None) -> Plan:
        """Refresh, plan and send once. `allowed` bounds the new requests of a later round; None asks instead."""
        world = self._world
        self._merge(refresh(world, self._provider, settle=True))
        with world.new_scratch() as scratch:
            plan, planned = make_plan(
                self._specs,
                ledger=world.ledger,
                scratch=scratch,
                progress=world.progress,
                stop=world.stop,
                begin=world.spool.begin,
                adopted=self._done.adopted,
                refreshed=True,
                costing=world.costing,
                book=None if self._saved is None else self._saved.book(),
                remember=True,
            )
            self._rows_digests = {each.plan.name: each.rows_digest for each in planned}
            if self._saved is not None and allowed is None:
                self._saved.check(self._specs, world.ledger)
            self._limits.check(plan)
            if plan.changes and self._done.unknowable:
                raise _unknowable(self._done.unknowable[0])
            if allowed is not None and self._exceeds(plan, allowed):
                self._done.notes.add("the inputs have changed since the plan was approved; run `batchspec apply` again")
                self.inputs_changed, self.unknown, self.given_up, self._stands = True, (), 0, plan
                return plan
            if plan.changes:
                approve(plan)
            if self._saved is not None:
                world.ledger.begin_plan(self._saved.id, world.clock.now())
            world.progress.start("recording")
            for each in planned:
                if each.redeclare:
                    self._redeclare(self._loaded[each.plan.name], scratch, whole=each.plan.whole)
            record_parts(self._specs, world)
            world.progress.finish()
            for each in planned:
                world.ledger.ask_again(each.again, _ANSWERED)
        self._promised = plan.to_come if allowed is None else self._promised - _submits(plan, self._following)
        self._limits.spend(plan)
        self._stands = once_sent(plan)
        try:
            left_alone = frozenset(self._done.left_alone)
            shards = plan.shards if self._saved is None else self._saved.marked(plan.shards)
            with counted_jobs(world.progress, len(shards)) as progress:
                told = replace(world, progress=progress)
                self._record(submit(shards, self._loaded, world=told, provider=self._provider, left_alone=left_alone))
        except RequestsRefusedError as error:
            raise located(error, self._specs, world) from None
        if self._saved is None:
            remember_foreseen(planned, world.ledger)
        if plan.changes and not self._options.wait:
            self._sweep()
        return plan

    def finish(self) -> None:
        """Record that all that a saved plan holds was sent; one that was left off may be applied once more."""
        if self._saved is not None and not self.inputs_changed and not self.given_up:
            self._world.ledger.finish_plan(self._saved.id, self._world.clock.now())

    def _sweep(self) -> None:
        """See at once whether another machine has sent the same in the same moment; a wait begins with that anyway."""
        if self.unknown or self.given_up:
            return
        adopt(self._world, self._provider, self._done)
        if any(claim.surplus for claim in self._world.ledger.claims_in_flight()):
            look(self._world, self._provider, self._done)

    def wait(self) -> None:
        """Wait for these specs' jobs."""
        self.waited = wait_for(
            list(self._by_name),
            world=self._world,
            provider=self._provider,
            timeout=None if self._deadline is None else self._deadline - self._world.clock.now(),
            done=self._done,
            early=self._followed if self._stands.waiting else frozenset(),
        )

    def write_collected(self) -> None:
        """Write the results that came in before it turned out that nothing is to be sent."""
        if self._done.collected:
            export(self._specs, self._world)

    def applied(self, plan: Plan) -> Applied:
        """Write what there is to write, and return the whole."""
        world = self._world
        stale = [
            each
            for each in self._specs
            if self._done.collected
            or self._redeclared
            or not is_current(each, self._rows_digests[each.spec.name], world)
        ]
        if self._stands.left:
            left = f"not in the saved plan, and to be sent by another: {self._stands.left:,}; see `batchspec plan`"
            self._done.notes.add(left)
        jobs = world.ledger.jobs_of(list(self._by_name))
        spent = spent_on(self._specs, world)
        status = Status(plan=self._stands, jobs=tuple(jobs), notes=tuple(self._done.notes.lines), spent=spent)
        answered = {
            spec.name for spec in status.plan.specs if any(_answered(variant.actions) for variant in spec.variants)
        }
        outputs = export([each for each in stale if each.spec.name in answered], world)
        return Applied(
            plan=plan,
            status=status,
            jobs=self._jobs,
            requests=self._requests,
            waited=self.waited,
            outputs=outputs,
            notes=self._done.notes.lines,
        )

    def _merge(self, fresh: Refresh) -> None:
        self._done.adopted.update(fresh.adopted)
        self._done.collected += fresh.collected
        self._done.unknowable = fresh.unknowable
        self._done.left_alone = fresh.left_alone
        for line in fresh.notes.lines:
            self._done.notes.add(line)

    def _record(self, submitted: Submitted) -> None:
        self._jobs += submitted.jobs
        self._requests += submitted.requests
        self.unknown = submitted.unknown
        self.given_up = submitted.given_up

    def _exceeds(self, plan: Plan, allowed: int) -> bool:
        """Tell whether a later round would send what was not approved in the first.

        Approved are the requests that were to be sent then, and those of the rows that waited for their answers; of a
        saved plan, what it holds.
        """
        if self._saved is not None and self._saved.has_others():
            return True
        following = _submits(plan, self._following)
        return plan.total(Action.SUBMIT) - following > allowed or following > self._promised + allowed

    @property
    def more_to_come(self) -> bool:
        """Whether rows still wait for answers that are in flight."""
        return self.waited is not None and self.waited.early and self._stands.waiting > 0

    def _redeclare(self, loaded: LoadedSpec, scratch: Scratch, *, whole: bool) -> None:
        spec = loaded.spec
        self._world.progress.note(f"what {spec.name} declares")
        rows = declared_rows(loaded, scratch)
        self._world.ledger.declare(spec.name, spec.path, spec.targets, rows, whole=whole)
        self._redeclared = True


def _unknowable(job_id: str) -> UnresolvedError:
    return UnresolvedError(
        f"job {job_id} of this project was made elsewhere, and its requests cannot be known yet",
        why="an inline job is known again by its answers alone, when it has ended; or an input file came cut",
        hint=f"run again, or when job {job_id} has ended; nothing is sent before",
    )


_WITH_AN_END = (Action.DONE, Action.INVALID, Action.FAILED, Action.HELD, Action.LOST, Action.RETRY)


def _answered(actions: Mapping[Action, int]) -> bool:
    return any(actions.get(action) for action in _WITH_AN_END)


def _submits(plan: Plan, specs: frozenset[str]) -> int:
    """Return how many requests of these specs a plan sends for the first time."""
    return sum(variant.actions[Action.SUBMIT] for spec in plan.specs if spec.name in specs for variant in spec.variants)
