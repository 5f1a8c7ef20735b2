"""What came of planning specs that had nothing to send, kept for as long as nothing that plans go by has changed.

Every transaction lets it go, but for the few that say that no plan goes by what they write. What is foreseen of a plan
stays while answers come, too: it is of what will be once they are there. For writes by other hands all is tied to the
count of changes that SQLite keeps in the file itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from batchspec.core.plan_memo import FORESEEN
from batchspec.state.database import FORGET_PLANS, transaction
from batchspec.state.tables import Tables

_HEADER_BYTES = 48
_COUNTER = slice(24, 28)
_SCHEMA = slice(40, 44)


class Moment(NamedTuple):
    """How a database file is: which one, and the count of its changes, one more with each transaction that writes.

    The file is known by its inode and its schema's number, since the count of a copy by other means begins anew.
    """

    file: str
    at: int


class Header:
    """The first bytes of a database file, read beside SQLite.

    It is to be closed after the database: to close any descriptor of a file gives up this process's locks on it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file at `path`. Raises OSError."""
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def moment(self) -> Moment:
        """Return how the file is by what was committed last."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        told = os.read(self._descriptor, _HEADER_BYTES)
        inode = os.fstat(self._descriptor).st_ino
        return Moment(f"{inode}.{int.from_bytes(told[_SCHEMA], 'big')}", int.from_bytes(told[_COUNTER], "big"))

    def is_of(self, path: Path) -> bool:
        """Tell whether `path` is still the name of this file."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), path.stat())
        return False

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


def header_of(path: Path) -> Header | None:
    """Return the header of a state; None where there is none, or it cannot be read."""
    try:
        return Header(path)
    except OSError:
        return None


class PlanMemos(Tables):
    """The remembered plans of a ledger. Without the header of its file it remembers none."""

    _header: Header | None = None
    _planning: Moment | None = None
    _by_others: int | None = None

    def remembered_plan(self, spec: str) -> str | None:
        """Return what was remembered of a spec's plan, unless anything that plans go by has changed since."""
        header = self._header
        if header is None or not self._counts():
            return None
        with self._reading():
            row = self._row("SELECT told, file, at FROM plan_memo WHERE spec = ?", [spec])
            if row is None or Moment(row[1], row[2]) != header.moment():
                return None
        return str(row[0])

    def begin_planning(self) -> None:
        """Take note of how the state is before a plan is made of it."""
        self._planning = None
        if self._header is not None and self._counts():
            with self._reading():
                self._planning = self._header.moment()
                self._by_others = self._changes_by_others()

    def remember_plans(self, told: Mapping[str, str], *, foreseen: bool = False) -> None:
        """Remember, by spec, what came of planning, unless anything that plans go by has changed since it began.

        What is `foreseen` is kept whatever this process has written since, and for as long as only answers come.
        """
        header = self._header
        if header is None or self._planning is None or not self._counts():
            return
        with self._aside():
            file, at = now = header.moment()
            if self._by_others == self._changes_by_others() if foreseen else now == self._planning:
                self._database.conn.executemany(
                    "INSERT OR REPLACE INTO plan_memo VALUES (?, ?, ?, ?)",
                    [(spec, file, at + 1, text) for spec, text in told.items()],
                )

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Run a block as a transaction that writes nothing that plans go by."""
        with transaction(self._database, keeps_plans=True):
            now = None
            if self._header is not None:
                now = self._header.moment()
                connection = self._database.conn
                connection.execute(f"{FORGET_PLANS} AND (file <> ? OR at <> ?)", now)
                # Also where there is nothing to carry over: that this counts as one change is then certain.
                connection.execute("UPDATE plan_memo SET at = at + 1")
            yield
        if now is not None and now == self._planning:
            self._planning = now._replace(at=now.at + 1)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Run a block as a transaction that takes in answers: of what is remembered, only what is foreseen stays."""
        connection = self._database.conn
        with transaction(self._database, keeps_plans=True):
            now = None if self._header is None else self._header.moment()
            before = connection.total_changes
            yield
            if connection.total_changes == before:
                return
            if now is None:
                connection.execute(FORGET_PLANS)
                return
            is_foreseen = f"substr(spec, 1, {len(FORESEEN)}) = ?"
            values = (FORESEEN, *now)
            connection.execute(f"{FORGET_PLANS} AND NOT ({is_foreseen} AND file = ? AND at = ?)", values)
            connection.execute(f"UPDATE plan_memo SET at = at + 1 WHERE {is_foreseen}", (FORESEEN,))

    def _changes_by_others(self) -> int | None:
        """Return a number that is another one once any other connection has changed the file."""
        row = self._row("PRAGMA data_version")
        return None if row is None else int(row[0])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Run a block while nobody can commit, and after the recovery of what a killed process has left half done."""
        connection = self._database.conn
        connection.execute("BEGIN")
        try:
            self._row("SELECT 1 FROM plan_memo")
            yield
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _counts(self) -> bool:
        """Tell whether every change is counted: not where another program has put the state into WAL mode."""
        row = self._row("PRAGMA journal_mode")
        return row is not None and row[0] == "delete"
