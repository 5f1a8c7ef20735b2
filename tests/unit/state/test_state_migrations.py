"""A state of every earlier version opens, is brought up to date once, and keeps all that it held."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from batchspec.core.ledger import RequestStatus
from batchspec.state.inspection import Inspection
from batchspec.state.migrations import VERSION
from batchspec.state.store import SqliteLedger

FIRST = Path(__file__).parents[2] / "acceptance" / "state_of_version_1.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST.read_text(encoding="utf-8"))
    path.chmod(0o600)
    return path


def test_a_state_of_version_1_is_brought_up_to_date_and_is_sound(old: Path) -> None:
    with Inspection(old) as inspection:
        assert inspection.facts().version == 1
        before = inspection.facts().rows
    with SqliteLedger(old) as ledger:
        assert len(ledger.open_claims()) == 1
        assert len(ledger.claims_in_flight()) == 1
    with Inspection(old) as inspection:
        assert (inspection.facts().version, inspection.facts().rows) == (VERSION, before)
        assert list(inspection.problems()) == []


def test_what_a_claim_of_version_1_had_claimed_once_more_is_given_back_as_it_was(old: Path) -> None:
    with SqliteLedger(old) as ledger:
        (claim,) = ledger.open_claims()
        lines = [line.digest for line in ledger.claim_lines(claim.id)]
        ledger.release(claim.id, "it was never sent", 1.0)
        assert ledger.recorded(lines) == {}
        (flying,) = ledger.claims_in_flight()
        (line,) = ledger.claim_lines(flying.id)
        assert ledger.recorded([line.digest])[line.digest].status is RequestStatus.CLAIMED
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT was FROM request WHERE digest = ?", [line.digest]).fetchone() == (4,)


def test_two_that_open_an_old_state_at_the_same_moment_both_succeed(old: Path) -> None:
    def opened() -> int:
        with SqliteLedger(old) as ledger:
            return len(ledger.open_claims())

    with closing(sqlite3.connect(old, isolation_level=None)) as holder, ThreadPoolExecutor(3) as pool:
        holder.execute("BEGIN IMMEDIATE")
        both = [pool.submit(opened) for _ in range(3)]
        # Each of them has seen the old version by then, and waits for the lock.
        time.sleep(0.3)
        holder.execute("ROLLBACK")
        assert [each.result() for each in both] == [1, 1, 1]
