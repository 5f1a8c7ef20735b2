"""What answers have used is summed by spec and model, from counted tokens or from the bodies where only they tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from state_samples import digest, job, lines, shard

from batchspec.core.json_text import encode
from batchspec.core.model import Usage
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.core.usage import SpecUsage, Used
from batchspec.state.store import SqliteLedger

CHAT = "/v1/chat/completions"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "state.db") as ledger:
        yield ledger


def answered(
    ledger: SqliteLedger, name: str, outcomes: list[Outcome], *, spec: str = "triage", model: str = "m", at: str = CHAT
) -> None:
    names = [f"{name}-{number}" for number in range(len(outcomes))]
    request = replace(shard(name, len(names), spec), model=model, endpoint=at)
    claim = ledger.claim(request, lines(*names), 1.0)
    ledger.mark_sending(claim.id, 2.0)
    ledger.mark_created(claim.id, job(f"job-{name}"))
    ledger.take_in(claim.id, [(digest(each), outcome) for each, outcome in zip(names, outcomes, strict=True)])


def success(body: dict[str, object], prompt: int | None = None, completion: int = 0) -> Outcome:
    usage = None if prompt is None else Usage(prompt, completion, prompt + completion)
    return Outcome(OutcomeKind.SUCCEEDED, 200, encode(body), None, usage)


def test_counted_tokens_are_summed_by_spec_and_model_and_failures_count_for_nothing(ledger: SqliteLedger) -> None:
    failure = Outcome(OutcomeKind.FAILED, 400, None, "no", None)
    answered(ledger, "a", [success({}, 7, 2), success({}, 3, 1), failure])
    answered(ledger, "b", [success({}, 10, 5)])
    answered(ledger, "c", [success({}, 1, 1), success({})], model="n")
    answered(ledger, "d", [success({}, 100, 100)], spec="other")
    assert ledger.usage(["triage"]) == [
        SpecUsage("triage", "m", Used(20, 8, answers=3)),
        SpecUsage("triage", "n", Used(1, 1, answers=2, unmetered=1)),
    ]
    assert ledger.usage(["nobody"]) == ledger.usage([]) == []


def test_pages_and_sound_are_read_from_the_bodies(ledger: SqliteLedger) -> None:
    pages: dict[str, object] = {"usage_info": {"pages_processed": 2}}
    sound: dict[str, object] = {"usage": {"prompt_tokens": 4, "completion_tokens": 6, "prompt_audio_seconds": 19}}
    answered(ledger, "a", [success(pages), success(pages)], at="/v1/ocr", model="ocr")
    answered(ledger, "b", [success(sound, 4, 6)], model="voice")
    assert [each.used for each in ledger.usage(["triage"])] == [Used(pages=4, answers=2), Used(4, 6, answers=1)]
    assert ledger.usage(["triage"], whole={"voice"})[1].used == Used(4, 6, audio_seconds=19, answers=1)


def test_the_sum_is_made_from_an_index_without_reading_a_body(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "state.db") as ledger:
        answered(ledger, "a", [success({"text": "long " * 1000}, 1, 1)])
        steps = ledger._database.execute(
            "EXPLAIN QUERY PLAN SELECT sum(prompt_tokens) FROM result WHERE outcome = 'succeeded' AND claim_id = 1"
        ).fetchall()
    assert "USING COVERING INDEX result_usage" in steps[0][3]
