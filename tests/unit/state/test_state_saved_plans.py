"""What a state keeps of saved plans and of the parts of specs; and a table of requests that is gone when closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchspec.core.ledger import ClaimLine, ClaimRequest
from batchspec.core.model import PlanUse, RequestDigest, Target
from batchspec.core.saved_plan import Batch
from batchspec.state.request_table import SqliteRequestTable
from batchspec.state.store import SqliteLedger

FIRST, SECOND, THIRD = (RequestDigest(bytes([number]) * 16) for number in (1, 2, 3))
BATCH = Batch("demo", "", "mistral-small-latest", 0, 0, "submit", "row added", 0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "state.db") as opened:
        yield opened


def claim(ledger: SqliteLedger, shard: str, digest: RequestDigest, plan: str = "") -> int:
    request = ClaimRequest(shard=shard, spec="demo", endpoint="/v1/ocr", model="m", requests=1, plan=plan)
    return ledger.claim(request, [ClaimLine("r", digest)], 1.0).id


def test_a_plan_is_begun_once_and_finished(ledger: SqliteLedger) -> None:
    assert ledger.plan_use("a") is None
    ledger.begin_plan("a", 1.0)
    ledger.begin_plan("a", 2.0)
    assert ledger.plan_use("a") == PlanUse(1.0, None)
    ledger.finish_plan("a", 3.0)
    assert ledger.plan_use("a") == PlanUse(1.0, 3.0)
    assert ledger.plan_use("b") is None


def test_a_request_is_sent_for_the_plan_that_its_last_claim_was_made_for(ledger: SqliteLedger) -> None:
    mine = claim(ledger, "one", FIRST, "a")
    claim(ledger, "two", SECOND)
    assert ledger.sent_for("a", [FIRST, SECOND, THIRD]) == {FIRST}
    ledger.release(mine, "not sent", 2.0)
    assert ledger.sent_for("a", [FIRST]) == set()
    claim(ledger, "three", FIRST, "b")
    assert (ledger.sent_for("a", [FIRST]), ledger.sent_for("b", [FIRST])) == (set(), {FIRST})


def test_the_parts_of_a_declared_spec_replace_the_earlier_ones(ledger: SqliteLedger) -> None:
    ledger.save_spec_parts("demo", {"file a": "1"})
    assert ledger.spec_parts("demo") == {}
    ledger.declare("demo", "demo.batchspec.yaml", [Target("m")], [])
    ledger.save_spec_parts("demo", {"file a": "1", "body x": "2"})
    ledger.save_spec_parts("demo", {"file b": "3"})
    assert ledger.spec_parts("demo") == {"file b": "3"}


def test_a_table_gives_back_its_requests_batch_by_batch_in_order() -> None:
    other = BATCH._replace(action="retry", tries=1)
    with SqliteRequestTable() as table:
        table.add(other, [SECOND])
        table.add(BATCH, [THIRD, FIRST])
        assert list(table.batches(1)) == [(other, [SECOND]), (BATCH, [FIRST]), (BATCH, [THIRD])]
        assert table.found([FIRST, SECOND]) == {FIRST: BATCH, SECOND: other}
        with pytest.raises(ValueError, match="there already"):
            table.add(other, [FIRST])
