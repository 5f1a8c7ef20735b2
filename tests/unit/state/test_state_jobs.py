"""Jobs and uploads, as the provider told them last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from state_samples import claimed, in_flight, job, picture

from batchspec.core.model import BatchJobStatus, RemoteFile
from batchspec.state.store import SqliteLedger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "state.db") as opened:
        yield opened


def test_a_job_comes_back_as_it_was_told_last(ledger: SqliteLedger) -> None:
    in_flight(ledger, "a", job_id="job-1")
    now = replace(
        job("job-1", BatchJobStatus.SUCCESS),
        status_text="SUCCESS",
        output_file="out",
        started_at=1_001,
        completed_at=1_002,
        total_requests=1,
        completed_requests=1,
        succeeded_requests=1,
    )
    ledger.save_job(now)
    [told] = ledger.jobs_of(["triage"])
    # Metadata is what a job is found by; once it is found, its claim says the same.
    assert told.job == replace(now, metadata={})
    assert (told.spec, told.model, told.collected) == ("triage", now.model, False)


def test_a_status_that_this_version_does_not_know_keeps_its_word(ledger: SqliteLedger) -> None:
    in_flight(ledger, "a", job_id="job-1")
    ledger.save_job(replace(job("job-1", BatchJobStatus.UNKNOWN), status_text="PAUSED"))
    [told] = ledger.jobs_of(["triage"])
    assert (told.job.status, told.job.status_text) == (BatchJobStatus.UNKNOWN, "PAUSED")


def test_a_job_that_is_not_ours_is_not_saved(ledger: SqliteLedger) -> None:
    ledger.save_job(job("stranger"))
    assert ledger.jobs_of() == []


def test_jobs_are_told_oldest_first_and_by_spec(ledger: SqliteLedger) -> None:
    in_flight(ledger, "a", shard_name="one", job_id="job-z")
    in_flight(ledger, "b", shard_name="two", job_id="job-a")
    assert [each.job.id for each in ledger.jobs_of(["triage"])] == ["job-z", "job-a"]
    assert [each.job.id for each in ledger.jobs_of()] == ["job-z", "job-a"]
    assert ledger.jobs_of(["other"]) == ledger.jobs_of([]) == []


def test_the_jobs_recorded_last_are_probed_first(ledger: SqliteLedger) -> None:
    for number in range(4):
        in_flight(ledger, number, shard_name=str(number), job_id=f"job-{number}")
    claimed(ledger, "open", shard_name="open")
    assert ledger.known_job_ids(3) == ["job-3", "job-2", "job-1"]
    ledger.mark_deleted("job-3", 9.0, record=True)
    ledger.mark_deleted("job-2", 9.0, record=False)
    # One whose files were deleted may be gone too, where its deletion was cut short.
    assert ledger.known_job_ids(3) == ["job-1", "job-0", "job-2"]


def test_deletion_is_remembered_also_when_the_job_is_told_again(ledger: SqliteLedger) -> None:
    in_flight(ledger, "a", job_id="job-1")
    ledger.mark_deleted("job-1", 9.0, record=False)
    ledger.save_job(job("job-1", BatchJobStatus.SUCCESS))
    [told] = ledger.jobs_of()
    assert (told.files_deleted, told.deleted, told.job.status) == (True, False, BatchJobStatus.SUCCESS)


def test_an_upload_is_known_by_the_digest_of_its_bytes(ledger: SqliteLedger) -> None:
    assert ledger.find_file("f" * 64) is None
    ledger.save_file("f" * 64, RemoteFile(id="", filename="batchspec-f.jsonl", size=10))
    begun = ledger.find_file("f" * 64)
    assert begun is not None
    assert begun.id == ""
    ledger.save_file("f" * 64, RemoteFile(id="file-1", filename="batchspec-f.jsonl", size=10, lines=2))
    assert ledger.find_file("f" * 64) == RemoteFile(id="file-1", filename="batchspec-f.jsonl", size=10, lines=2)


@pytest.mark.parametrize("name", ["f" * 64, "file-1"])
def test_an_upload_is_forgotten_by_its_digest_or_its_id(ledger: SqliteLedger, name: str) -> None:
    ledger.save_file("f" * 64, RemoteFile(id="file-1", filename="a"))
    ledger.save_file("0" * 64, RemoteFile(id="file-2", filename="b"))
    ledger.forget_file(name)
    assert ledger.find_file("f" * 64) is None
    assert ledger.find_file("0" * 64) is not None


def test_one_job_is_never_recorded_for_two_claims(tmp_path: Path, ledger: SqliteLedger) -> None:
    in_flight(ledger, "a", shard_name="one", job_id="job-1")
    other = claimed(ledger, "b", shard_name="two")
    before = picture(tmp_path / "state.db")
    with pytest.raises(Exception, match=r"job_id"):
        ledger.mark_created(other.id, job("job-1"))
    assert picture(tmp_path / "state.db") == before
