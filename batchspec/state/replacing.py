"""Puts a rebuilt state in the place of the old one, which is kept beside it; killed anywhere, one of them is there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from batchspec.core.errors import StateError
from batchspec.core.inspection import Severity
from batchspec.state.inspection import Inspection
from batchspec.state.invariants import damage_of
from batchspec.state.migrations import VERSION

_BESIDE = ("-journal", "-wal", "-shm")


@contextmanager
def workshop(state: Path) -> Iterator[Path]:
    """Give an empty folder beside a state, on its file system, and clear it away; also what an earlier run left."""
    folder = state.resolve().with_name(f"{state.resolve().name}.rebuilding")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise StateError(
            f"{folder} cannot be made: {error.strerror or error}", hint="check the folder's permissions and free space"
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def why_unreadable(state: Path) -> str | None:
    """Return why nothing can be taken from an old state, or None where it is sound enough to be read.

    Raises StateError for a state of a newer version, and for a database that is no state: neither is to be replaced.
    """
    if state.stat().st_size == 0:
        return f"{state} is empty"
    version = _version(state)
    if version is not None and (version == 0 or version > VERSION):
        Inspection(state).close()
    try:
        with Inspection(state) as inspection:
            return damage_of(inspection.problems())
    except StateError as error:
        return error.summary


def _version(state: Path) -> int | None:
    try:
        with closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return None


def refuse_unsound(state: Path) -> None:
    """Raise StateError for a rebuilt state that a check finds fault with."""
    with Inspection(state) as inspection:
        found = [problem for problem in inspection.problems() if problem.severity is Severity.ERROR]
    if found:
        raise StateError(
            f"the rebuilt state is not sound: {found[0].summary}",
            why="the old state is left in its place",
            hint="`batchspec state check` says whether the old one is; --drop-missing takes nothing from it",
        )


def replace_state(new: Path, state: Path) -> Path | None:
    """Give a rebuilt state the old one's name; return where the old one is kept, None where there was none.

    Raises StateError, and then the old state is in its place.
    """
    target = state.resolve()
    try:
        new.chmod(0o600)
        _sync(new)
        kept = _keep(target) if target.exists() else None
        new.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise StateError(
            f"the state {state} cannot be replaced: {error.strerror or error}",
            hint="check the folder's permissions and free space; the old state is in its place",
        ) from None
    return kept


def _keep(state: Path) -> Path:
    """Give the old state a second name, and take its leftovers along: a journal would be played into the new one."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept, number = state.with_name(f"{state.name}.{stamp}.bak"), 1
    while kept.exists():
        number += 1
        kept = state.with_name(f"{state.name}.{stamp}-{number}.bak")
    _link(state, kept)
    beside = [state.with_name(state.name + end) for end in _BESIDE]
    for path in filter(Path.exists, beside):
        _link(path, kept.with_name(kept.name + path.name.removeprefix(state.name)))
    _sync(state.parent)
    for path in beside:
        path.unlink(missing_ok=True)
    return kept


def _link(path: Path, kept: Path) -> None:
    try:
        kept.hardlink_to(path)
    except OSError:  # a file system without links
        shutil.copyfile(path, kept)
        _sync(kept)
    kept.chmod(0o600)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
