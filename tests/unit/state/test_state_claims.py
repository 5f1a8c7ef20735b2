"""Claims are create-only: a conflict leaves nothing behind, and a release gives back exactly what was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from state_samples import claimed, digest, in_flight, job, lines, picture, shard

from batchspec.core.ledger import Claim, ClaimConflictError, ClaimLine, Phase, Recorded, RequestStatus
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.store import SqliteLedger

FAILED_PASSING = Outcome(OutcomeKind.FAILED_PASSING, 503, None, "busy")
SUCCEEDED = Outcome(OutcomeKind.SUCCEEDED, 200, b"{}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(path) as opened:
        yield opened


def status(ledger: SqliteLedger, name: object) -> Recorded | None:
    return ledger.recorded([digest(name)]).get(digest(name))


def test_a_claim_reserves_every_request_of_its_shard(ledger: SqliteLedger) -> None:
    claim = ledger.claim(shard(requests=3), lines("a", "b", "c"), 17.5)
    assert (claim.shard, claim.attempt, claim.spec, claim.requests) == ("shard", 1, "triage", 3)
    assert (claim.phase, claim.claimed_at, claim.sending_at, claim.job_id) == (Phase.CLAIMED, 17.5, None, None)
    assert list(ledger.claim_lines(claim.id)) == lines("a", "b", "c")
    assert ledger.recorded([digest(name) for name in "abcd"]) == {
        digest(name): Recorded(RequestStatus.CLAIMED, 1, sending=True) for name in "abc"
    }
    assert ledger.open_claims() == [claim]


def test_lines_come_back_in_the_order_of_the_file_and_not_of_their_digests(ledger: SqliteLedger) -> None:
    names = list(range(200))
    claim = claimed(ledger, *names)
    assert [line.custom_id for line in ledger.claim_lines(claim.id)] == [f"id-{name}" for name in names]


def test_a_shard_larger_than_one_statement_is_claimed_whole(ledger: SqliteLedger) -> None:
    claim = ledger.claim(shard(requests=20_001), lines(*range(20_001)), 1.0)
    assert sum(1 for _ in ledger.claim_lines(claim.id)) == 20_001
    assert len(ledger.recorded([digest(name) for name in range(20_001)])) == 20_001


Before = Callable[[SqliteLedger], object]


def _in_flight(ledger: SqliteLedger) -> None:
    in_flight(ledger, "b", shard_name="other")


def _answered(ledger: SqliteLedger) -> None:
    ledger.take_in(in_flight(ledger, "b", shard_name="other").id, [(digest("b"), SUCCEEDED)])


def _refused(ledger: SqliteLedger) -> None:
    outcome = Outcome(OutcomeKind.FAILED, 400, None, "no")
    ledger.take_in(in_flight(ledger, "b", shard_name="other").id, [(digest("b"), outcome)])


def _held(ledger: SqliteLedger) -> None:
    outcome = Outcome(OutcomeKind.HELD, None, None, "cancelled")
    ledger.take_in(in_flight(ledger, "b", shard_name="other").id, [(digest("b"), outcome)])


def _claimed(ledger: SqliteLedger) -> None:
    claimed(ledger, "b", shard_name="other")


@pytest.mark.parametrize("before", [_claimed, _in_flight, _answered, _refused, _held])
def test_a_conflict_leaves_nothing_behind(path: Path, ledger: SqliteLedger, before: Before) -> None:
    before(ledger)
    untouched = picture(path)
    with pytest.raises(ClaimConflictError, match="1 requests of this shard"):
        claimed(ledger, "a", "b", "c")
    assert picture(path) == untouched
    assert status(ledger, "a") is None


def test_a_conflict_deep_in_a_large_shard_leaves_nothing_behind(path: Path, ledger: SqliteLedger) -> None:
    claimed(ledger, 20_500, shard_name="other")
    untouched = picture(path)
    with pytest.raises(ClaimConflictError):
        ledger.claim(shard(requests=20_501), lines(*range(20_501)), 1.0)
    assert picture(path) == untouched


def test_a_request_twice_in_one_shard_is_a_conflict(path: Path, ledger: SqliteLedger) -> None:
    untouched = picture(path)
    with pytest.raises(ClaimConflictError):
        ledger.claim(shard(requests=2), [*lines("a"), ClaimLine("again", digest("a"))], 1.0)
    assert picture(path) == untouched


def test_lines_that_cannot_be_read_to_their_end_leave_nothing_behind(path: Path, ledger: SqliteLedger) -> None:
    def broken() -> Iterator[ClaimLine]:
        yield from lines("a")
        raise OSError("the spool is gone")

    untouched = picture(path)
    with pytest.raises(OSError, match="the spool is gone"):
        ledger.claim(shard(), broken(), 1.0)
    assert picture(path) == untouched
    claimed(ledger, "a")


def test_the_tries_of_a_shard_are_counted_and_those_of_another_are_not(ledger: SqliteLedger) -> None:
    first = claimed(ledger, "a")
    ledger.release(first.id, "refused", 2.0)
    assert claimed(ledger, "a").attempt == 2
    assert claimed(ledger, "b", shard_name="other").attempt == 1


# Release


def test_a_release_of_new_requests_leaves_no_trace_of_them(ledger: SqliteLedger) -> None:
    claim = claimed(ledger, "a", "b")
    ledger.release(claim.id, "refused: 402", 9.0)
    assert ledger.recorded([digest("a"), digest("b")]) == {}
    assert list(ledger.claim_lines(claim.id)) == []
    assert ledger.open_claims() == ledger.claims_in_flight() == []


def test_a_release_gives_a_retried_request_its_failure_and_its_count_back(path: Path, ledger: SqliteLedger) -> None:
    first = in_flight(ledger, "a")
    ledger.take_in(first.id, [(digest("a"), FAILED_PASSING)])
    ledger.mark_collected(first.id, 3.0)
    before = ledger.recorded([digest("a")]), ledger.results([digest("a")])
    again = claimed(ledger, "a", "new")
    assert status(ledger, "a") == Recorded(RequestStatus.CLAIMED, 2, sending=True)
    assert status(ledger, "new") == Recorded(RequestStatus.CLAIMED, 1, sending=True)
    ledger.release(again.id, "not sent", 4.0)
    assert (ledger.recorded([digest("a")]), ledger.results([digest("a")])) == before
    assert status(ledger, "new") is None
    assert status(ledger, "a") == Recorded(RequestStatus.FAILED_PASSING, 1)


def test_a_release_touches_no_other_claim(path: Path, ledger: SqliteLedger) -> None:
    claim, other = claimed(ledger, "a"), claimed(ledger, "b", shard_name="other")
    ledger.release(claim.id, "refused", 2.0)
    assert status(ledger, "b") == Recorded(RequestStatus.CLAIMED, 1, sending=True)
    assert list(ledger.claim_lines(other.id)) == lines("b")


def test_why_a_claim_was_released_stays_on_record(path: Path, ledger: SqliteLedger) -> None:
    ledger.release(claimed(ledger, "a").id, "refused: no money", 9.0)
    row = picture(path)["claim"][0]
    assert "refused: no money" in row
    assert 9.0 in row


# Retries


def test_a_failure_that_may_pass_is_claimed_again_and_counted(ledger: SqliteLedger) -> None:
    for attempt in (1, 2, 3):
        claim = in_flight(ledger, "a", job_id=f"job-{attempt}")
        assert status(ledger, "a") == Recorded(RequestStatus.CLAIMED, attempt)
        ledger.take_in(claim.id, [(digest("a"), FAILED_PASSING)])
        ledger.mark_collected(claim.id, 3.0)
        assert status(ledger, "a") == Recorded(RequestStatus.FAILED_PASSING, attempt)


# Phases


def test_a_claim_goes_forward_step_by_step(ledger: SqliteLedger) -> None:
    claim = claimed(ledger, "a")
    ledger.mark_uploaded(claim.id, ["file-1"])
    assert [each.phase for each in ledger.open_claims()] == [Phase.UPLOADED]
    ledger.mark_sending(claim.id, 12.0)
    assert [(each.phase, each.sending_at) for each in ledger.open_claims()] == [(Phase.SENDING, 12.0)]
    ledger.mark_created(claim.id, job("job-1"))
    assert ledger.open_claims() == []
    assert [(each.phase, each.job_id) for each in ledger.claims_in_flight()] == [(Phase.CREATED, "job-1")]
    assert status(ledger, "a") == Recorded(RequestStatus.CLAIMED, 1)
    ledger.mark_collected(claim.id, 13.0)
    assert ledger.claims_in_flight() == []
    assert list(ledger.claim_lines(claim.id)) == []


STEPS: dict[str, Callable[[SqliteLedger, Claim], None]] = {
    "uploaded": lambda ledger, claim: ledger.mark_uploaded(claim.id, ["file-1"]),
    "sending": lambda ledger, claim: ledger.mark_sending(claim.id, 2.0),
    "created": lambda ledger, claim: ledger.mark_created(claim.id, job("job-1")),
    "collected": lambda ledger, claim: ledger.mark_collected(claim.id, 3.0),
    "released": lambda ledger, claim: ledger.release(claim.id, "why", 4.0),
}
ALLOWED = {
    "claimed": {"uploaded", "sending", "created", "released"},
    "uploaded": {"sending", "created", "released"},
    "sending": {"sending", "created", "released"},
    "created": {"collected"},
    "collected": set(),
    "released": set(),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("phase", ALLOWED)
def test_a_claim_that_has_moved_on_is_left_alone(path: Path, ledger: SqliteLedger, phase: str, step: str) -> None:
    claim = claimed(ledger, "a")
    way = {
        "claimed": [],
        "uploaded": ["uploaded"],
        "sending": ["sending"],
        "created": ["created"],
        "collected": ["created", "collected"],
        "released": ["released"],
    }[phase]
    for earlier in way:
        STEPS[earlier](ledger, claim)
    if step in ALLOWED[phase]:
        STEPS[step](ledger, claim)
        return
    untouched = picture(path)
    with pytest.raises(ClaimConflictError, match=f"claim {claim.id} has moved on"):
        STEPS[step](ledger, claim)
    assert picture(path) == untouched


def test_a_claim_that_never_was_is_told_the_same(ledger: SqliteLedger) -> None:
    with pytest.raises(ClaimConflictError):
        ledger.mark_sending(99, 1.0)


# Adoption


def test_an_adopted_job_holds_its_requests_and_is_known_from_then_on(ledger: SqliteLedger) -> None:
    told = ledger.adopt(shard(requests=2), lines("a", "b"), job("job-9"), 5.0)
    assert told is not None
    claim, taken = told
    assert (claim.phase, claim.job_id, claim.attempt, taken) == (Phase.CREATED, "job-9", 1, 2)
    assert status(ledger, "a") == Recorded(RequestStatus.CLAIMED, 1)
    assert ledger.known_job_ids(3) == ["job-9"]
    assert [each.job.id for each in ledger.jobs_of(["triage"])] == ["job-9"]


def test_the_same_job_is_adopted_once(path: Path, ledger: SqliteLedger) -> None:
    ledger.adopt(shard(requests=1), lines("a"), job("job-9"), 5.0)
    untouched = picture(path)
    assert ledger.adopt(shard(requests=1), lines("a"), job("job-9"), 6.0) is None
    assert picture(path) == untouched


def test_a_job_that_this_ledger_has_made_itself_is_not_adopted(path: Path, ledger: SqliteLedger) -> None:
    in_flight(ledger, "a", job_id="job-1")
    untouched = picture(path)
    assert ledger.adopt(shard(requests=1), lines("a"), job("job-1"), 5.0) is None
    assert picture(path) == untouched


def test_adoption_takes_what_is_free_and_leaves_what_another_job_holds(ledger: SqliteLedger) -> None:
    holder = in_flight(ledger, "a", shard_name="other")
    told = ledger.adopt(shard(requests=2), lines("a", "b"), job("job-9"), 5.0)
    assert told is not None
    claim, taken = told
    assert taken == 1
    ledger.take_in(claim.id, [(digest("a"), SUCCEEDED), (digest("b"), SUCCEEDED)])
    assert status(ledger, "a") == Recorded(RequestStatus.CLAIMED, 1)
    assert status(ledger, "b") == Recorded(RequestStatus.SUCCEEDED, 1)
    ledger.take_in(holder.id, [(digest("a"), FAILED_PASSING)])
    assert status(ledger, "a") == Recorded(RequestStatus.FAILED_PASSING, 1)


def test_an_answer_is_not_taken_back_by_an_adoption(ledger: SqliteLedger) -> None:
    first = in_flight(ledger, "a")
    ledger.take_in(first.id, [(digest("a"), SUCCEEDED)])
    told = ledger.adopt(shard("later"), lines("a"), job("job-9"), 5.0)
    assert told is not None
    assert told[1] == 0
    assert status(ledger, "a") == Recorded(RequestStatus.SUCCEEDED, 1)


@pytest.mark.parametrize("kind", [OutcomeKind.FAILED, OutcomeKind.FAILED_PASSING, OutcomeKind.HELD])
def test_a_later_job_that_holds_a_failed_or_held_request_again_answers_it(
    ledger: SqliteLedger, kind: OutcomeKind
) -> None:
    first = ledger.adopt(shard(), lines("a"), job("job-1"), 5.0)
    assert first is not None
    ledger.take_in(first[0].id, [(digest("a"), Outcome(kind, None, None, "no"))])
    ledger.mark_collected(first[0].id, 6.0)
    second = ledger.adopt(shard(), lines("a"), job("job-2", attempt=2), 5.0)
    assert second is not None
    assert second[1] == 1
    ledger.take_in(second[0].id, [(digest("a"), SUCCEEDED)])
    assert status(ledger, "a") == Recorded(RequestStatus.SUCCEEDED, 2)


def test_an_adopted_job_keeps_the_number_of_its_try(ledger: SqliteLedger) -> None:
    # Else the next try of this shard would bear the marks of the job that was adopted, and be taken for it.
    told = ledger.adopt(shard(), lines("a"), job("job-9", attempt=4), 5.0)
    assert told is not None
    assert told[0].attempt == 4
    ledger.take_in(told[0].id, [(digest("a"), FAILED_PASSING)])
    ledger.mark_collected(told[0].id, 6.0)
    assert claimed(ledger, "a").attempt == 5


def test_two_jobs_of_one_try_are_both_on_record(ledger: SqliteLedger) -> None:
    told = [ledger.adopt(shard(), lines("a"), job(name, attempt=2), 5.0) for name in ("job-1", "job-2")]
    assert [each and (each[0].attempt, each[1]) for each in told] == [(2, 1), (3, 0)]


@pytest.mark.parametrize("mark", ["", "x", "-1", "1e3", "²", "9" * 30])
def test_an_odd_number_of_a_try_is_the_first(ledger: SqliteLedger, mark: str) -> None:
    told = ledger.adopt(shard(), lines("a"), replace(job("job-9"), metadata={"bspec_try": mark}), 5.0)
    assert told is not None
    assert told[0].attempt == 1


def test_a_job_without_files_can_be_adopted(ledger: SqliteLedger) -> None:
    told = ledger.adopt(shard(), lines("a"), replace(job("job-9"), input_files=()), 5.0)
    assert told is not None
    assert ledger.jobs_of()[0].job.input_files == ()
