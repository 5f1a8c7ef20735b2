"""Where every spec stands, told from claims and requests in a state that is not changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from state_samples import digest, job, lines, shard

from batchspec.core.ledger import Claim
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.core.selecting import Standing
from batchspec.state.standings import standings
from batchspec.state.store import SqliteLedger

SUCCESS = Outcome(OutcomeKind.SUCCEEDED, 200, b"{}", None, None)


def claimed(ledger: SqliteLedger, spec: str, requests: int = 2) -> Claim:
    return ledger.claim(shard(spec, requests, spec), lines(*(f"{spec}-{at}" for at in range(requests))), 1.0)


def collected(ledger: SqliteLedger, spec: str, *outcomes: Outcome) -> None:
    claim = claimed(ledger, spec, len(outcomes))
    ledger.mark_sending(claim.id, 2.0)
    ledger.mark_created(claim.id, job(f"job-{spec}"))
    ledger.take_in(claim.id, [(digest(f"{spec}-{at}"), each) for at, each in enumerate(outcomes)])
    ledger.mark_collected(claim.id, 3.0)


def told(path: Path) -> Mapping[str, set[str]]:
    return {spec: {str(each) for each in standing} for spec, standing in standings(path).items()}


def test_every_spec_stands_where_its_claims_and_requests_are(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        claimed(ledger, "claimed")
        flying = claimed(ledger, "flying")
        ledger.mark_sending(flying.id, 2.0)
        ledger.mark_created(flying.id, job("job-flying"))
        ledger.release(claimed(ledger, "released").id, "a test", 2.0)
        collected(ledger, "done", SUCCESS, SUCCESS)
    assert told(path) == {"claimed": {"in-flight"}, "flying": {"in-flight"}, "done": {"done"}}


@pytest.mark.parametrize(
    ("kind", "standing"),
    [
        (OutcomeKind.FAILED, Standing.FAILED),
        (OutcomeKind.FAILED_PASSING, Standing.FAILED),
        (OutcomeKind.HELD, Standing.HELD),
        (OutcomeKind.LOST, Standing.LOST),
    ],
)
def test_one_request_without_an_answer_tells_of_its_spec(kind: OutcomeKind, standing: Standing, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with SqliteLedger(path) as ledger:
        collected(ledger, "mixed", SUCCESS, Outcome(kind, None, None, "why", None))
        collected(ledger, "done", SUCCESS)
    assert standings(path) == {"mixed": {standing}, "done": {Standing.DONE}}


def test_without_a_state_nothing_was_sent_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    assert standings(path) == {}
    assert not path.exists()
