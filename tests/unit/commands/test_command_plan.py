"""A plan counts every request once, says why each is to be sent, and is empty once it was carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from project_world import MODEL, Machine, NewService, Service, chat_spec, services, silent, table

from batchspec.commands.apply import ApplyOptions, apply
from batchspec.commands.plan import make_plan
from batchspec.core.errors import InvalidInputError, LimitError
from batchspec.core.planning import Action, Plan, VariantPlan
from batchspec.core.shares import CHUNK
from batchspec.emulator.faults import Faults
from batchspec.state.scratch import SqliteScratch

WORDS = [f"word {number}" for number in range(10)]


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    yield from services(tmp_path)


@pytest.fixture
def service(new_service: NewService) -> Service:
    return new_service()


@pytest.fixture
def machine(service: Service) -> Machine:
    machine = service.machine()
    machine.write("demo.batchspec.yaml", chat_spec())
    machine.write("rows.csv", table(WORDS))
    return machine


def planned(machine: Machine, *paths: str) -> Plan:
    with SqliteScratch() as scratch:
        plan, _ = make_plan(
            machine.load(*paths), ledger=machine.ledger, scratch=scratch, progress=silent(), stop=lambda: None
        )
    for variant in plan.variants:
        assert variant.actions.total() == variant.requests == variant.rows - variant.duplicates
        assert variant.removed >= 0
        assert sum(variant.reasons.values()) == variant.sends
    return plan


def variant(machine: Machine, *paths: str) -> VariantPlan:
    [only] = planned(machine, *paths).variants
    return only


def agree(plan: Plan) -> None:
    pass


def applied(machine: Machine, *paths: str, approve: Callable[[Plan], None] = agree) -> int:
    told = apply(
        machine.load(*paths),
        ApplyOptions(wait=True),
        world=machine.world(),
        provider=machine.provider,
        approve=approve,
    )
    return told.requests


def test_a_new_spec_sends_every_row_and_nothing_after_that(machine: Machine, service: Service) -> None:
    told = variant(machine)
    assert (told.rows, told.requests, told.sends, told.jobs) == (10, 10, 10, 1)
    assert told.reasons == {"spec added": 10}
    assert applied(machine) == 10
    told = variant(machine)
    assert (told.sends, told.jobs, told.bytes, told.removed) == (0, 0, 0, 0)
    assert told.actions == {Action.DONE: 10}
    assert applied(machine) == 0
    assert service.told().executions == 10


def test_planning_sends_and_records_nothing(machine: Machine, service: Service) -> None:
    planned(machine)
    planned(machine)
    assert sum(machine.ledger.declared_counts("demo").values()) == 0
    assert service.told().uploads == 0
    assert list((machine.home / "spool").glob("*")) == []


@pytest.mark.parametrize(
    ("spec", "rows"),
    [
        (chat_spec(), table(list(reversed(WORDS)))),
        (chat_spec().replace("{{ row.id }}", "{{ row.note }}"), table(WORDS)),
        (chat_spec(), table(WORDS).replace("n3", "another note")),
        (chat_spec(custom_id=False), table(WORDS)),
        (chat_spec(more="description: new\nmetadata: {owner: x}\ntimeout_hours: 2\n"), table(WORDS)),
        (chat_spec(more="limits: {requests_per_job: 3}\noutput: elsewhere.jsonl\n"), table(WORDS)),
        (chat_spec().replace("Say {{ row.word }}", "Say {{ row['word'] }}"), table(WORDS)),
        (chat_spec(name="renamed"), table(WORDS)),
    ],
    ids=["reordered", "rekeyed", "unread column", "default ids", "job's own", "cutting", "same bytes", "renamed"],
)
def test_what_does_not_change_a_request_costs_nothing(machine: Machine, spec: str, rows: str) -> None:
    applied(machine)
    machine.write("demo.batchspec.yaml", spec)
    machine.write("rows.csv", rows)
    assert variant(machine).actions == {Action.DONE: 10}


def test_reasons_say_what_changed(machine: Machine) -> None:
    applied(machine)
    machine.write("rows.csv", table([*WORDS[:8], "changed", WORDS[9], "new"]))
    assert variant(machine).reasons == {"body changed": 1, "row added": 1}
    machine.write("demo.batchspec.yaml", chat_spec(models=[MODEL, "ministral-8b-latest"]))
    reasons = {told.model: told.reasons for told in planned(machine).variants}
    assert reasons[MODEL] == {"body changed": 1, "row added": 1}
    assert reasons["ministral-8b-latest"] == {"model added": 9, "body changed": 1, "row added": 1}


def test_removed_rows_are_counted_until_they_are_applied(machine: Machine) -> None:
    applied(machine)
    machine.write("rows.csv", table(WORDS[:6]))
    assert variant(machine).removed == 4
    applied(machine)
    assert variant(machine).removed == 0
    assert sum(machine.ledger.declared_counts("demo").values()) == 6


def test_rows_with_the_same_body_are_one_request(machine: Machine, service: Service) -> None:
    machine.write("rows.csv", table(["a", "b", "a", "a", "c"]))
    told = variant(machine)
    assert (told.rows, told.requests, told.duplicates, told.sends) == (5, 3, 2, 3)
    assert applied(machine) == 3
    assert service.told().executions == 3
    assert sum(machine.ledger.declared_counts("demo").values()) == 5


@pytest.mark.parametrize("custom_id", [True, False])
def test_repeats_far_apart_are_neither_sent_twice_nor_miscounted(machine: Machine, custom_id: bool) -> None:
    # Further apart than what is rendered at once.
    words = ["same", *(f"w{number}" for number in range(CHUNK)), "same"]
    machine.write("demo.batchspec.yaml", chat_spec(custom_id=custom_id))
    machine.write("rows.csv", table(words))
    assert (variant(machine).requests, variant(machine).duplicates) == (CHUNK + 1, 1)
    assert applied(machine) == CHUNK + 1
    again = variant(machine)
    assert (again.sends, again.removed, again.actions[Action.DONE]) == (0, 0, CHUNK + 1)
    # One row less, its body still there: nothing to send, and its id is removed where it had one of its own.
    machine.write("rows.csv", table(words[:-2]))
    assert variant(machine).removed == (2 if custom_id else 1)


def test_models_share_their_file_and_are_counted_apart(machine: Machine, service: Service) -> None:
    machine.write("demo.batchspec.yaml", chat_spec(models=["b-model", "a-model"]))
    plan = planned(machine)
    assert [told.model for told in plan.variants] == ["b-model", "a-model"]
    assert plan.sends == 20
    assert plan.jobs == 2
    assert applied(machine) == 20
    assert service.told().uploads == 1


def test_the_same_request_of_two_specs_is_sent_once(machine: Machine, service: Service) -> None:
    machine.write("other.batchspec.yaml", chat_spec("other"))
    plan = planned(machine, "demo.batchspec.yaml", "other.batchspec.yaml")
    assert [told.sends for told in plan.variants] == [10, 0]
    assert plan.variants[1].actions == {Action.IN_FLIGHT: 10}
    assert applied(machine, "demo.batchspec.yaml", "other.batchspec.yaml") == 10
    assert planned(machine, "demo.batchspec.yaml", "other.batchspec.yaml").total(Action.DONE) == 20
    assert service.told().repeated == 0


def test_failures_that_may_pass_are_retried_up_to_the_limit_and_then_rest(machine: Machine, service: Service) -> None:
    machine.write("demo.batchspec.yaml", chat_spec(more="retry: {max_attempts: 2}\n"))
    service.break_with(Faults(line_error_rate=1, line_error_status=503))
    asked: list[Plan] = []
    assert applied(machine, approve=asked.append) == 20
    assert [plan.sends for plan in asked] == [10]
    told = variant(machine)
    assert told.actions == {Action.FAILED: 10}
    machine.write("demo.batchspec.yaml", chat_spec(more="retry: {max_attempts: 3}\n"))
    assert variant(machine).reasons == {"failed in a way that may pass": 10}


def test_what_fails_for_good_is_not_sent_again(machine: Machine, service: Service) -> None:
    service.break_with(Faults(line_error_rate=1, line_error_status=400))
    assert applied(machine) == 10
    service.break_with(Faults())
    assert variant(machine).actions == {Action.FAILED: 10}
    assert applied(machine) == 0


def test_a_row_that_cannot_be_rendered_stops_the_plan_of_every_spec(machine: Machine, service: Service) -> None:
    machine.write("other.batchspec.yaml", chat_spec("other").replace("row.word", "row.wrod"))
    with pytest.raises(InvalidInputError, match="10 errors were found") as caught:
        applied(machine, "demo.batchspec.yaml", "other.batchspec.yaml")
    assert len(caught.value.diagnostics) == 1
    assert service.told().uploads == 0
    assert machine.ledger.open_claims() == []


def test_a_repeated_custom_id_is_told_with_both_rows(machine: Machine) -> None:
    machine.write("rows.csv", table(WORDS) + "r3,again,n\n")
    with pytest.raises(InvalidInputError) as caught:
        planned(machine)
    [found] = caught.value.diagnostics
    assert (found.code, found.location.path, found.location.span and found.location.span.line) == (
        "repeated-custom-id",
        "rows.csv",
        12,
    )
    assert "rows.csv:5" in (found.detail or "")


def test_limits_stop_before_anything_is_sent(machine: Machine, service: Service) -> None:
    machine.write("demo.batchspec.yaml", chat_spec(more="limits: {max_requests: 9}\n"))
    with pytest.raises(LimitError, match="would send 10 requests"):
        applied(machine)
    machine.write("demo.batchspec.yaml", chat_spec(more="limits: {max_requests: 10}\n"))
    world = machine.world()
    with pytest.raises(LimitError, match="--max-requests"):
        apply(
            machine.load(),
            ApplyOptions(max_requests=9),
            world=world,
            provider=machine.provider,
            approve=agree,
        )
    assert service.told().uploads == 0
    assert applied(machine) == 10


def test_a_plan_is_made_from_what_is_recorded_alone(machine: Machine, service: Service) -> None:
    applied(machine)
    service.server.stop()
    assert variant(machine).actions == {Action.DONE: 10}
    with SqliteScratch() as scratch:
        plan, _ = make_plan(
            machine.load(), ledger=machine.ledger, scratch=scratch, progress=silent(), stop=lambda: None
        )
    assert not plan.refreshed
    service.server.start()


def test_shards_are_cut_as_the_limits_say_and_hold_every_line(machine: Machine) -> None:
    machine.write("demo.batchspec.yaml", chat_spec(more="limits: {requests_per_job: 4}\n"))
    with SqliteScratch() as scratch:
        plan, [told] = make_plan(
            machine.load(),
            ledger=machine.ledger,
            scratch=scratch,
            progress=silent(),
            stop=lambda: None,
            begin=machine.spool.begin,
        )
    assert [shard.requests for shard in plan.shards] == [4, 4, 2]
    assert plan.shards == told.shards
    assert Counter(variant.jobs for variant in plan.variants) == {3: 1}
    files = [machine.spool.path(part.sha256) for shard in plan.shards for part in shard.parts]
    lines = b"".join(path.read_bytes() for path in files).splitlines()
    assert len(lines) == len(set(lines)) == 10
    assert sum(path.stat().st_size for path in files) == plan.bytes
    assert replace(plan, shards=()) != plan
