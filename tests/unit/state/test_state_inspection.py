"""What a state tells of its claims, jobs, requests and rows when it is only looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from state_samples import MODEL, body, claimed, digest, in_flight

from batchspec.core.errors import StateError
from batchspec.core.inspection import AnswerStory, status_word
from batchspec.core.ledger import DeclaredRow, RequestStatus
from batchspec.core.model import Target, Usage
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.inspection import Inspection
from batchspec.state.store import SqliteLedger

ENDPOINT = "/v1/chat/completions"
WAY = (ENDPOINT, Target(MODEL))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    with SqliteLedger(path, "project") as ledger:
        ledger.bind("emulator")
        done = in_flight(ledger, "a", "b", shard_name="shard-of-two", job_id="job-1")
        answer = Outcome(OutcomeKind.SUCCEEDED, 200, b'{"x": 1}', None, Usage(3, 4, 7))
        ledger.take_in(done.id, [(digest("a"), answer)])
        ledger.mark_collected(done.id, 5.0)
        released = claimed(ledger, "c", shard_name="shard-released")
        ledger.release(released.id, "it was never sent", 6.0)
        in_flight(ledger, "d", shard_name="shard-flying", job_id="job-2")
        ledger.mark_deleted("job-1", 8.0, record=False)
        ledger.mark_deleted("job-1", 9.0, record=True)
        rows = [DeclaredRow("", "r1", body("1")), DeclaredRow("", "r2", body("2"))]
        ledger.declare("triage", "triage.batchspec.yaml", [Target(MODEL), Target("other")], rows)
        ledger.declare("twin", "twin.batchspec.yaml", [Target(MODEL)], [DeclaredRow("", "t1", body("1"))])
    return path


@pytest.fixture
def inspection(state: Path) -> Iterator[Inspection]:
    with Inspection(state) as inspection:
        yield inspection


def test_facts_are_version_owner_and_counts(inspection: Inspection) -> None:
    facts = inspection.facts()
    assert (facts.project_id, facts.provider) == ("project", "emulator")
    assert inspection.provider == "emulator"
    assert dict(facts.rows) == {"claim": 3, "job": 2, "request": 3, "result": 1, "quarantine": 0}


def test_claims_are_told_oldest_first_with_what_became_of_them(inspection: Inspection) -> None:
    done, released, flying = inspection.claims()
    assert (done.claim.job_id, done.collected_at, done.files_deleted_at, done.deleted_at) == ("job-1", 5.0, 8.0, 9.0)
    assert done.files == ("file-1",)
    assert done.job is not None
    assert done.job.errors == ("one", "two")
    assert (released.job, released.released_at, released.release_reason) == (None, 6.0, "it was never sent")
    assert (flying.claim.job_id, flying.claim.sending_at, flying.collected_at) == ("job-2", 2.0, None)


def test_claims_are_found_by_spec_by_being_open_and_by_id(inspection: Inspection) -> None:
    assert [story.claim.job_id for story in inspection.claims(only_open=True)] == ["job-2"]
    assert len(inspection.claims(spec="triage")) == 3
    assert inspection.claims(spec="triag") == []
    assert [story.claim.id for story in inspection.claims(ids=[2, 99])] == [2]


def test_a_claim_is_named_by_its_job_or_the_beginning_of_its_shard(inspection: Inspection) -> None:
    assert [story.claim.id for story in inspection.claims_named("job-2")] == [3]
    assert [story.claim.id for story in inspection.claims_named("shard-")] == [1, 2, 3]
    assert inspection.claims_named("%") == []


@pytest.mark.parametrize("digits", range(1, 33))
def test_a_request_is_named_by_any_beginning_of_its_digest(inspection: Inspection, digits: int) -> None:
    prefix = digest("a").hex()[:digits]
    found = inspection.requests_named(prefix, 10)
    assert digest("a") in {entry.digest for entry in found}
    assert all(entry.digest.hex().startswith(prefix) for entry in found)


def test_more_digits_than_a_digest_has_name_nothing(inspection: Inspection) -> None:
    assert inspection.requests_named(digest("a").hex() + "0", 10) == []


def test_requests_are_counted_and_told(inspection: Inspection) -> None:
    assert dict(inspection.request_counts(1)) == {RequestStatus.CLAIMED: 1, RequestStatus.SUCCEEDED: 1}
    (entry,) = inspection.requests([digest("a"), digest("never")])
    assert (entry.digest, entry.status, entry.attempts, entry.claim_id) == (digest("a"), 2, 1, 1)
    assert inspection.answer(digest("a")) == AnswerStory(1, "succeeded", 200, None, 3, 4, b'{"x": 1}')
    assert inspection.answer(digest("b")) is None


def test_specs_tell_every_endpoint_and_model_that_they_may_have_been_sent_with(inspection: Inspection) -> None:
    triage, twin = inspection.specs()
    assert (triage.name, set(triage.ways)) == ("triage", {WAY, (ENDPOINT, Target("other"))})
    assert (twin.name, set(twin.ways)) == ("twin", {WAY})


def test_rows_are_told_as_they_were_declared(inspection: Inspection) -> None:
    assert dict(inspection.bodies("triage")) == {"r1": body("1"), "r2": body("2")}
    assert list(inspection.bodies("triage", "r2")) == [("r2", body("2"))]
    assert list(inspection.bodies("triage", "r3")) == []
    assert inspection.lines_of("triage", "id-d") == [digest("d")]
    assert inspection.lines_of("twin", "id-d") == []


def test_looking_writes_nothing(state: Path) -> None:
    before = state.read_bytes()
    with Inspection(state) as inspection:
        inspection.claims()
        list(inspection.problems())
        with pytest.raises(Exception, match="readonly"):
            inspection._database.execute("DELETE FROM claim")
    assert state.read_bytes() == before


def test_a_state_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no state") as caught:
        Inspection(tmp_path / "state.db")
    assert "state rebuild" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_no_program_wrote_is_damage_and_no_crash(state: Path) -> None:
    with SqliteLedger(state) as ledger:
        ledger._database.execute("UPDATE claim SET file_ids = 'no list'")
    with Inspection(state) as inspection, pytest.raises(StateError, match="a claim cannot be read"):
        inspection.claims()


def test_every_status_has_a_word_and_a_later_one_keeps_its_number() -> None:
    assert len({status_word(status) for status in RequestStatus}) == len(RequestStatus)
    assert status_word(RequestStatus.FAILED_PASSING) == "failed_passing"
    assert status_word(99) == "status 99"
