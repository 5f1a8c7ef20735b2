"""What is to be done about each request: every row of the table of decisions."""

from __future__ import annotations

from collections import Counter

import pytest

from batchspec.core.ledger import Recorded, RequestStatus
from batchspec.core.model import Target
from batchspec.core.planning import Action, Before, PendingShard, Plan, SpecPlan, VariantPlan, decide, once_sent, reason
from batchspec.core.ports import SpooledFile


@pytest.mark.parametrize(
    ("recorded", "action"),
    [
        (None, Action.SUBMIT),
        (Recorded(RequestStatus.CLAIMED, 1), Action.IN_FLIGHT),
        (Recorded(RequestStatus.CLAIMED, 9), Action.IN_FLIGHT),
        (Recorded(RequestStatus.CLAIMED, 1, sending=True), Action.UNRESOLVED),
        (Recorded(RequestStatus.SUCCEEDED, 1), Action.DONE),
        (Recorded(RequestStatus.SUCCEEDED, 9), Action.DONE),
        (Recorded(RequestStatus.FAILED, 1), Action.FAILED),
        (Recorded(RequestStatus.HELD, 1), Action.HELD),
        (Recorded(RequestStatus.FAILED_PASSING, 1), Action.RETRY),
        (Recorded(RequestStatus.FAILED_PASSING, 2), Action.RETRY),
        (Recorded(RequestStatus.FAILED_PASSING, 3), Action.FAILED),
        (Recorded(RequestStatus.FAILED_PASSING, 4), Action.FAILED),
    ],
)
def test_what_is_satisfied_is_decided_by_what_is_recorded(recorded: Recorded | None, action: Action) -> None:
    assert decide(recorded, 3) is action


@pytest.mark.parametrize("status", RequestStatus)
def test_every_recorded_status_has_its_action(status: RequestStatus) -> None:
    assert isinstance(decide(Recorded(status, 1), 1), Action)


def test_only_submit_and_retry_cost_money() -> None:
    assert {action for action in Action if action.sends} == {Action.SUBMIT, Action.RETRY}


def test_one_attempt_means_that_nothing_is_sent_again() -> None:
    assert decide(Recorded(RequestStatus.FAILED_PASSING, 1), 1) is Action.FAILED


M = Target("m")


@pytest.mark.parametrize(
    ("action", "asked", "was_declared", "body_changed", "before", "words"),
    [
        (Action.RETRY, False, True, True, Before(anything=False), "failed in a way that may pass"),
        (Action.RETRY, True, True, True, Before(anything=False), "asked for by `retry`"),
        (Action.SUBMIT, False, False, True, Before(anything=False), "spec added"),
        (Action.SUBMIT, False, False, True, Before(anything=True, forms=frozenset({""})), "row added"),
        (Action.SUBMIT, False, False, True, Before(anything=True, forms=frozenset({"other"})), "variant added"),
        (Action.SUBMIT, False, True, True, Before(anything=True), "body changed"),
        (Action.SUBMIT, False, True, False, Before(anything=True, targets=frozenset({Target("n")})), "model added"),
        (
            Action.SUBMIT,
            False,
            True,
            False,
            Before(anything=True, targets=frozenset({Target("m", 1)})),
            "revision changed",
        ),
        (
            Action.SUBMIT,
            False,
            True,
            False,
            Before(anything=True, targets=frozenset({Target("m", 0, 1)})),
            "replicate added",
        ),
        (Action.SUBMIT, False, True, False, Before(anything=True, targets=frozenset({M})), "not sent yet"),
    ],
)
def test_a_request_that_is_sent_has_one_reason(
    action: Action, asked: bool, was_declared: bool, body_changed: bool, before: Before, words: str
) -> None:
    told = reason(action, before, M, "", asked=asked, was_declared=was_declared, body_changed=body_changed)
    assert told == words


def plan() -> Plan:
    variants = (
        VariantPlan(
            model="a",
            rows=9,
            requests=9,
            actions=Counter({Action.SUBMIT: 2, Action.RETRY: 1, Action.IN_FLIGHT: 1, Action.DONE: 5}),
            reasons=Counter({"row added": 2}),
            jobs=1,
            bytes=100,
        ),
        VariantPlan(model="b", rows=9, requests=9, actions=Counter({Action.DONE: 9})),
    )
    shard = PendingShard(spec="s", endpoint="e", model="a", parts=(SpooledFile("f", 3, 100),))
    return Plan(specs=(SpecPlan(name="s", path="p", endpoint="e", variants=variants),), shards=(shard,))


def test_a_plan_adds_up_its_variants() -> None:
    told = plan()
    assert (told.sends, told.jobs, told.bytes, told.changes) == (3, 1, 100, True)
    assert told.total(Action.DONE) == 14
    assert told.total(Action.HELD) == 0


def test_once_sent_what_was_to_be_sent_is_in_flight_and_nothing_is_lost() -> None:
    before, after = plan(), once_sent(plan())
    assert (after.sends, after.jobs, after.bytes, after.changes, after.shards) == (0, 0, 0, False, ())
    assert after.total(Action.IN_FLIGHT) == 4
    for old, new in zip(before.variants, after.variants, strict=True):
        assert old.actions.total() == new.actions.total()
        assert not new.reasons
    assert before.total(Action.SUBMIT) == 2


def test_an_empty_plan_changes_nothing() -> None:
    assert not Plan(specs=()).changes
