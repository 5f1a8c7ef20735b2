"""The requests of a claim are found by their custom_ids while its answers are read, and nothing of that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from state_samples import digest, in_flight, job, shard

from batchspec.core.awaited import AwaitedRequest
from batchspec.core.ledger import ClaimLine
from batchspec.state.store import SqliteLedger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "state.db") as opened:
        yield opened


def test_requests_are_found_by_custom_id_with_the_lines_that_they_stand_on(ledger: SqliteLedger) -> None:
    claim = in_flight(ledger, "a", "b", "c")
    with ledger.awaited(claim.id) as awaited:
        assert awaited.count == 3
        assert awaited.find(["id-c", "id-a", "id-z"]) == {
            "id-c": AwaitedRequest(3, digest("c")),
            "id-a": AwaitedRequest(1, digest("a")),
        }


def test_another_claims_requests_are_not_found(ledger: SqliteLedger) -> None:
    in_flight(ledger, "x", shard_name="other", job_id="job-2")
    claim = in_flight(ledger, "a", "b")
    with ledger.awaited(claim.id) as awaited:
        assert awaited.find(["id-a", "id-x"]).keys() == {"id-a"}


def test_each_reading_takes_a_request_once(ledger: SqliteLedger) -> None:
    claim = in_flight(ledger, "a", "b")
    with ledger.awaited(claim.id) as awaited:
        assert [awaited.take(line, 1) for line in (1, 2, 1)] == [True, True, False]
        assert [awaited.take(line, 2) for line in (1, 1)] == [True, False]
        assert awaited.missing() == []


def test_what_no_reading_has_had_is_missing_in_the_order_of_the_file(ledger: SqliteLedger) -> None:
    names = [f"{number}" for number in range(2_000)]
    claim = in_flight(ledger, *names)
    with ledger.awaited(claim.id) as awaited:
        for line, name in enumerate(names, 1):
            if name not in ("3", "1700"):
                awaited.take(line, 1 + line % 2)
        assert awaited.missing() == [digest("3"), digest("1700")]


def test_a_custom_id_on_two_lines_names_the_last_and_the_first_is_missing(ledger: SqliteLedger) -> None:
    lines = [ClaimLine("same", digest("x")), ClaimLine("same", digest("y"))]
    adopted = ledger.adopt(shard(requests=2), lines, job("job-9"), 1.0)
    assert adopted is not None
    with ledger.awaited(adopted.claim.id) as awaited:
        assert awaited.count == 1
        assert awaited.find(["same"])["same"] == AwaitedRequest(2, digest("y"))
        awaited.take(2, 1)
        assert awaited.missing() == [digest("x")]


def test_nothing_is_left_of_it_also_after_an_error(ledger: SqliteLedger) -> None:
    claim = in_flight(ledger, "a")
    with pytest.raises(KeyError), ledger.awaited(claim.id):
        raise KeyError
    with ledger.awaited(claim.id) as awaited:
        assert awaited.count == 1
    assert list(ledger._rows("SELECT name FROM temp.sqlite_master")) == []
