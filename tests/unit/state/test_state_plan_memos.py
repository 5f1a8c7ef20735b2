"""What is remembered of plans goes with every change that a plan may go by, whoever makes it, and with no other."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database
from state_samples import body, claimed, digest, in_flight, job, lines, shard

from batchspec.core.ledger import DeclaredRow, RequestStatus
from batchspec.core.model import RemoteFile, Target
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.core.plan_memo import FORESEEN
from batchspec.state.backup import back_up
from batchspec.state.forgetting import SqliteForgetting
from batchspec.state.store import SqliteLedger

TOLD = {"triage": "nothing to do"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(path) as opened:
        in_flight(opened, "a", "b")
        opened.claim(shard("open", 1), lines("c"), 1.0)
        opened.begin_planning()
        opened.remember_plans(TOLD)
        yield opened


def remembers(ledger: SqliteLedger) -> bool:
    return ledger.remembered_plan("triage") == TOLD["triage"]


def answered(ledger: SqliteLedger, *names: str) -> None:
    outcome = Outcome(OutcomeKind.SUCCEEDED, 200, b"{}", None, None)
    ledger.take_in(1, [(digest(name), outcome) for name in names])


def await_answers(ledger: SqliteLedger) -> None:
    with ledger.awaited(1) as awaited:
        awaited.find(["id-a", "id-b"])
        awaited.take(1, 1)


def by_hand(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


CHANGES: dict[str, Callable[[SqliteLedger], object]] = {
    "claim": lambda ledger: claimed(ledger, "new", shard_name="other"),
    "adopt": lambda ledger: ledger.adopt(shard("elsewhere", 1), lines("far"), job("job-9"), 2.0),
    "mark_uploaded": lambda ledger: ledger.mark_uploaded(2, ["file-2"]),
    "mark_sending": lambda ledger: ledger.mark_sending(2, 3.0),
    "mark_created": lambda ledger: ledger.mark_created(2, job("job-2")),
    "release": lambda ledger: ledger.release(2, "not sent", 3.0),
    "take_in": lambda ledger: answered(ledger, "a"),
    "mark_collected": lambda ledger: ledger.mark_collected(1, 4.0),
    "ask_again": lambda ledger: ledger.ask_again([digest("a")], frozenset({RequestStatus.CLAIMED})),
    "declare": lambda ledger: ledger.declare("triage", "t.yaml", [Target("m")], [DeclaredRow("", "x", body("x"))]),
    "save_file": lambda ledger: ledger.save_file("f" * 64, RemoteFile(id="file-3", filename="f")),
    "bind": lambda ledger: ledger.bind("mistral"),
}

OF_NO_ACCOUNT: dict[str, Callable[[SqliteLedger], object]] = {
    "awaited": await_answers,
    "save_output": lambda ledger: ledger.save_output("results/triage.jsonl", "1:2:3"),
    "mark_compared": lambda ledger: ledger.mark_compared(5.0),
    "save_spec_parts": lambda ledger: ledger.save_spec_parts("triage", {"body": "1"}),
    "save_job": lambda ledger: ledger.save_job(job("job-1")),
    "save_verdicts": lambda ledger: ledger.save_verdicts(b"check", {1: None}),
}


def test_a_plan_is_remembered_over_the_end_of_a_command(ledger: SqliteLedger, path: Path) -> None:
    assert remembers(ledger)
    with SqliteLedger(path) as later:
        assert remembers(later)
        assert later.remembered_plan("other") is None


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_forgets_it(ledger: SqliteLedger, path: Path, change: str) -> None:
    CHANGES[change](ledger)
    assert not remembers(ledger)
    with SqliteLedger(path) as later:
        assert not remembers(later)


@pytest.mark.parametrize("write", OF_NO_ACCOUNT)
def test_what_no_plan_goes_by_leaves_it(ledger: SqliteLedger, path: Path, write: str) -> None:
    for _ in range(3):
        OF_NO_ACCOUNT[write](ledger)
        assert remembers(ledger)
    with SqliteLedger(path) as later:
        assert remembers(later)


def foresees(ledger: SqliteLedger) -> bool:
    return ledger.remembered_plan(FORESEEN + "triage") == "foreseen"


@pytest.mark.parametrize("write", [*CHANGES, *OF_NO_ACCOUNT])
def test_what_is_foreseen_stays_while_answers_come_and_with_no_other_change(
    ledger: SqliteLedger, path: Path, write: str
) -> None:
    ledger.remember_plans({FORESEEN + "triage": "foreseen"}, foreseen=True)
    assert foresees(ledger)
    (CHANGES | OF_NO_ACCOUNT)[write](ledger)
    stays = write in {"take_in", "mark_collected"} or write in OF_NO_ACCOUNT
    assert foresees(ledger) is stays
    with SqliteLedger(path) as later:
        assert foresees(later) is stays
    by_hand(path, "UPDATE request SET attempts = attempts + 1")
    with SqliteLedger(path) as later:
        assert not foresees(later)


def test_what_is_foreseen_is_kept_after_own_writes_and_not_after_those_of_another(
    ledger: SqliteLedger, path: Path
) -> None:
    for foreign in (False, True):
        ledger.begin_planning()
        CHANGES["save_file"](ledger)
        if foreign:
            by_hand(path, "UPDATE request SET attempts = attempts + 1")
        ledger.remember_plans({"triage": TOLD["triage"]})
        assert not remembers(ledger)
        ledger.remember_plans({FORESEEN + "triage": "foreseen"}, foreseen=True)
        assert foresees(ledger) is not foreign


def test_every_method_that_writes_is_in_one_of_these_lists() -> None:
    # Those that only the few at the end have: what they write follows from what others write, or is about memos.
    others = {"begin_plan", "finish_plan", "forget_file", "mark_deleted", "remember_plans", "close"}
    reading = {
        "recorded", "results", "standings", "succeeded", "successes", "unknown_jobs", "is_contended", "open_claims",
        "claims_in_flight", "claim_lines", "job", "jobs_of", "known_job_ids", "known_file_ids", "find_file",
        "declared", "declared_counts", "declared_targets", "saved_output", "usage", "plan_use", "sent_for",
        "spec_parts", "compared_at", "project_id", "remembered_plan", "begin_planning",
    }  # fmt: skip
    public = {name for name in dir(SqliteLedger) if not name.startswith("_")}
    assert public == others | reading | set(CHANGES) | set(OF_NO_ACCOUNT)


@pytest.mark.parametrize(
    "nothing",
    [
        lambda ledger: ledger.ask_again([], frozenset({RequestStatus.CLAIMED})),
        lambda ledger: ledger.ask_again([digest("unknown")], frozenset({RequestStatus.CLAIMED})),
        lambda ledger: ledger.take_in(1, []),
        lambda ledger: ledger.finish_plan("unknown", 1.0),
    ],
)
def test_what_changes_nothing_leaves_it(ledger: SqliteLedger, nothing: Callable[[SqliteLedger], object]) -> None:
    nothing(ledger)
    assert remembers(ledger)


def test_a_write_that_fails_changes_nothing(ledger: SqliteLedger) -> None:
    with pytest.raises(Exception, match="claimed or answered"):
        ledger.claim(shard("again", 1), lines("a"), 2.0)
    assert remembers(ledger)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE request SET status = 7",
        "DELETE FROM result",
        "DELETE FROM declared",
        "INSERT INTO request (digest, status, attempts, claim_id) VALUES (zeroblob(16), 2, 1, 1)",
        "UPDATE spec SET models = '[]'",
        "UPDATE claim SET phase = 'released'",
    ],
)
def test_an_edit_by_another_hand_forgets_it(ledger: SqliteLedger, path: Path, sql: str) -> None:
    answered(ledger, "a")
    ledger.declare("triage", "t.yaml", [Target("m")], [DeclaredRow("", "x", body("x"))])
    ledger.begin_planning()
    ledger.remember_plans(TOLD)
    assert remembers(ledger)
    by_hand(path, sql)
    assert not remembers(ledger)


def test_an_edit_by_another_hand_is_not_carried_over_by_a_write_of_no_account(ledger: SqliteLedger, path: Path) -> None:
    by_hand(path, "UPDATE request SET status = 7")
    ledger.mark_compared(5.0)
    assert not remembers(ledger)
    for _ in range(5):
        ledger.save_output("a", "b")
        assert not remembers(ledger)


def test_what_has_changed_since_planning_began_is_not_remembered(ledger: SqliteLedger, path: Path) -> None:
    ledger.begin_planning()
    claimed(ledger, "between", shard_name="between")
    ledger.remember_plans(TOLD)
    assert not remembers(ledger)
    ledger.begin_planning()
    by_hand(path, "UPDATE request SET status = 7")
    ledger.remember_plans(TOLD)
    assert not remembers(ledger)


def test_verdicts_that_planning_itself_has_found_do_not_matter(ledger: SqliteLedger) -> None:
    answered(ledger, "a")
    assert not remembers(ledger)
    ledger.begin_planning()
    ledger.save_verdicts(b"check", {1: "wrong"})
    ledger.save_verdicts(b"check", {1: "wrong"})
    ledger.remember_plans(TOLD)
    assert remembers(ledger)


def test_another_hand_between_two_verdicts_is_noticed(ledger: SqliteLedger, path: Path) -> None:
    answered(ledger, "a")
    ledger.begin_planning()
    ledger.save_verdicts(b"check", {1: None})
    by_hand(path, "UPDATE request SET status = 7")
    ledger.save_verdicts(b"check", {1: None})
    ledger.remember_plans(TOLD)
    assert not remembers(ledger)


def test_without_a_beginning_nothing_is_remembered(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        ledger.remember_plans(TOLD)
        assert not remembers(ledger)


def test_a_state_in_memory_remembers_nothing() -> None:
    with SqliteLedger(None) as ledger:
        ledger.begin_planning()
        ledger.remember_plans(TOLD)
        assert not remembers(ledger)


def test_an_older_copy_put_back_goes_by_what_it_holds_itself(ledger: SqliteLedger, path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    ledger.ask_again([digest("a")], frozenset({RequestStatus.CLAIMED}))
    newer = path.with_name("newer.db")
    ledger.begin_planning()
    ledger.remember_plans({"triage": "something else"})
    shutil.copy(path, newer)
    # Over the same file: what it holds is of one moment, and was true then of just this ledger.
    shutil.copyfile(copy, path)
    with SqliteLedger(path) as restored:
        assert restored.recorded([digest("a")])[digest("a")].status is RequestStatus.CLAIMED
        assert restored.remembered_plan("triage") in {None, TOLD["triage"]}
    # In its place: another file, of which nothing is known.
    newer.replace(path)
    with SqliteLedger(path) as restored:
        assert restored.recorded([digest("a")])[digest("a")].status is RequestStatus.ASKED
        assert restored.remembered_plan("triage") is None


def test_a_backup_that_reaches_the_same_count_by_other_ways_is_not_believed(ledger: SqliteLedger, path: Path) -> None:
    copy = path.with_name("copy.db")
    back_up(path, copy, force=False)
    with closing(Database(path).conn) as connection:
        (at,) = connection.execute("SELECT at FROM plan_memo WHERE spec = 'triage'").fetchone()
    # The same inode, and the copy's own count of changes, which begins anew.
    path.write_bytes(copy.read_bytes())
    for number in range(at + 2):
        by_hand(path, f"UPDATE request SET attempts = attempts + 1 WHERE attempts > {-number - 1}")
        with SqliteLedger(path) as restored:
            assert not remembers(restored)


def test_a_backup_remembers_nothing_and_leaves_what_is_remembered_here(ledger: SqliteLedger, path: Path) -> None:
    copy = path.with_name("copy.db")
    back_up(path, copy, force=False)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT spec FROM plan_memo").fetchall() == [("",)]
    assert remembers(ledger)


def test_a_copy_by_other_means_that_reaches_the_same_count_is_not_believed(ledger: SqliteLedger, path: Path) -> None:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        (at,) = source.execute("SELECT at FROM plan_memo WHERE spec = 'triage'").fetchone()
    path.write_bytes(copy.read_bytes())
    for number in range(at + 2):
        by_hand(path, f"UPDATE request SET attempts = attempts + 1 WHERE attempts > {-number - 1}")
        with SqliteLedger(path) as restored:
            assert not remembers(restored)


def test_a_copy_that_cannot_be_told_apart_forgets_with_its_first_write(ledger: SqliteLedger, path: Path) -> None:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        (at,) = source.execute("SELECT at FROM plan_memo WHERE spec = 'triage'").fetchone()
        (schema,) = source.execute("PRAGMA schema_version").fetchone()
        target.execute(f"PRAGMA schema_version = {schema}")
    path.write_bytes(copy.read_bytes())
    for number in range(at + 2):
        with SqliteLedger(path) as restored:
            claimed(restored, f"new {number}", shard_name=f"new {number}")
            assert not remembers(restored)


def test_what_other_parts_of_the_state_write_forgets_it(ledger: SqliteLedger, path: Path) -> None:
    answered(ledger, "a")
    ledger.begin_planning()
    ledger.remember_plans(TOLD)
    with SqliteForgetting(path) as forgetting:
        assert forgetting.forget_request(digest("a"), results=True) == 1
    assert not remembers(ledger)


def test_a_state_in_wal_mode_counts_its_changes_otherwise_and_is_not_trusted(ledger: SqliteLedger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        ledger.begin_planning()
        ledger.remember_plans(TOLD)
        assert not remembers(ledger)
        other.execute("UPDATE request SET status = 7")
        other.commit()
        assert not remembers(ledger)


def test_a_state_that_is_written_anew_by_vacuum_forgets_it(ledger: SqliteLedger, path: Path) -> None:
    by_hand(path, "VACUUM")
    assert not remembers(ledger)
