"""Submission: every step durable before the next, one POST, and whatever is lost is found again and paid once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from project_world import MODEL, Died, Machine, NewService, Service, chat_spec, services, table

from batchspec.commands.apply import Applied, ApplyOptions, apply
from batchspec.commands.refresh import Refresh, refresh
from batchspec.commands.wait import wait_for
from batchspec.core.errors import (
    AccessError,
    InvalidInputError,
    ProviderRefusedError,
    ProviderUnavailableError,
    UnresolvedError,
)
from batchspec.core.ledger import Phase
from batchspec.core.model import JobRequest
from batchspec.core.planning import Action, Plan
from batchspec.emulator.faults import CallFailure, Faults

WORDS = [f"word {number}" for number in range(10)]


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    yield from services(tmp_path)


@pytest.fixture
def service(new_service: NewService) -> Service:
    return new_service()


@pytest.fixture
def machine(service: Service) -> Machine:
    return prepared(service.machine())


def agree(plan: Plan) -> None:
    pass


def prepared(machine: Machine, *, more: str = "", models: tuple[str, ...] = (MODEL,)) -> Machine:
    machine.write("demo.batchspec.yaml", chat_spec(more=more, models=models))
    machine.write("rows.csv", table(WORDS))
    return machine


def applied(machine: Machine, *, wait: bool = True, settle_seconds: float = 2.0) -> Applied:
    return apply(
        machine.load(),
        ApplyOptions(wait=wait),
        world=machine.world(settle_seconds=settle_seconds),
        provider=machine.provider,
        approve=agree,
    )


def converged(machine: Machine, service: Service, requests: int = 10) -> None:
    """Everything is answered, nothing was executed twice, and nothing is left to do."""
    assert applied(machine).requests == 0
    assert machine.ledger.open_claims() == machine.ledger.claims_in_flight() == []
    told = service.told()
    assert (told.executions, told.distinct, told.repeated) == (requests, requests, 0)
    plan = applied(machine).status.plan
    assert plan.total(Action.DONE) == requests
    assert plan.sends == 0


def phases(machine: Machine) -> list[str]:
    return [phase for (phase,) in machine.ledger._rows("SELECT phase FROM claim ORDER BY id")]


def reasons(machine: Machine) -> list[str | None]:
    return [reason for (reason,) in machine.ledger._rows("SELECT release_reason FROM claim ORDER BY id")]


def test_a_jobs_marks_and_its_metadata_reach_the_provider(machine: Machine) -> None:
    prepared(machine, more="metadata: {owner: data}\ntimeout_hours: 3\n")
    applied(machine)
    [job] = machine.provider.list_jobs()
    shard = job.metadata["bspec_shard"]
    assert job.metadata == {
        "owner": "data",
        "bspec_project": machine.ledger.project_id,
        "bspec_shard": shard,
        "bspec_try": "1",
        "bspec_spec": "demo",
        "bspec_n": "10",
    }
    assert len(shard) == 32


STEPS = (
    "submit:before-claim",
    "submit:after-claim",
    "submit:before-upload",
    "submit:after-upload",
    "submit:before-create",
    "submit:after-create",
    "submit:after-record",
    "resolve:before-adopt",
    "resolve:before-release",
    "collect:before-take-in",
    "collect:after-take-in",
    "collect:after-collected",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_is_made_good_and_paid_once(machine: Machine, service: Service, step: str) -> None:
    if step.startswith("resolve:"):
        machine.dies_at = "submit:after-create" if step == "resolve:before-adopt" else "submit:after-claim"
        with pytest.raises(Died):
            applied(machine)
    machine.dies_at = step
    with pytest.raises(Died):
        applied(machine)
    assert machine.checkpoints[-1] == step
    applied(machine)
    converged(machine, service)


def test_nothing_is_resolved_by_guessing_before_the_settle_time(machine: Machine, service: Service) -> None:
    service.break_with(Faults(list_lag=3600))
    machine.dies_at = "submit:after-create"
    with pytest.raises(Died):
        applied(machine)
    told = refresh(machine.world(settle_seconds=1_000.0), machine.provider)
    assert (told.unresolved, phases(machine)) == (1, [Phase.SENDING])
    service.break_with(Faults())
    told = refresh(machine.world(settle_seconds=1_000.0), machine.provider)
    assert (told.unresolved, phases(machine)[0]) == (0, "created" if told.in_flight else "collected")
    assert "adopted job" in told.notes.lines[0]
    converged(machine, service)


def test_a_submission_that_stays_unanswered_is_unresolved_and_running_again_is_safe(
    machine: Machine, service: Service
) -> None:
    service.break_with(Faults(drop_calls={"create": 100}))
    with pytest.raises(UnresolvedError):
        applied(machine)
    assert service.told().jobs == 0
    service.break_with(Faults())
    applied(machine)
    converged(machine, service)


def test_what_was_claimed_and_never_sent_is_given_back_at_once(machine: Machine, service: Service) -> None:
    machine.dies_at = "submit:after-upload"
    with pytest.raises(Died):
        applied(machine)
    told = refresh(machine.world(settle_seconds=1_000_000.0), machine.provider)
    assert told.unresolved == 0
    assert reasons(machine) == ["it was never sent"]
    assert applied(machine).requests == 10
    # The upload whose end was not recorded is found by its name.
    assert service.told().uploads == 1
    converged(machine, service)


def test_several_models_share_one_upload(machine: Machine, service: Service) -> None:
    prepared(machine, models=("a-model", "b-model", "c-model"))
    assert applied(machine).jobs == 3
    assert service.told().uploads == 1
    converged(machine, service, 30)


def test_an_upload_that_has_expired_is_sent_anew(machine: Machine, service: Service) -> None:
    prepared(machine, models=("a-model",))
    applied(machine)
    [file] = [job.input_files[0] for job in machine.provider.list_jobs()]
    assert machine.provider.delete_file(file)
    prepared(machine, models=("a-model", "b-model"))
    assert applied(machine).requests == 10
    assert phases(machine) == ["collected", "released", "collected"]
    assert service.told().uploads == 2
    converged(machine, service, 20)


@pytest.mark.parametrize(
    ("status", "error"),
    [(402, ProviderRefusedError), (422, ProviderRefusedError), (401, AccessError), (403, AccessError)],
)
def test_a_definite_refusal_gives_the_claim_back_with_its_reason(
    machine: Machine, service: Service, status: int, error: type[Exception]
) -> None:
    service.break_with(Faults(fail_calls={"create": CallFailure(status=status)}))
    with pytest.raises(error):
        applied(machine)
    assert phases(machine) == ["released"]
    assert reasons(machine)[0]
    assert machine.ledger.open_claims() == []
    service.break_with(Faults())
    assert applied(machine).requests == 10
    assert service.told().uploads == 1
    converged(machine, service)


def test_an_upload_that_does_not_work_gives_the_claim_back(machine: Machine, service: Service) -> None:
    service.break_with(Faults(fail_calls={"upload": CallFailure(status=503, count=1_000)}))
    with pytest.raises(ProviderUnavailableError):
        applied(machine)
    assert phases(machine) == ["released"]
    service.break_with(Faults())
    applied(machine)
    converged(machine, service)


def test_the_shards_sent_before_a_refusal_stay_sent(machine: Machine, service: Service) -> None:
    prepared(machine, more="limits: {requests_per_job: 4}\n")
    service.break_with(Faults(fail_calls={"upload": CallFailure(status=422, count=1)}))
    with pytest.raises((ProviderRefusedError, InvalidInputError)):
        applied(machine)
    applied(machine)
    converged(machine, service)


def twin(machine: Machine, **changes: str) -> str:
    """Make a second job with the marks of the first, as another applier without a lock would."""
    [job] = machine.provider.list_jobs()
    made = machine.provider.create_job(
        JobRequest(
            endpoint=job.endpoint, model=job.model, input_files=job.input_files, metadata={**job.metadata, **changes}
        )
    )
    return made.id


def test_of_two_jobs_for_one_try_the_older_is_kept_and_the_other_cancelled(new_service: NewService) -> None:
    service = new_service(queue_seconds=600)
    machine = prepared(service.machine())
    machine.dies_at = "submit:after-create"
    with pytest.raises(Died):
        applied(machine)
    twin(machine)
    # Times are told in seconds: of two within one, the ids decide.
    older, younger = sorted(machine.provider.list_jobs(), key=lambda job: (job.created_at, job.id))
    told = refresh(machine.world(), machine.provider)
    assert [line.split(" (")[0] for line in told.notes.lines] == [
        f"adopted job {older.id}",
        f"cancelled job {younger.id}",
    ]
    assert [(claim.job_id, claim.surplus) for claim in machine.ledger.claims_in_flight()] == [
        (older.id, False),
        (younger.id, True),
    ]
    cancelled = machine.provider.get_job(younger.id)
    assert cancelled is not None
    assert cancelled.status == "CANCELLED"
    service.let_queued_run()
    applied(machine)
    converged(machine, service)


@pytest.mark.parametrize(
    "step",
    ["resolve:before-adopt", "adopt:before-record", "adopt:after-record", "sweep:before-cancel", "sweep:after-cancel"],
)
def test_a_death_while_a_second_job_is_cancelled_does_not_forget_it(new_service: NewService, step: str) -> None:
    service = new_service(queue_seconds=600)
    machine = prepared(service.machine())
    machine.dies_at = "submit:after-create"
    with pytest.raises(Died):
        applied(machine)
    twin(machine)
    machine.dies_at = step
    with pytest.raises(Died):
        refresh(machine.world(), machine.provider)
    refresh(machine.world(), machine.provider)
    older, younger = sorted(machine.provider.list_jobs(), key=lambda job: (job.created_at, job.id))
    assert set(machine.ledger.known_job_ids(5)) == {older.id, younger.id}
    assert (older.status == "CANCELLED", younger.status) == (False, "CANCELLED")
    service.let_queued_run()
    applied(machine)
    converged(machine, service)


def test_a_claim_adopts_no_job_of_another_try_or_project_but_the_sweep_finds_those_of_this_one(
    machine: Machine, service: Service
) -> None:
    machine.dies_at = "submit:before-create"
    with pytest.raises(Died):
        applied(machine)
    [claim] = machine.ledger.open_claims()
    file = machine.provider.find_files(_name_of(machine))[0]
    for marks in ({"bspec_project": "another"}, {"bspec_try": "7"}, {"bspec_shard": "0" * 32}):
        metadata = {
            "bspec_project": machine.ledger.project_id,
            "bspec_shard": claim.shard,
            "bspec_try": "1",
            **marks,
        }
        machine.provider.create_job(
            JobRequest(endpoint=claim.endpoint, model=claim.model, input_files=(file.id,), metadata=metadata)
        )
    told = refresh(machine.world(), machine.provider, settle=True)
    assert told.adopted.total() == claim.requests
    own, *swept = machine.ledger._rows("SELECT phase, surplus FROM claim ORDER BY id")
    assert own == ("released", 0)
    assert [surplus for _, surplus in swept] == [0, 1]


def _name_of(machine: Machine) -> str:
    [(name,)] = machine.ledger._rows("SELECT filename FROM file")
    return str(name)


# Adoption by a state that knows nothing


def test_a_new_state_adopts_what_was_paid_for_and_sends_nothing(machine: Machine, service: Service) -> None:
    prepared(machine, more="limits: {requests_per_job: 4}\n", models=("a-model", "b-model"))
    applied(machine)
    clone = service.machine("clone")
    told = applied(clone)
    assert told.requests == 0
    assert told.plan.total(Action.DONE) == 20
    assert service.told().executions == 20


def test_a_new_state_adopts_jobs_that_still_run(new_service: NewService) -> None:
    service = new_service(queue_seconds=600)
    machine = prepared(service.machine())
    applied(machine, wait=False)
    clone = service.machine("clone")
    told = refresh(clone.world(), clone.provider)
    assert told.adopted == {("demo", MODEL, ""): 10}
    assert applied(clone, wait=False).requests == 0
    service.let_queued_run()
    assert applied(clone).requests == 0
    converged(clone, service)


def test_adopting_is_done_once_and_a_death_in_it_is_made_good(machine: Machine, service: Service) -> None:
    prepared(machine, more="limits: {requests_per_job: 4}\n")
    applied(machine)
    clone = service.machine("clone")
    for _ in range(2):
        clone.dies_at = "collect:after-take-in"
        with pytest.raises(Died):
            refresh(clone.world(), clone.provider)
        assert clone.ledger.compared_at() is None
    told = refresh(clone.world(), clone.provider)
    assert clone.ledger.compared_at() is not None
    assert refresh(clone.world(), clone.provider).adopted.total() == 0
    assert told.in_flight == 0
    converged(clone, service)


def test_a_failure_that_was_retried_elsewhere_is_adopted_with_its_answer(machine: Machine, service: Service) -> None:
    service.break_with(Faults(line_error_rate=0.5, line_error_status=503))
    prepared(machine, more="retry: {max_attempts: 1}\n")
    applied(machine)
    service.break_with(Faults())
    prepared(machine, more="retry: {max_attempts: 3}\n")
    applied(machine)
    executed = service.told().executions
    clone = service.machine("clone")
    told = applied(clone)
    assert (told.requests, told.plan.total(Action.DONE)) == (0, 10)
    assert service.told().executions == executed


def test_an_inline_retry_elsewhere_answers_what_the_file_job_here_has_left_failed(
    machine: Machine, service: Service
) -> None:
    service.break_with(Faults(line_error_rate=1, line_error_status=503))
    prepared(machine)
    applied(machine, wait=False)
    clone = service.machine("clone")
    ended = time.monotonic() + 20
    while time.monotonic() < ended and service.told().executions < 10:
        time.sleep(0.05)
    refresh(clone.world(), clone.provider)
    service.break_with(Faults())
    prepared(clone, more="submit: inline\n")
    assert applied(clone).requests == 10
    # The file job is in flight here still, of the same shard, when the other one is adopted.
    assert [claim.surplus for claim in machine.ledger.claims_in_flight()] == [False]
    told = applied(machine)
    assert (told.requests, told.plan.total(Action.DONE)) == (0, 10)
    assert machine.ledger.claims_in_flight() == []
    assert list(machine.ledger._rows("SELECT * FROM quarantine")) == []


def test_the_next_try_after_an_adoption_bears_a_number_of_its_own(machine: Machine, service: Service) -> None:
    service.break_with(Faults(fail_calls={"create": CallFailure(status=402)}))
    with pytest.raises(ProviderRefusedError):
        applied(machine)
    # The second try is the first that becomes a job; all of it fails in passing.
    service.break_with(Faults(line_error_rate=1, line_error_status=503))
    prepared(machine, more="retry: {max_attempts: 1}\n")
    applied(machine)
    clone = service.machine("clone")
    service.break_with(Faults(lose_answers={"create": 1}))
    prepared(clone, more="retry: {max_attempts: 2}\n")
    told = applied(clone)
    assert sorted(job.metadata["bspec_try"] for job in clone.provider.list_jobs()) == ["2", "3"]
    assert told.status.plan.total(Action.DONE) == 10
    assert service.told().repeated_successes == 0


def test_a_second_job_for_the_same_requests_is_cancelled_by_who_adopts_both(new_service: NewService) -> None:
    service = new_service(queue_seconds=600)
    machine = prepared(service.machine())
    applied(machine, wait=False)
    twin(machine)
    clone = service.machine("clone")
    told = refresh(clone.world(), clone.provider)
    older, younger = sorted(clone.provider.list_jobs(), key=lambda job: (job.created_at, job.id))
    assert [line.split(" (")[0].split(":")[0] for line in told.notes.lines] == [
        f"adopted job {older.id}",
        f"cancelled job {younger.id}",
    ]
    assert (older.status == "CANCELLED", younger.status) == (False, "CANCELLED")
    service.let_queued_run()
    applied(clone)
    converged(clone, service)


@pytest.mark.parametrize("marks", [{"bspec_shard": ""}, {}])
def test_a_job_that_bears_the_mark_and_is_none_of_ours_is_left_alone(
    machine: Machine, tmp_path: Path, marks: dict[str, str]
) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(b'{"custom_id": "x", "body": {"messages": [{"role": "user", "content": "hi"}]}}\n')
    file = machine.provider.upload(path, "odd.jsonl", machine.world().progress)
    project = machine.ledger.project_id
    metadata = {"bspec_project": project} | {key: value or "s" * 32 for key, value in marks.items()}
    job = machine.provider.create_job(
        JobRequest(endpoint="/v1/chat/completions", model=MODEL, input_files=(file.id,), metadata=metadata)
    )
    told = refresh(machine.world(), machine.provider)
    if marks:
        assert told.adopted == {("", MODEL, ""): 1}
    else:
        assert told.adopted.total() == 0
        assert f"job {job.id} bears this project's mark" in told.notes.lines[0]
    assert applied(machine).requests == 10


def test_a_key_of_another_workspace_sends_nothing_again(machine: Machine) -> None:
    applied(machine)
    machine.dies_at = "submit:after-claim"
    machine.write("rows.csv", table([*WORDS, "more"]))
    with pytest.raises(Died):
        applied(machine)
    # To a key of another workspace, none of the jobs and files is there.
    for job in list(machine.provider.list_jobs()):
        machine.provider.delete_job(job.id)
    for file in machine.ledger.known_file_ids(9):
        machine.provider.delete_file(file)
    with pytest.raises(AccessError, match="does not know job"):
        applied(machine)


# Waiting


def test_a_wait_ends_when_nothing_of_its_specs_is_in_flight(new_service: NewService) -> None:
    service = new_service(queue_seconds=0.3)
    machine = prepared(service.machine())
    machine.write("slow.batchspec.yaml", chat_spec("slow").replace("Say", "Tell"))
    for path in ("demo.batchspec.yaml", "slow.batchspec.yaml"):
        apply(
            machine.load(path),
            ApplyOptions(),
            world=machine.world(),
            provider=machine.provider,
            approve=agree,
        )
    done = Refresh()
    waited = wait_for(["demo"], world=machine.world(), provider=machine.provider, timeout=None, done=done)
    assert (waited.in_flight, waited.ran_out) == (0, False)
    assert waited.collected >= 1
    assert [claim for claim in machine.ledger.claims_in_flight() if claim.spec == "demo"] == []


def test_a_wait_that_runs_out_says_how_much_is_still_running(new_service: NewService) -> None:
    service = new_service(queue_seconds=3600)
    machine = prepared(service.machine())
    applied(machine, wait=False)
    for timeout in (0.0, 90.0):
        waited = wait_for(["demo"], world=machine.world(), provider=machine.provider, timeout=timeout, done=Refresh())
        assert (waited.in_flight, waited.collected, waited.ran_out) == (1, 0, True)


def test_a_status_that_nobody_knows_counts_as_in_flight(machine: Machine, service: Service) -> None:
    service.break_with(Faults(unknown_status=True))
    applied(machine, wait=False)
    told = refresh(machine.world(), machine.provider)
    assert told.in_flight == 1
    assert applied(machine, wait=False).requests == 0
    service.break_with(Faults())
    applied(machine)
    converged(machine, service)


def test_many_jobs_are_looked_at_by_the_list_and_the_missing_one_by_one(new_service: NewService) -> None:
    service = new_service()
    machine = prepared(service.machine(), more="limits: {requests_per_job: 1}\n")
    service.break_with(Faults(list_lag=3600))
    applied(machine, wait=False)
    told = refresh(machine.world(), machine.provider)
    assert told.collected + told.in_flight == 10
    service.break_with(Faults())
    applied(machine)
    converged(machine, service)
