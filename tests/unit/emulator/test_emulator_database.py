from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from batchspec.emulator.database import Database, RunnerLock

INSERT = "INSERT INTO executions (job, line, body, succeeded) VALUES (1, 1, x'00', 1)"


def test_what_a_failed_transaction_did_is_undone(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        with suppress(ZeroDivisionError), database.transaction() as connection:
            connection.execute(INSERT)
            raise ZeroDivisionError
        assert database.rows("SELECT * FROM executions") == []
        with database.transaction() as connection:
            connection.execute(INSERT)
        assert len(database.rows("SELECT * FROM executions")) == 1


def test_what_was_committed_is_seen_by_another_connection_with_the_same_secret(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as one, closing(Database(tmp_path)) as other:
        with one.transaction() as connection:
            connection.execute(INSERT)
        assert len(other.rows("SELECT * FROM executions")) == 1
        assert one.secret() == other.secret()
        assert len(one.secret()) == 32


def test_one_runner_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    with closing(RunnerLock(tmp_path)) as second:
        with closing(RunnerLock(tmp_path)) as first:
            assert first.acquire()
            assert first.acquire()
            assert not second.acquire()
        assert second.acquire()
