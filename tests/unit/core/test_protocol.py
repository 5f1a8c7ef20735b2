"""The submission protocol's decisions: every branch of `resolve`."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from batchspec.core.ledger import Claim, Phase
from batchspec.core.model import BatchJob, BatchJobStatus
from batchspec.core.protocol import (
    Adopt,
    Payload,
    Release,
    WaitUntil,
    belongs_to,
    counts_as_gone,
    job_request,
    may_send,
    resolve,
    yielding,
)

PROJECT = "11111111-2222-3333-4444-555555555555"
SETTLE = 180.0
CLAIM = Claim(
    id=1,
    shard="5ad0",
    attempt=2,
    spec="triage",
    endpoint="/v1/chat/completions",
    model="mistral-small-latest",
    requests=7,
    phase=Phase.SENDING,
    claimed_at=1_000.0,
    sending_at=1_010.0,
)
MARKS = {"bspec_project": PROJECT, "bspec_shard": "5ad0", "bspec_try": "2", "bspec_spec": "triage", "bspec_n": "7"}


def job(job_id: str, created_at: int = 1_020, **marks: str) -> BatchJob:
    return BatchJob(
        id=job_id,
        status=BatchJobStatus.QUEUED,
        status_text="QUEUED",
        endpoint=CLAIM.endpoint,
        model=CLAIM.model,
        metadata=MARKS | marks,
        created_at=created_at,
    )


def test_a_job_carries_the_marks_by_which_it_is_known_again_beside_the_users_own() -> None:
    request = job_request(CLAIM, PROJECT, Payload(files=("file-1",)), {"owner": "data"}, 48)
    assert request.metadata == {"owner": "data", **MARKS}
    assert (request.endpoint, request.model, request.input_files) == (CLAIM.endpoint, CLAIM.model, ("file-1",))
    assert request.timeout_hours == 48
    assert belongs_to(replace(job("j"), metadata=request.metadata), PROJECT, CLAIM)


def test_the_marks_win_over_a_users_key_of_the_same_name() -> None:
    assert job_request(CLAIM, PROJECT, Payload(), {"bspec_shard": "forged"}, 24).metadata["bspec_shard"] == "5ad0"


@pytest.mark.parametrize("mark", ["bspec_project", "bspec_shard", "bspec_try"])
def test_a_job_of_another_project_shard_or_try_is_not_the_claims(mark: str) -> None:
    assert not belongs_to(replace(job("j"), metadata=MARKS | {mark: "other"}), PROJECT, CLAIM)
    without = {key: value for key, value in MARKS.items() if key != mark}
    assert not belongs_to(replace(job("j"), metadata=without), PROJECT, CLAIM)


def test_a_job_found_is_adopted_whatever_the_phase_and_the_time() -> None:
    for phase in (Phase.CLAIMED, Phase.UPLOADED, Phase.SENDING):
        claim = replace(CLAIM, phase=phase)
        assert resolve(claim, [job("j")], PROJECT, 99_999.0, SETTLE) == Adopt(job("j"))


def test_of_several_jobs_the_oldest_is_kept_in_whatever_order_they_come() -> None:
    jobs = [job("b", 1_020), job("a", 1_030), job("c", 1_020), job("other", 1_000, bspec_try="1")]
    for order in permutations(jobs):
        told = resolve(CLAIM, iter(order), PROJECT, 1_040.0, SETTLE)
        assert isinstance(told, Adopt)
        assert told.job.id == "b"


def test_a_claim_made_under_another_project_id_still_knows_its_job() -> None:
    claim = replace(CLAIM, project="before")
    assert belongs_to(job("j", bspec_project="before"), PROJECT, claim)
    assert not belongs_to(job("j"), PROJECT, claim)


def test_an_unknown_job_takes_from_younger_live_jobs_alone() -> None:
    live = [
        (replace(CLAIM, id=1), job("b", 1_020)),
        (replace(CLAIM, id=2), job("d", 1_020)),
        (replace(CLAIM, id=3), job("e", 1_021)),
        (replace(CLAIM, id=4), replace(job("f", 1_022), status=BatchJobStatus.SUCCESS)),
        (replace(CLAIM, id=5), job("a", 1_019)),
    ]
    for order in permutations(live):
        assert sorted(yielding(job("c", 1_020), order)) == [2, 3]


@pytest.mark.parametrize(("now", "fresh"), [(999.9, False), (1_000.0, True), (1_090.0, True), (1_090.1, False)])
def test_an_intent_is_good_for_half_the_settle_time_and_never_before_it(now: float, fresh: bool) -> None:
    assert may_send(1_000.0, now, SETTLE) is fresh


@pytest.mark.parametrize(("now", "gone"), [(1_000.0, False), (1_180.0, False), (1_180.1, True)])
def test_what_is_unknown_counts_as_gone_after_the_settle_time(now: float, gone: bool) -> None:
    assert counts_as_gone(1_000.0, now, SETTLE) is gone


@pytest.mark.parametrize("phase", [Phase.CLAIMED, Phase.UPLOADED])
def test_a_claim_that_never_reached_sending_is_released_at_once(phase: Phase) -> None:
    claim = replace(CLAIM, phase=phase, sending_at=None)
    assert resolve(claim, [], PROJECT, 1_010.0, SETTLE) == Release("it was never sent")


def test_a_claim_in_sending_waits_until_the_settle_time_and_is_released_after_it() -> None:
    strangers = [job("j", bspec_project="other"), job("k", bspec_try="1")]
    for now in (1_010.0, 1_189.999):
        assert resolve(CLAIM, strangers, PROJECT, now, SETTLE) == WaitUntil(1_190.0)
    for now in (1_190.0, 99_999.0):
        assert resolve(CLAIM, strangers, PROJECT, now, SETTLE) == Release("no job of it appeared within 180 s")


def test_a_clock_that_went_back_only_makes_it_wait() -> None:
    assert resolve(CLAIM, [], PROJECT, 5.0, SETTLE) == WaitUntil(1_190.0)
