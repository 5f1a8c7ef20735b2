"""A saved plan held against what would be sent: the law of when it is stale, over tables and a state that are real."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.commands.saved_plans import TAKEN, SavedRun
from batchspec.core.errors import StaleError
from batchspec.core.ledger import ClaimLine, ClaimRequest, RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.core.saved_plan import Batch, Made, SavedPlan
from batchspec.state.request_table import SqliteRequestTable
from batchspec.state.store import SqliteLedger

PLAN = SavedPlan(
    id="mine",
    created_at=0.0,
    batchspec_version="0",
    project="p",
    provider="mistral",
    refreshed=True,
    made=Made(specs=()),
    specs=(),
    summary={},
)
Requests = Mapping[RequestDigest, Batch]


def batch(variant: str = "", action: str = "submit", tries: int = 0) -> Batch:
    return Batch("demo", variant, "m", 0, 0, action, "row added", tries)


SENT = batch()
KINDS = [SENT, batch("other"), batch(action="retry", tries=1), batch(action="retry", tries=2)]
digests = st.integers(1, 6).map(lambda number: RequestDigest(bytes([number]) * 16))
some_requests = st.dictionaries(digests, st.sampled_from(KINDS), max_size=6)


def is_stale(held: Requests, now: Requests, claimed: Mapping[RequestDigest, str]) -> bool:
    """Hold a plan against what would be sent, after claims for plans by their ids, or for none."""
    with SqliteLedger(None) as ledger, SqliteRequestTable() as table:
        for number, (digest, plan) in enumerate(claimed.items()):
            request = ClaimRequest(shard=str(number), spec="demo", endpoint="e", model="m", requests=1, plan=plan)
            ledger.claim(request, [ClaimLine("r", digest)], 1.0)
        for digest, each in held.items():
            table.add(each, [digest])
        with SavedRun(PLAN, table, SqliteRequestTable) as run:
            book = run.book()
            left = book.left([digest for digest, each in now.items() if each.action == "retry"])
            for digest, each in now.items():
                if digest not in left:
                    book.note(each, digest)
            try:
                run.check([], ledger)
            except StaleError:
                return True
            return False


def same(one: Batch, other: Batch) -> bool:
    return (one.variant, one.tries) == (other.variant, other.tries)


@settings(max_examples=300)
@given(some_requests, some_requests)
def test_it_is_fresh_where_just_what_it_holds_would_be_sent_but_for_retries_that_have_come_up(
    held: Requests, now: Requests
) -> None:
    counts = {digest: each for digest, each in now.items() if each.action == "submit" or digest in held}
    fresh = counts.keys() == held.keys() and all(same(each, held[digest]) for digest, each in counts.items())
    assert is_stale(held, now, {}) is not fresh


@given(some_requests, st.dictionaries(digests, st.sampled_from(["mine", "", "theirs"]), max_size=6))
def test_what_is_missing_may_have_been_claimed_for_itself_and_for_nobody_else(
    held: Requests, claimed: Mapping[RequestDigest, str]
) -> None:
    now = {digest: each for digest, each in held.items() if digest not in claimed}
    taken = any(plan != "mine" for digest, plan in claimed.items() if digest in held)
    assert is_stale(held, now, claimed) is taken


def test_what_is_stale_is_told_by_counts_and_reasons() -> None:
    one, two = (RequestDigest(bytes([number]) * 16) for number in (1, 2))
    with SqliteLedger(None) as ledger, SqliteRequestTable() as table, SavedRun(PLAN, table, SqliteRequestTable) as run:
        table.add(SENT, [one])
        run.changed.append("BATCHSPEC_VAR_tone")
        run.book().note(SENT, two)
        with pytest.raises(StaleError) as told:
            run.check([], ledger)
    assert "1 of them are not declared any more" in told.value.summary
    assert "1 would be sent that it does not hold (1 row added)" in told.value.summary
    assert told.value.why == "changed since: BATCHSPEC_VAR_tone"


def test_one_that_was_applied_to_its_end_is_refused() -> None:
    with SqliteLedger(None) as ledger, SqliteRequestTable() as table, SavedRun(PLAN, table, SqliteRequestTable) as run:
        run.refuse_used(ledger)
        ledger.begin_plan("mine", 1.0)
        run.refuse_used(ledger)
        ledger.finish_plan("mine", 2.0)
        with pytest.raises(StaleError, match="applied before"):
            run.refuse_used(ledger)


def test_every_status_has_its_word_for_what_was_taken() -> None:
    assert set(TAKEN) == set(RequestStatus)
