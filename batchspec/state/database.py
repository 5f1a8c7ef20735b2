"""Opens the state file: created whole, migrated step by step, refused when newer or damaged."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from batchspec.core.errors import StateError
from batchspec.state.migrations import STEPS, VERSION

FORGET_PLANS = "DELETE FROM plan_memo WHERE spec <> ''"

_BUSY_SECONDS = 30.0


def sqlite_version() -> str:
    """Return the version of the SQLite library in use."""
    return sqlite3.sqlite_version


def open_state(path: Path, project_id: str | None) -> Database:
    """Open the state at `path`, creating it where there is none.

    `project_id` names the project in a new state; without one it is made here, once.
    Raises StateError for a state that is newer than this program, damaged, or cannot be written.
    """
    try:
        if not path.exists():
            _create(path, project_id)
        return _open(path)
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from None
    except OSError as error:
        raise StateError(
            f"the state {path} cannot be opened: {error.strerror or error}",
            hint="check the folder's permissions and free space, or name another place with --state",
        ) from None


def open_to_look(path: Path) -> Database:
    """Open the state at `path` so that nothing is written to it, not even a step from an older version to this one.

    Raises StateError for one that is missing, newer than this program, damaged, or no state at all.
    """
    if not path.exists():
        raise StateError(
            f"there is no state at {path}",
            why="no command that talks to the provider has run here yet, or the file was moved or deleted",
            hint="put a copy of it back, run `batchspec state rebuild`, or name its place with --state",
        )
    try:
        database = _connect(path)
        try:
            database.conn.execute("PRAGMA query_only = ON")
            version_of(database, path)
        except BaseException:
            database.close()
            raise
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from None
    return database


def _open(path: Path) -> Database:
    database = _connect(path)
    try:
        _prepare(database)
        _migrate(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _create(path: Path, project_id: str | None) -> None:
    """Make the state in a temporary file and put it in place whole, so that there is never half a state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".state-", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        database = _connect(temporary)
        try:
            _prepare(database)
            _fill(database, project_id)
        finally:
            database.close()
        _put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put_in_place(temporary: Path, path: Path) -> None:
    """Give a new state its name, unless somebody else has made one meanwhile: that may hold claims already."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            temporary.replace(path)


def state_in_memory(project_id: str | None) -> Database:
    """Return an empty state that is never written anywhere, for a command that only reads."""
    database = Database(sqlite3.connect(":memory:", isolation_level=None), execute_plugins=False)
    _fill(database, project_id)
    return database


def _fill(database: Database, project_id: str | None) -> None:
    # In one transaction: each one costs several waits for the disk.
    database.conn.executescript("BEGIN;" + "".join(STEPS) + "COMMIT;")
    database.execute(f"PRAGMA user_version = {VERSION}")
    identity = project_id or str(uuid.uuid4())
    database.execute("INSERT INTO meta (key, value) VALUES ('project_id', ?)", [identity])


def _connect(path: Path) -> Database:
    # By its address, which never makes a file where there is none, nor behind a link that leads nowhere.
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
    )
    return Database(connection, execute_plugins=False)


def _prepare(database: Database) -> None:
    connection = database.conn
    # A rollback journal and not a WAL: a copy of this one file must be whole.
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA cache_size = -16384")


def version_of(database: Database, path: Path) -> int:
    """Return the version that a state is of. Raises StateError for a newer one and for what is no state."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StateError(
            f"the state {path} is of version {version}; this batchspec knows up to {VERSION}",
            why="a newer batchspec has written it, and reading it with an older one could pay for work again",
            hint="upgrade batchspec here",
        )
    if version == 0:
        raise StateError(
            f"{path} is not a batchspec state",
            hint="move it away, and what was sent is found again at the provider; or name another place with --state",
        )
    return version


def _migrate(database: Database, path: Path) -> None:
    version = version_of(database, path)
    for number in range(version, VERSION):
        with _locked(database):
            if version_of(database, path) > number:
                continue  # somebody else has opened it at the same moment
            for statement in _statements(STEPS[number]):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number + 1}")


def _statements(script: str) -> Iterator[str]:
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


@contextmanager
def transaction(database: Database, *, keeps_plans: bool = False) -> Iterator[None]:
    """Run a block as one durable write, taking the write lock at once so that it cannot fail half way for want of it.

    With any change goes what is remembered of plans, unless the block changes nothing that plans go by, and says so.
    Raises StateError when the file cannot be written.
    """
    connection = database.conn
    with _locked(database):
        before = connection.total_changes
        yield
        if not keeps_plans and connection.total_changes != before:
            connection.execute(FORGET_PLANS)


@contextmanager
def _locked(database: Database) -> Iterator[None]:
    connection = database.conn
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise state_error(error, database) from None


def state_error(error: sqlite3.DatabaseError, database: Database) -> StateError:
    """Return the StateError that stands for what SQLite says of an open state."""
    return _translated(error, Path(str(database.conn.execute("PRAGMA database_list").fetchone()[2])))


def _translated(error: sqlite3.DatabaseError, path: Path) -> StateError:
    text = str(error)
    if "malformed" in text or "not a database" in text or "no such table" in text:
        return StateError(
            f"the state {path} is damaged: {text}",
            why="what was paid for is still at the provider",
            hint="put a copy of it back (see `batchspec state backup`), or run `batchspec state rebuild`",
        )
    if "full" in text:
        return StateError(f"the state {path} cannot be written: the disk is full", hint="free space and run again")
    if path.is_dir():
        return StateError(f"the state {path} is a folder", hint="move it away, or name another place with --state")
    if "readonly" in text or "unable to open" in text:
        return StateError(
            f"the state {path} cannot be written: {text}",
            hint="check the permissions of the file and its folder, or name another place with --state",
        )
    if "locked" in text:
        return StateError(f"the state {path} is in use by another program", hint="close what holds it and run again")
    return StateError(
        f"the state {path} cannot be used: {text}",
        hint="look at the disk's health and free space and run again; `batchspec state check` says whether it is whole",
    )
