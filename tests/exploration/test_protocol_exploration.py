"""Every schedule of the submission protocol within bounds: nothing is paid for twice, lost or stuck.

The code explored is the program's own (`commands.refresh`, `commands.submit`, `core.protocol`, the ledger); the
provider and the time are a model. Decision record 13 tells the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from exploring import Choices, explore
from machines import SETTLE, Machine, take_turns
from service import LATE, Bounds, Service

from batchspec.commands import refresh as refreshing
from batchspec.commands import submit as submitting
from batchspec.commands.adopt import Adoption
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.loading import SpecLoader
from batchspec.core import protocol
from batchspec.core.ledger import RequestStatus
from batchspec.core.protocol import Adopt, Release, Resolution
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles
from batchspec.project.packaged import packaged_schema
from batchspec.state.store import SqliteLedger

SLOW_JOB = 1_000.0
"""A job that waits so long before it runs that every sweep comes in time."""
Built = Callable[..., Machine]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> LoadedSpec:
    root = tmp_path_factory.mktemp("project")
    (root / "demo.batchspec.yaml").write_text("batchspec: 1\nname: demo\nmodel: m\ninputs: [{a: 1}]\nprompt: x\n")
    loader = SpecLoader(
        files=RootedFiles(root),
        defaults={},
        default_places={},
        output_dir="results",
        schema=packaged_schema,
        open_rows=open_rows,
    )
    return loader.load(("demo.batchspec.yaml",))[0]


class Verdict:
    """What was seen over all schedules."""

    def __init__(self) -> None:
        self.paid: Counter[int] = Counter()
        self.jobs: Counter[int] = Counter()

    def take(self, service: Service, *machines: Machine) -> None:
        """Let time pass without faults until nothing more happens; then everything must have its one answer."""
        for _ in range(3):
            for machine in machines:
                machine.apply_until_done()
            service.pass_time(service.now + service.seconds + LATE + SETTLE)
        for machine in machines:
            machine.apply_until_done()
            assert machine.statuses() == [RequestStatus.SUCCEEDED] * len(machine.names), "lost or stuck"
            assert machine.ledger.open_claims() == [], "stuck"
            assert machine.ledger.claims_in_flight() == [], "stuck"
            machine.ledger.close()
        self.jobs[len(service.made)] += 1
        self.paid[max(service.paid.values())] += 1


def one_machine(folder: Path, spec: LoadedSpec, bounds: Bounds, *, seconds: float = 5.0) -> tuple[int, Verdict]:
    """Explore one machine that is run again after each death."""
    verdict = Verdict()

    def scenario(choices: Choices) -> None:
        service, left = Service(seconds), _copy(bounds)
        machine = Machine(folder, service, choices, left, ("a", "b"), spec)
        machine.apply_until_done()
        service.pass_time(service.now + seconds)
        machine.apply_until_done()
        left.faults = left.crashes = 0
        verdict.take(service, machine)

    return explore(scenario), verdict


def two_machines(
    folder: Path, spec: LoadedSpec, bounds: Bounds, *, names: tuple[str, ...], seconds: float
) -> tuple[int, Verdict, int]:
    """Explore two machines with states of their own and one workspace; return also the races that nothing prevents."""
    verdict = Verdict()
    races = 0

    def scenario(choices: Choices) -> None:
        nonlocal races
        service, left = Service(seconds), _copy(bounds)
        one = Machine(folder, service, choices, left, ("a", "b"), spec)
        two = Machine(folder, service, choices, left, names, spec)
        take_turns((one, two), service, choices, left)
        left.faults = left.crashes = left.switches = 0
        unseen = _raced(service, one, two)
        races += unseen
        before = verdict.paid[1]
        verdict.take(service, one, two)
        assert verdict.paid[1] > before or unseen, "paid twice, though the other machine's job was to be seen"

    schedules = explore(scenario)
    return schedules, verdict, races


def _raced(service: Service, *machines: Machine) -> bool:
    """Tell whether a job was created by a machine whose last look came before another's job was to be seen."""
    looked = {job: at for machine in machines for job, at in machine.provider.looked_before.items()}
    jobs = sorted((each.job for each in service.made), key=protocol.age)
    return any(looked[job.id] < earlier.created_at for index, job in enumerate(jobs) for earlier in jobs[:index])


def sleeper(folder: Path, spec: LoadedSpec, bounds: Bounds) -> tuple[int, Verdict]:
    """Explore a machine that is suspended at any step while another goes on with a copy of its state; then it wakes."""
    verdict = Verdict()

    def scenario(choices: Choices) -> None:
        service, left = Service(SLOW_JOB), _copy(bounds)
        one = Machine(folder, service, choices, left, ("a", "b"), spec)
        two = Machine(folder, service, choices, left, ("a", "b"), spec)

        one.per_shard = two.per_shard = 1

        def suspended() -> None:
            one.copy_state_to(two)
            two.apply_until_done()

        one.suspended = suspended
        # Also within the POST, where no guard can help: then there are two jobs, and the younger is cancelled.
        one.turn = lambda name: one.maybe_sleep() if name == "create" else None
        one.apply_until_done()
        left.faults = left.crashes = left.suspensions = 0
        verdict.take(service, one, two)

    return explore(scenario), verdict


def _copy(bounds: Bounds) -> Bounds:
    return Bounds(bounds.faults, bounds.crashes, bounds.switches, bounds.suspensions)


def test_one_machine_pays_once_under_a_fault_and_a_death(tmp_path: Path, spec: LoadedSpec) -> None:
    schedules, verdict = one_machine(tmp_path, spec, Bounds(faults=1, crashes=1))
    print(f"one machine: {schedules:,} schedules")
    assert schedules > 200
    assert set(verdict.paid) == {1}, verdict.paid


@pytest.mark.slow
def test_one_machine_pays_once_under_two_faults_and_two_deaths(tmp_path: Path, spec: LoadedSpec) -> None:
    schedules, verdict = one_machine(tmp_path, spec, Bounds(faults=2, crashes=2))
    print(f"one machine: {schedules:,} schedules, jobs {dict(verdict.jobs)}")
    assert set(verdict.paid) == {1}, verdict.paid


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c"), ("b", "c")])
def test_two_machines_pay_once_unless_neither_could_see_the_other(
    tmp_path: Path, spec: LoadedSpec, names: tuple[str, ...]
) -> None:
    schedules, _, races = two_machines(tmp_path, spec, Bounds(switches=2), names=names, seconds=5.0)
    assert schedules > races > 0


def test_a_race_of_two_machines_over_the_same_requests_is_swept_before_slow_jobs_run(
    tmp_path: Path, spec: LoadedSpec
) -> None:
    schedules, verdict, races = two_machines(tmp_path, spec, Bounds(switches=2), names=("a", "b"), seconds=SLOW_JOB)
    assert schedules > races > 0
    assert set(verdict.paid) == {1}, verdict.paid


@pytest.mark.slow
@pytest.mark.parametrize("bounds", [Bounds(switches=2, faults=1), Bounds(switches=2, crashes=1), Bounds(switches=3)])
def test_two_machines_with_a_fault_a_death_or_more_switches(tmp_path: Path, spec: LoadedSpec, bounds: Bounds) -> None:
    schedules, verdict, races = two_machines(tmp_path, spec, bounds, names=("a", "b"), seconds=SLOW_JOB)
    print(f"two machines: {schedules:,} schedules, {races:,} races")
    assert set(verdict.paid) == {1}, verdict.paid


def test_a_machine_that_wakes_after_its_claim_was_given_up_pays_nothing_twice(tmp_path: Path, spec: LoadedSpec) -> None:
    schedules, verdict = sleeper(tmp_path, spec, Bounds(suspensions=1, faults=1))
    print(f"a sleeper: {schedules:,} schedules")
    assert schedules > 100
    assert set(verdict.paid) == {1}, verdict.paid


# Each of the protocol's rules is needed: without it the same exploration finds a request that is paid for twice.


def _never_adopts(*given: object) -> Resolution:
    told = protocol.resolve(*given)  # type: ignore[arg-type]
    return Release("not looked for") if isinstance(told, Adopt) else told


def _no_settle_time(claim: object, observed: object, project_id: object, now: float, settle: float) -> Resolution:
    return protocol.resolve(claim, observed, project_id, now, 0.0)  # type: ignore[arg-type]


def test_without_adoption_a_request_is_paid_twice(
    tmp_path: Path, spec: LoadedSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "resolve", _never_adopts)
    monkeypatch.setattr(refreshing, "adopt_unknown", lambda *_: Adoption())
    _, verdict = one_machine(tmp_path, spec, Bounds(faults=1))
    assert verdict.paid[2] > 0


def test_without_the_settle_time_a_late_effect_makes_a_second_job(
    tmp_path: Path, spec: LoadedSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "resolve", _no_settle_time)
    _, verdict = one_machine(tmp_path, spec, Bounds(faults=1))
    assert verdict.jobs[2] > 0


def test_without_the_intent_on_record_a_second_job_is_made(
    tmp_path: Path, spec: LoadedSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteLedger, "mark_sending", lambda *_: None)
    _, verdict = one_machine(tmp_path, spec, Bounds(faults=1, crashes=1))
    assert verdict.jobs[2] > 0


def test_without_a_fresh_intent_a_machine_that_wakes_makes_a_second_job(
    tmp_path: Path, spec: LoadedSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, kept = sleeper(tmp_path, spec, Bounds(suspensions=1))
    monkeypatch.setattr(submitting, "may_send", lambda *_: True)
    _, verdict = sleeper(tmp_path, spec, Bounds(suspensions=1))
    assert _with_surplus(verdict) > _with_surplus(kept)


def _with_surplus(verdict: Verdict) -> int:
    """Return in how many schedules there were more jobs than the two shards need."""
    return sum(schedules for jobs, schedules in verdict.jobs.items() if jobs > 2)
