"""A copy of a state while it is in use: by SQLite's own means, looked through before it gets its name."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from batchspec.core.errors import BatchspecError, StateError
from batchspec.state.database import FORGET_PLANS, open_to_look
from batchspec.state.migrations import VERSION

_BUSY_SLEEP = 0.05


def back_up(state: Path, target: Path, *, force: bool, stop: Callable[[], None] = lambda: None) -> int:
    """Write a whole copy of a state to `target`, for its owner alone, and return its bytes.

    A command may write meanwhile: the copy is of one moment. An existing file is replaced only with `force`. Raises
    StateError for a state that cannot be read or whose copy is not sound, BatchspecError for a target that cannot be.
    """
    if not force and os.path.lexists(target):
        raise _there(target)
    if target.exists() and state.exists() and target.samefile(state):
        raise BatchspecError(f"{target} is the state itself", hint="name another file")
    try:
        handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=".state-", suffix=".tmp")
    except OSError as error:
        raise _refused(target, error) from None
    os.close(handle)
    temporary = Path(name)
    try:
        _copy(state, temporary, stop)
        _check(state, temporary)
        try:
            _put_in_place(temporary, target, force=force)
            return target.stat().st_size
        except OSError as error:
            raise _refused(target, error) from None
    finally:
        for path in (temporary, temporary.with_name(temporary.name + "-journal")):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _there(target: Path) -> BatchspecError:
    return BatchspecError(f"{target} is there already", hint="name another file, or give --force to replace it")


def _refused(target: Path, error: OSError) -> BatchspecError:
    return BatchspecError(
        f"{target} cannot be written: {error.strerror or error}", hint="check the folder, its rights and free space"
    )


def _copy(state: Path, temporary: Path, stop: Callable[[], None]) -> None:
    source = open_to_look(state)
    try:
        # So that a wait for whoever writes is a wait of the copy, which asks whether to stop.
        source.conn.execute("PRAGMA busy_timeout = 100")
        with closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            # In one step, since a write in between would begin a copy in steps anew; asked only while it waits.
            source.conn.backup(copy, progress=lambda *_: stop(), sleep=_BUSY_SLEEP)
            copy.execute("PRAGMA journal_mode = DELETE")
            # Its count of changes is one of its own, at which what is remembered here could come to look right.
            # Asked of the copy: the state itself may be locked by whoever writes.
            if int(copy.execute("PRAGMA user_version").fetchone()[0]) == VERSION:
                copy.execute(FORGET_PLANS)
    except sqlite3.DatabaseError as error:
        full = "full" in str(error)
        raise StateError(
            f"the state {state} could not be copied: {error}",
            hint="free space where the copy is to lie" if full else "`batchspec state check` says what is wrong",
        ) from None
    finally:
        source.close()


def _check(state: Path, temporary: Path) -> None:
    copy = open_to_look(temporary)
    try:
        found = [str(text) for (text,) in copy.execute("PRAGMA integrity_check(3)")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    finally:
        copy.close()
    if found != ["ok"]:
        raise StateError(
            f"the state {state} is damaged, so that no sound copy can be made of it",
            why=found[0],
            hint="keep the last sound copy; `batchspec state check` says what is wrong, `state rebuild` mends it",
        )


def _put_in_place(temporary: Path, target: Path, *, force: bool) -> None:
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    if force:
        temporary.replace(target)
    else:
        try:
            target.hardlink_to(temporary)
        except FileExistsError:
            raise _there(target) from None
        except OSError:  # a file system without links
            if os.path.lexists(target):
                raise _there(target) from None
            temporary.replace(target)
    folder = os.open(target.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
