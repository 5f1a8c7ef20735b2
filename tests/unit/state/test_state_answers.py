"""Answers are taken in once, whatever is repeated; what fits nothing is kept apart; views answer common questions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from state_samples import MODEL, claimed, digest, in_flight, picture

from batchspec.core.ledger import Recorded, RecordedResult, RequestStatus
from batchspec.core.model import Usage
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.store import SqliteLedger

GOOD = Outcome(OutcomeKind.SUCCEEDED, 200, '{"text":"é\u2028"}'.encode(), None, Usage(7, 2, 9))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("outcome", "status", "told"),
    [
        (GOOD, RequestStatus.SUCCEEDED, ("succeeded", 200, GOOD.body, None)),
        (Outcome(OutcomeKind.FAILED, 400, None, "no"), RequestStatus.FAILED, ("failed", 400, None, "no")),
        (
            Outcome(OutcomeKind.FAILED_PASSING, None, None, "busy"),
            RequestStatus.FAILED_PASSING,
            ("failed", None, None, "busy"),
        ),
        (Outcome(OutcomeKind.HELD, None, None, "stopped"), RequestStatus.HELD, ("held", None, None, "stopped")),
    ],
)
def test_an_outcome_is_recorded_as_it_is(
    ledger: SqliteLedger, outcome: Outcome, status: RequestStatus, told: tuple[str, int | None, bytes | None, str]
) -> None:
    claim = in_flight(ledger, "a")
    ledger.take_in(claim.id, [(digest("a"), outcome)])
    assert ledger.recorded([digest("a")]) == {digest("a"): Recorded(status, 1)}
    assert ledger.results([digest("a")]) == {digest("a"): RecordedResult(*told, MODEL, "job-1")}


def test_taking_in_the_same_again_changes_nothing(path: Path, ledger: SqliteLedger) -> None:
    claim = in_flight(ledger, "a", "b")
    ledger.take_in(claim.id, [(digest("a"), GOOD)])
    once = picture(path)
    ledger.take_in(claim.id, [(digest("a"), GOOD)])
    ledger.take_in(claim.id, [(digest("a"), Outcome(OutcomeKind.FAILED, 400, None, "another"))])
    assert picture(path) == once
    ledger.take_in(claim.id, [(digest("a"), Outcome(OutcomeKind.HELD)), (digest("b"), GOOD)])
    assert ledger.recorded([digest("a")])[digest("a")].status is RequestStatus.SUCCEEDED
    assert ledger.recorded([digest("b")])[digest("b")].status is RequestStatus.SUCCEEDED


def test_what_a_claim_does_not_hold_is_left_alone(path: Path, ledger: SqliteLedger) -> None:
    claim = in_flight(ledger, "a")
    in_flight(ledger, "b", shard_name="other", job_id="job-2")
    before = picture(path)
    ledger.take_in(claim.id, [(digest("b"), GOOD), (digest("unknown"), GOOD)])
    assert picture(path) == before


def test_an_earlier_claim_cannot_answer_what_a_later_one_holds(ledger: SqliteLedger) -> None:
    first = in_flight(ledger, "a", job_id="job-1")
    ledger.take_in(first.id, [(digest("a"), Outcome(OutcomeKind.FAILED_PASSING, 503))])
    in_flight(ledger, "a", job_id="job-2")
    ledger.take_in(first.id, [(digest("a"), GOOD)])
    assert ledger.recorded([digest("a")])[digest("a")] == Recorded(RequestStatus.CLAIMED, 2)


def test_a_retrys_answer_takes_the_place_of_the_failure(path: Path, ledger: SqliteLedger) -> None:
    first = in_flight(ledger, "a", job_id="job-1")
    ledger.take_in(first.id, [(digest("a"), Outcome(OutcomeKind.FAILED_PASSING, 503, None, "busy"))])
    second = in_flight(ledger, "a", job_id="job-2")
    assert ledger.results([digest("a")])[digest("a")].error == "busy"
    ledger.take_in(second.id, [(digest("a"), GOOD)])
    assert ledger.results([digest("a")])[digest("a")].outcome == "succeeded"
    assert len(picture(path)["result"]) == 1


def test_thousands_are_taken_in_and_asked_for_at_once(ledger: SqliteLedger) -> None:
    names = list(range(2_500))
    claim = in_flight(ledger, *names)
    ledger.take_in(claim.id, ((digest(name), GOOD._replace(body=b'{"n":%d}' % name)) for name in names))
    told = ledger.results([digest(name) for name in reversed(names)])
    assert {key: result.body for key, result in told.items()} == {digest(name): b'{"n":%d}' % name for name in names}


def test_outcomes_that_cannot_be_read_to_their_end_leave_nothing_behind(path: Path, ledger: SqliteLedger) -> None:
    claim = in_flight(ledger, *range(1_000))
    before = picture(path)

    def broken() -> Iterator[tuple[bytes, Outcome]]:
        yield from ((digest(n), GOOD) for n in range(999))
        raise OSError("the download is gone")

    with pytest.raises(OSError, match="the download is gone"):
        ledger.take_in(claim.id, broken())  # type: ignore[arg-type]
    assert picture(path) == before


def test_asking_for_nothing_finds_nothing(ledger: SqliteLedger) -> None:
    assert ledger.recorded([]) == {}
    assert ledger.results([]) == {}
    assert ledger.results([digest("a")]) == {}
    ledger.take_in(in_flight(ledger, "a").id, [])


def test_an_open_claim_has_no_answers_yet(ledger: SqliteLedger) -> None:
    claimed(ledger, "a")
    assert ledger.results([digest("a")]) == {}


def test_what_fits_no_request_is_kept_with_its_reason(path: Path, ledger: SqliteLedger) -> None:
    odd = [("unknown custom_id x", b'{"custom_id":"x"}\xff'), ("not JSON", b"\x00")]
    ledger.mark_collected(in_flight(ledger, "a").id, 5.0, odd)
    assert [row[1:] for row in picture(path)["quarantine"]] == [
        ("job-1", "unknown custom_id x", b'{"custom_id":"x"}\xff', 5.0),
        ("job-1", "not JSON", b"\x00", 5.0),
    ]


def test_the_views_answer_the_common_questions(path: Path, ledger: SqliteLedger) -> None:
    claim = in_flight(ledger, "a", "b", "c")
    ledger.take_in(claim.id, [(digest("a"), GOOD), (digest("b"), Outcome(OutcomeKind.FAILED, 400, None, "no"))])
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.execute("SELECT * FROM open_jobs")) == [
            ("job-1", "triage", "", MODEL, "QUEUED", 3, 0, "1970-01-01 00:16:40")
        ]
        assert list(connection.execute("SELECT * FROM failures")) == [
            ("triage", "", MODEL, digest("b").hex(), "failed", 400, "no", 1, "job-1")
        ]
        assert list(connection.execute("SELECT * FROM usage_by_spec")) == [("triage", "", MODEL, 2, 7, 2, 1)]
        ledger.mark_collected(claim.id, 3.0)
        assert list(connection.execute("SELECT * FROM open_jobs")) == []


def test_successes_of_claims_are_counted_by_what_stands_and_come_in_the_order_of_their_numbers(
    ledger: SqliteLedger,
) -> None:
    names = [f"name {number}" for number in range(2_000)]
    first, other = in_flight(ledger, *names), in_flight(ledger, "x", "y", shard_name="other", job_id="job-2")
    assert ledger.succeeded([first.id, other.id]) == 0
    assert list(ledger.successes([first.id, other.id])) == []
    bodies = [f'{{"n":{number}}}'.encode() for number in range(len(names))]
    told = [(digest(name), GOOD._replace(body=body)) for name, body in zip(names, bodies, strict=True)]
    ledger.take_in(first.id, told[:-1])
    ledger.take_in(other.id, [(digest("x"), GOOD), (digest("y"), Outcome(OutcomeKind.FAILED, 400, None, "no"))])
    ledger.take_in(first.id, told[-1:])
    assert [ledger.succeeded([first.id]), ledger.succeeded([other.id]), ledger.succeeded([])] == [2_000, 1, 0]
    found = [answer for part in ledger.successes([first.id]) for answer in part]
    assert [body for _, body in found] == bodies
    assert [number for number, _ in found] == sorted(number for number, _ in found)
    assert sum(map(len, ledger.successes([first.id, other.id]))) == 2_001
    # An answer that is to be replaced is none for now.
    assert ledger.ask_again([digest(names[0])], frozenset({RequestStatus.SUCCEEDED})) == 1
    assert ledger.succeeded([first.id]) == 1_999
