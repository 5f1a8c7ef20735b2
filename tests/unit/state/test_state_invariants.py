"""What a check of a state finds: each invariant when it is broken, damage of every kind, and nothing in a sound one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from state_samples import claimed, digest, in_flight, job, lines, shard

from batchspec.core.errors import StateError
from batchspec.core.inspection import Severity, StateProblem
from batchspec.core.model import BatchJobStatus
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.inspection import Inspection
from batchspec.state.invariants import _INVARIANTS
from batchspec.state.migrations import STEPS, VERSION
from batchspec.state.store import SqliteLedger

GOOD = Outcome(OutcomeKind.SUCCEEDED, 200, b"{}")
BAD = Outcome(OutcomeKind.FAILED, 400, None, "refused")
PASSING = Outcome(OutcomeKind.FAILED_PASSING, 503, None, "busy")
HELD = Outcome(OutcomeKind.HELD, None, None, "cancelled")


def problems(path: Path) -> list[StateProblem]:
    with Inspection(path) as inspection:
        return list(inspection.problems())


def kinds(path: Path) -> set[str]:
    return {problem.kind for problem in problems(path)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with a claim of every phase and a request of every status."""
    path = tmp_path_factory.mktemp("whole") / "state.db"
    with SqliteLedger(path, "project") as ledger:
        first = in_flight(ledger, "good", "bad", "passing", "held", shard_name="first", job_id="job-1")
        outcomes = zip(["good", "bad", "passing", "held"], [GOOD, BAD, PASSING, HELD], strict=True)
        ledger.take_in(first.id, [(digest(name), outcome) for name, outcome in outcomes])
        ledger.mark_collected(first.id, 5.0)
        released = claimed(ledger, "passing", shard_name="released")
        ledger.release(released.id, "it was never sent", 6.0)
        claimed(ledger, "new", shard_name="open")
        in_flight(ledger, "flying", "passing", shard_name="flying", job_id="job-2")
        ledger.adopt(shard("adopted", 2), lines("flying", "other"), job("job-3", BatchJobStatus.RUNNING), 7.0)
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything to."""
    shutil.copy(whole, tmp_path / "state.db")
    return tmp_path / "state.db"


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_sound_state_has_no_problem(path: Path) -> None:
    assert problems(path) == []


BREAKS = {
    "claimed-without-claim": "UPDATE request SET status = 1 WHERE status = 2",
    "request-without-claim": "UPDATE request SET claim_id = 99 WHERE status = 2",
    "request-is-odd": "UPDATE request SET attempts = 0 WHERE status = 2",
    "answer-missing": "UPDATE request SET result_id = NULL WHERE status = 2",
    "answer-differs": "UPDATE request SET status = 2 WHERE status = 3",
    "answer-of-another": "UPDATE result SET digest = x'00' WHERE id = 1",
    "answer-without-request": "DELETE FROM request WHERE status = 2",
    "lines-do-not-add-up": "DELETE FROM claim_line WHERE line = 2",
    "lines-left-over": "INSERT INTO claim_line VALUES (1, 1, 'r', x'00')",
    "line-claimed-by-nobody": "UPDATE claim_line SET digest = x'00' WHERE line = 1",
    "job-missing": "DELETE FROM job WHERE id = 'job-1'",
    "job-without-claim": "UPDATE claim SET job_id = 'job-9' WHERE job_id = 'job-1'",
    "phase-without-time": "UPDATE claim SET collected_at = NULL",
    "quarantine-without-job": "INSERT INTO quarantine (job_id, reason, line, at) VALUES ('job-9', 'odd', x'00', 1.0)",
    "project-missing": "DELETE FROM meta WHERE key = 'project_id'",
}


def test_every_invariant_is_broken_by_one_of_these() -> None:
    assert list(BREAKS) == [invariant.kind for invariant in _INVARIANTS]


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_invariant_is_found_with_what_to_do(path: Path, kind: str) -> None:
    alter(path, BREAKS[kind])
    found = {problem.kind: problem for problem in problems(path)}
    assert kind in found
    assert found[kind].severity is Severity.ERROR
    assert "state rebuild" in found[kind].hint


def test_a_reference_to_nothing_is_found(path: Path) -> None:
    alter(path, "PRAGMA foreign_keys = OFF", "INSERT INTO result VALUES (99, x'00', 99, 'held', 1, NULL, NULL, 0, 0)")
    assert "reference-broken" in kinds(path)


def test_a_state_that_others_may_read_is_told_with_the_command_that_mends_it(path: Path) -> None:
    path.chmod(0o644)
    (found,) = problems(path)
    assert found.kind == "readable-by-others"
    assert found.hint == f"chmod 600 {path}"


def test_a_state_in_wal_mode_is_told(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert kinds(path) == {"write-ahead-log"}
    SqliteLedger(path).close()
    assert kinds(path) == set()


def test_what_a_write_ahead_log_still_holds_is_not_lost(path: Path) -> None:
    writer = sqlite3.connect(path, isolation_level=None)
    reader = sqlite3.connect(path, isolation_level=None)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM claim").fetchone()
        writer.execute("INSERT INTO meta VALUES ('late', 'yes')")
        copy = path.with_name("copy.db")
        for end in ("", "-wal"):
            copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
        copy.chmod(0o600)
    finally:
        reader.close()
        writer.close()
    assert kinds(copy) == {"write-ahead-log"}
    SqliteLedger(copy).close()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'late'").fetchone() == ("yes",)
    assert kinds(copy) == set()


def test_a_hot_journal_is_rolled_back_by_looking(path: Path) -> None:
    journal = path.with_name(path.name + "-journal")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE request SET status = 99")
        for number in range(2_000):
            connection.execute("INSERT INTO meta VALUES (?, ?)", [f"k{number}", "x" * 500])
        # What a death in the middle of a transaction leaves: pages half written, and the journal that undoes them.
        copy = path.with_name("copy.db")
        copy.write_bytes(path.read_bytes())
        copy.with_name("copy.db-journal").write_bytes(journal.read_bytes())
        copy.chmod(0o600)
        connection.execute("ROLLBACK")
    assert problems(copy) == []
    with Inspection(copy) as inspection:
        assert inspection.facts().rows["claim"] == 5


def test_an_older_version_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(STEPS[0])
        connection.execute("INSERT INTO meta VALUES ('project_id', 'project')")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    path.chmod(0o600)
    before = path.read_bytes()
    assert kinds(path) == ({"older-version"} if VERSION > 1 else set())
    with Inspection(path) as inspection:
        assert inspection.facts().version == 1
        assert inspection.claims() == []
    assert path.read_bytes() == before


# Damage


def opened_or_refused(path: Path, look: Callable[[Inspection], list[StateProblem]]) -> list[tuple[str, str]]:
    """Return what was found as (kind, hint), a refusal as `unreadable`."""
    try:
        with Inspection(path) as inspection:
            return [(problem.kind, problem.hint) for problem in look(inspection)]
    except StateError as error:
        return [("unreadable", error.hint or "")]


def _middle(data: bytearray) -> None:
    data[2 * len(data) // 3 :] = b"\xa5" * (len(data) - 2 * len(data) // 3)


def _short(data: bytearray) -> None:
    del data[len(data) // 2 :]


def _torn(data: bytearray) -> None:
    del data[-1000:]


@pytest.mark.parametrize("spoil", [_middle, _short, _torn])
def test_damage_inside_is_found_and_never_raised_as_anything_else(
    path: Path, spoil: Callable[[bytearray], None]
) -> None:
    with SqliteLedger(path) as ledger:
        claimed(ledger, *range(3_000), shard_name="large")
    data = bytearray(path.read_bytes())
    spoil(data)
    path.write_bytes(data)
    found = opened_or_refused(path, lambda inspection: list(inspection.problems()))
    assert {kind for kind, _ in found} & {"damaged", "unreadable"}
    assert all("state rebuild" in hint for _, hint in found)


@pytest.mark.parametrize("offset", range(0, 60_000, 1_777))
def test_any_overwritten_stretch_ends_in_findings_or_a_refusal(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    offset %= len(data)
    data[offset : offset + 64] = bytes((7 * number + offset) % 256 for number in range(64))
    path.write_bytes(data)

    def look(inspection: Inspection) -> list[StateProblem]:
        found = list(inspection.problems())
        inspection.facts()
        for story in inspection.claims():
            inspection.request_counts(story.claim.id)
        inspection.requests_named("0", 10)
        inspection.specs()
        inspection.quarantined("job-1")
        return found

    assert all(hint for _, hint in opened_or_refused(path, look))
