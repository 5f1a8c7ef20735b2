"""The emulator's one SQLite file: its schema, its connection shared by the server's threads, its transactions.

Written-ahead logging with synchronous=NORMAL: nothing that was committed is lost when the process is killed, which is
all that an emulator promises (a power cut may cost the last commits). No statement about files or jobs is in here.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchspec.emulator.refusals import EmulatorError

DATABASE_NAME = "emulator.db"

_VERSION = 1
_BUSY_SECONDS = 30
_SCHEMA = """
CREATE TABLE files (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, filename TEXT NOT NULL, bytes INTEGER NOT NULL,
    created_at REAL NOT NULL, purpose TEXT NOT NULL, sample_type TEXT NOT NULL, source TEXT NOT NULL,
    num_lines INTEGER, mimetype TEXT, expires_at REAL, visibility TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, endpoint TEXT NOT NULL, model TEXT, agent_id TEXT,
    metadata TEXT, input_files TEXT NOT NULL, inline INTEGER NOT NULL, timeout_hours INTEGER NOT NULL,
    status TEXT NOT NULL, errors TEXT NOT NULL DEFAULT '[]', deleted INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL, started_at REAL, completed_at REAL, cancel_requested_at REAL,
    total INTEGER NOT NULL DEFAULT 0, succeeded INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    fail_after INTEGER, output_id TEXT NOT NULL, error_id TEXT NOT NULL,
    input_index INTEGER NOT NULL DEFAULT 0, input_offset INTEGER NOT NULL DEFAULT 0, line INTEGER NOT NULL DEFAULT 0,
    output_bytes INTEGER NOT NULL DEFAULT 0, output_lines INTEGER NOT NULL DEFAULT 0,
    error_bytes INTEGER NOT NULL DEFAULT 0, error_lines INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status);
CREATE TABLE executions (
    job INTEGER NOT NULL REFERENCES jobs (seq), line INTEGER NOT NULL, body BLOB NOT NULL, succeeded INTEGER NOT NULL
) STRICT;
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
"""


class Database:
    """One connection under one lock: the server's threads and the runner take turns.

    Several processes may open the same folder. Raises EmulatorError where the folder cannot be used.
    """

    def __init__(self, data: Path) -> None:
        self.path = data / DATABASE_NAME
        self._turn = threading.RLock()
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise _unusable(data, error) from error
        try:
            self._prepare(data)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, data: Path) -> None:
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            with self.transaction() as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    for statement in _SCHEMA.strip().split(";\n"):
                        connection.execute(statement)
                    connection.execute("INSERT INTO secrets VALUES ('url', ?)", (secrets.token_bytes(32),))
                    connection.execute(f"PRAGMA user_version={_VERSION}")
        except sqlite3.Error as error:
            raise _unusable(data, error) from error
        if version not in {0, _VERSION}:
            raise EmulatorError(
                f"the emulator's data in {data} is of another version ({version}, this one writes {_VERSION})",
                hint="give another --data folder, or delete that one: its jobs and files go with it",
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock: what is done inside is committed together, or not at all where it raises."""
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        """Return every row of a query."""
        with self._turn:
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Row | None:
        """Return a query's first row, or None."""
        with self._turn:
            found: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
            return found

    def secret(self) -> bytes:
        """Return the key that signs download URLs; the same after a restart."""
        row = self.row("SELECT value FROM secrets WHERE name = 'url'")
        assert row is not None
        return bytes(row["value"])

    def close(self) -> None:
        """Close the connection; the object is of no use afterwards."""
        with self._turn:
            self._connection.close()


def _unusable(data: Path, error: Exception) -> EmulatorError:
    return EmulatorError(
        f"the emulator cannot keep its data in {data}",
        why=str(error),
        hint="give a --data folder that can be written to, on a local disk",
    )


class RunnerLock:
    """Makes one process at a time the one that runs the jobs of a data folder; it dies with its process.

    An exclusive SQLite transaction on an empty file of its own: a lock that every platform has.
    """

    def __init__(self, data: Path) -> None:
        self._connection = sqlite3.connect(
            data / "runner.lock", timeout=0, isolation_level=None, check_same_thread=False
        )
        self.held = False

    def acquire(self) -> bool:
        """Take the lock if it is free; tell whether it is held now."""
        if not self.held:
            try:
                self._connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                return False
            self.held = True
        return True

    def close(self) -> None:
        """Release the lock."""
        self._connection.close()
        self.held = False
