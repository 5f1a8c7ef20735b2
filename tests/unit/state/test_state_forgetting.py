"""What is forgotten is gone from the ledger, and the rest of it is as sound as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from state_samples import claimed, digest, in_flight, job, lines, shard

from batchspec.core.ledger import RequestStatus
from batchspec.core.model import BatchJobStatus
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.forgetting import SqliteForgetting
from batchspec.state.inspection import Inspection
from batchspec.state.store import SqliteLedger

GOOD = Outcome(OutcomeKind.SUCCEEDED, 200, b"{}")
PASSING = Outcome(OutcomeKind.FAILED_PASSING, 503, None, "busy")
BAD = Outcome(OutcomeKind.FAILED, 400, None, "refused")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A collected job (1) with a success, a refusal and a failure that is in flight again, in a second job (2)."""
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        first = in_flight(ledger, "good", "bad", "again", shard_name="first", job_id="job-1")
        outcomes = zip(("good", "bad", "again"), (GOOD, BAD, PASSING), strict=True)
        ledger.take_in(first.id, [(digest(name), outcome) for name, outcome in outcomes])
        ledger.mark_collected(first.id, 5.0)
        in_flight(ledger, "again", "new", shard_name="second", job_id="job-2")
    yield path
    with Inspection(path) as inspection:
        assert list(inspection.problems()) == []


def statuses(path: Path) -> dict[str, RequestStatus]:
    names = ("good", "bad", "again", "new")
    with SqliteLedger(path) as ledger:
        found = ledger.recorded([digest(name) for name in names])
    return {name: found[digest(name)].status for name in names if digest(name) in found}


def test_a_job_in_flight_is_forgotten_with_its_requests_and_is_known_still(path: Path) -> None:
    with SqliteForgetting(path) as forgetting:
        assert forgetting.count_job(2, results=False) == 2
        assert forgetting.forget_job(2, results=False, now=9.0) == 2
    assert statuses(path) == {"good": RequestStatus.SUCCEEDED, "bad": RequestStatus.FAILED}
    with SqliteLedger(path) as ledger:
        assert ledger.claims_in_flight() == []
        assert ledger.unknown_jobs(["job-2"]) == set()
        assert [each.job.id for each in ledger.jobs_of()] == ["job-1"]
        assert claimed(ledger, "again", "new", shard_name="second").attempt == 2
    with Inspection(path) as inspection:
        (story,) = inspection.claims_named("job-2")
    assert (story.claim.phase, story.released_at) == ("released", 9.0)
    assert "state forget" in (story.release_reason or "")


def test_a_collected_job_is_forgotten_but_for_what_succeeded(path: Path) -> None:
    with SqliteForgetting(path) as forgetting:
        assert forgetting.forget_job(1, results=False, now=9.0) == 1
    assert statuses(path) == {"good": 2, "again": 1, "new": 1}
    with SqliteLedger(path) as ledger:
        assert set(ledger.results([digest("good")])) == {digest("good")}
        assert ledger.known_job_ids(5) == ["job-2"]
    with SqliteForgetting(path) as forgetting:
        assert forgetting.forget_job(1, results=True, now=9.0) == 1
    assert statuses(path) == {"again": 1, "new": 1}


def test_what_another_job_in_flight_holds_too_can_still_be_answered_by_it(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        running = job("job-3", BatchJobStatus.RUNNING)
        adopted = ledger.adopt(shard("third", 2), lines("new", "other"), running, 7.0)
        assert adopted is not None
    with SqliteForgetting(path) as forgetting:
        assert forgetting.forget_job(2, results=False, now=9.0) == 2
    assert statuses(path)["new"] is RequestStatus.ASKED
    with SqliteLedger(path) as ledger:
        ledger.take_in(adopted.claim.id, [(digest("new"), GOOD)])
    assert statuses(path)["new"] is RequestStatus.SUCCEEDED


def test_a_request_is_forgotten_unless_it_is_in_flight_or_has_succeeded(path: Path) -> None:
    with SqliteForgetting(path) as forgetting:
        assert forgetting.forget_request(digest("again"), results=True) == 0
        assert forgetting.forget_request(digest("good"), results=False) == 0
        assert forgetting.forget_request(digest("bad"), results=False) == 1
        assert forgetting.forget_request(digest("good"), results=True) == 1
        assert forgetting.forget_request(digest("good"), results=True) == 0
    assert statuses(path) == {"again": 1, "new": 1}
