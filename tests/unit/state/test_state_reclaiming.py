"""Answers that are not wanted are found and removed; whatever is wanted, young, in flight or not yet known stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from state_samples import MODEL, body, claimed, digest, in_flight

from batchspec.core.canonical import RequestIdentity
from batchspec.core.garbage import Unknown
from batchspec.core.ledger import Claim, ClaimLine, ClaimRequest, DeclaredRow, RequestStatus
from batchspec.core.model import BatchJob, BatchJobStatus, BodyDigest, RequestDigest, Target, Usage
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.core.usage import Used
from batchspec.state.inspection import Inspection
from batchspec.state.reclaiming import SqliteReclaiming
from batchspec.state.store import SqliteLedger

CHAT = "/v1/chat/completions"
NOTHING = Unknown()
GOOD = Outcome(OutcomeKind.SUCCEEDED, 200, b'{"x": "\xc3\xa9"}', None, Usage(prompt_tokens=3, completion_tokens=5))
OUTCOMES = {
    "good": GOOD,
    "bad": Outcome(OutcomeKind.FAILED, 400, None, "refused"),
    "passing": Outcome(OutcomeKind.FAILED_PASSING, 503, None, "busy"),
    "held": Outcome(OutcomeKind.HELD, None, None, "cancelled"),
    "lost": Outcome(OutcomeKind.LOST, None, None, "gone"),
}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A collected job with an answer of every kind, and a second one in flight."""
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        first = in_flight(ledger, *OUTCOMES, shard_name="first", job_id="job-1")
        ledger.take_in(first.id, [(digest(name), outcome) for name, outcome in OUTCOMES.items()])
        ledger.mark_collected(first.id, 5.0)
        in_flight(ledger, "new", shard_name="second", job_id="job-2")
    yield path
    assert problems(path) == []


def problems(path: Path) -> list[str]:
    with Inspection(path) as inspection:
        return [problem.summary for problem in inspection.problems()]


def known(path: Path, *names: object) -> set[object]:
    with SqliteLedger(path) as ledger:
        found = ledger.recorded([digest(name) for name in names])
    return {name for name in names if digest(name) in found}


def test_what_has_an_answer_goes_and_what_a_person_has_to_decide_about_stays(path: Path) -> None:
    with SqliteReclaiming(path) as reclaiming:
        [found] = reclaiming.unwanted(before=9.0, unknown=NOTHING)
        assert (found.spec, found.model, found.endpoint, found.requests) == ("triage", MODEL, CHAT, 3)
        assert found.size == len(GOOD.body or b"") + len("refused") + len("busy")
        assert found.used == Used(3, 5, answers=1)
        assert reclaiming.remove() == 3
        assert reclaiming.remove() == 0
        assert reclaiming.unwanted(before=9.0, unknown=NOTHING) == []
    assert known(path, *OUTCOMES, "new") == {"held", "lost", "new"}


def test_nothing_goes_before_it_is_removed(path: Path) -> None:
    with SqliteReclaiming(path) as reclaiming:
        assert reclaiming.unwanted(before=9.0, unknown=NOTHING)
    assert known(path, *OUTCOMES) == set(OUTCOMES)


def test_what_is_wanted_younger_or_of_a_spec_that_cannot_say_stays(path: Path) -> None:
    with SqliteReclaiming(path) as reclaiming:
        assert reclaiming.unwanted(before=4.9, unknown=NOTHING) == []
        assert reclaiming.unwanted(before=9.0, unknown=Unknown(rows={"triage": 1})) == []
        assert reclaiming.unwanted(before=9.0, unknown=Unknown(rows={"b": 1}, ways=[(CHAT, Target(MODEL))])) == []
        others = [(CHAT, Target(MODEL, 1)), (CHAT, Target(MODEL, 0, 1)), ("/v1/ocr", Target(MODEL))]
        assert reclaiming.unwanted(before=9.0, unknown=Unknown(rows={"b": 1}, ways=others))[0].requests == 3
        reclaiming.want([digest("good"), digest("nobody's")])
        assert reclaiming.unwanted(before=9.0, unknown=NOTHING)[0].requests == 2
        reclaiming.remove()
    assert known(path, *OUTCOMES) == {"good", "held", "lost"}


def test_a_failure_that_is_in_flight_again_stays_with_its_answer(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        claimed(ledger, "passing", shard_name="third")
    with SqliteReclaiming(path) as reclaiming:
        assert reclaiming.unwanted(before=9.0, unknown=NOTHING)[0].requests == 2
        reclaiming.remove()
    with SqliteLedger(path) as ledger:
        assert ledger.recorded([digest("passing")])[digest("passing")].status is RequestStatus.CLAIMED
        assert ledger.results([digest("passing")])[digest("passing")].error == "busy"


def test_what_is_taken_in_of_a_job_that_is_not_collected_yet_stays(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        ledger.take_in(2, [(digest("new"), GOOD)])
    with SqliteReclaiming(path) as reclaiming:
        reclaiming.unwanted(before=1e12, unknown=NOTHING)
        reclaiming.remove()
    assert known(path, "new") == {"new"}


def test_what_a_spec_declared_last_is_wanted_in_every_way_that_it_went(path: Path) -> None:
    targets = [Target("a"), Target("b", 2, 1)]
    digests = [RequestIdentity.of(CHAT, target).digest(body("row")) for target in targets]
    with SqliteLedger(path) as ledger:
        for number, (target, each) in enumerate(zip(targets, digests, strict=True)):
            _answer(ledger, f"declared {number}", target, [each], 6.0)
        ledger.declare("triage", "triage.batchspec.yaml", targets, [DeclaredRow("", "row", BodyDigest(body("row")))])
        assert set(ledger.recorded(digests)) == set(digests)
    with SqliteReclaiming(path) as reclaiming:
        assert reclaiming.spec_paths() == {"triage": "triage.batchspec.yaml"}
        assert sum(each.requests for each in reclaiming.unwanted(before=9.0, unknown=NOTHING)) == 5
        reclaiming.want_declared(["another"])
        assert sum(each.requests for each in reclaiming.unwanted(before=9.0, unknown=NOTHING)) == 5
        reclaiming.want_declared(["triage"])
        assert sum(each.requests for each in reclaiming.unwanted(before=9.0, unknown=NOTHING)) == 3


def _answer(
    ledger: SqliteLedger, shard: str, target: Target, digests: Sequence[RequestDigest], collected_at: float
) -> Claim:
    request = ClaimRequest(
        shard=shard,
        spec="triage",
        endpoint=CHAT,
        model=target.model,
        requests=len(digests),
        revision=target.revision,
        replicate=target.replicate,
    )
    claim = ledger.claim(request, [ClaimLine(each.hex(), each) for each in digests], 1.0)
    ledger.mark_uploaded(claim.id, [f"file of {shard}"])
    ledger.mark_sending(claim.id, 2.0)
    ledger.mark_created(claim.id, _job(shard, target))
    ledger.take_in(claim.id, [(each, GOOD) for each in digests])
    ledger.mark_collected(claim.id, collected_at)
    return claim


def _job(name: str, target: Target) -> BatchJob:
    ended = BatchJobStatus.SUCCESS
    return BatchJob(id=name, status=ended, status_text=ended.value, endpoint=CHAT, model=target.model)


def test_the_file_shrinks_and_is_sound_after_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    large = Outcome(OutcomeKind.SUCCEEDED, 200, b'"' + b"x" * 20_000 + b'"')
    with SqliteLedger(path) as ledger:
        claim = in_flight(ledger, *range(100))
        ledger.take_in(claim.id, [(digest(number), large) for number in range(100)])
        ledger.mark_collected(claim.id, 5.0)
    before = path.stat().st_size
    with SqliteReclaiming(path) as reclaiming:
        reclaiming.want([digest(number) for number in range(10)])
        reclaiming.unwanted(before=9.0, unknown=NOTHING)
        reclaiming.remove()
        assert (reclaiming.size().total, reclaiming.size().free > before / 2) == (before, True)
        reclaiming.shrink()
        assert (reclaiming.size().total, reclaiming.size().free) == (path.stat().st_size, 0)
    assert path.stat().st_size < before / 4
    assert problems(path) == []
    assert known(path, *range(100)) == set(range(10))


def test_what_a_state_has_made_and_still_needs_at_the_provider_is_told(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        waiting = claimed(ledger, "more", shard_name="third")
        ledger.mark_uploaded(waiting.id, ["file-9"])
    with SqliteReclaiming(path) as reclaiming:
        assert reclaiming.needed_files() == {"file-9"}
        assert reclaiming.jobs_made_here() == {"job-1", "job-2"}


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(OUTCOMES)), st.integers(0, 3), st.booleans(), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_just_what_is_answered_old_and_unwanted_goes(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[str, int, bool, bool]]
) -> None:
    path = tmp_path_factory.mktemp("law") / "state.db"
    with SqliteLedger(path) as ledger:
        for number, (outcome, age, _, again) in enumerate(requests):
            claim = in_flight(ledger, number, shard_name=f"s{number}", job_id=f"j{number}")
            ledger.take_in(claim.id, [(digest(number), OUTCOMES[outcome])])
            ledger.mark_collected(claim.id, float(age))
            if again and outcome == "passing":
                claimed(ledger, number, shard_name=f"s{number}")
    with SqliteReclaiming(path) as reclaiming:
        reclaiming.want([digest(number) for number, (_, _, wanted, _) in enumerate(requests) if wanted])
        found = reclaiming.unwanted(before=1.0, unknown=NOTHING)
        gone = {
            number
            for number, (outcome, age, wanted, again) in enumerate(requests)
            if outcome in {"good", "bad", "passing"}
            and age <= 1
            and not wanted
            and not (again and outcome == "passing")
        }
        assert sum(each.requests for each in found) == reclaiming.remove() == len(gone)
    assert known(path, *range(len(requests))) == set(range(len(requests))) - gone
    assert problems(path) == []


def test_what_another_project_has_put_into_the_same_state_stays(path: Path) -> None:
    with SqliteReclaiming(path, "another-project") as reclaiming:
        assert reclaiming.unwanted(before=9.0, unknown=NOTHING) == []
        assert reclaiming.remove() == 0
    assert known(path, *OUTCOMES) == set(OUTCOMES)
