"""What every part of the ledger stands on: the open database, and how its rows are read in bulk."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlite_utils import Database

from batchspec.core.ledger import Phase
from batchspec.state.database import state_error

CHUNK = 900
"""How many keys are looked up by one statement; SQLite once took at most 999."""

BULK = 20_000
"""How many rows are written by one statement."""

OPEN = (Phase.CLAIMED.value, Phase.UPLOADED.value, Phase.SENDING.value)
"""The phases of a claim that has no job on record yet."""

_T = TypeVar("_T")


class Tables:
    """A part of the ledger, over the one open database."""

    def __init__(self, database: Database, project_id: str | None = None) -> None:
        self._database = database
        self._declared_id = project_id

    @property
    def project_id(self) -> str:
        """The id that this project's jobs carry: batchspec.toml's, or the state's own."""
        if self._declared_id is not None:
            return self._declared_id
        row = self._row("SELECT value FROM meta WHERE key = 'project_id'")
        return str(row[0]) if row else str(uuid.UUID(int=0))

    def _rows(self, sql: str, values: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield what a query finds. Raises StateError when the file cannot be read."""
        try:
            yield from self._database.execute(sql, list(values))
        except sqlite3.DatabaseError as error:
            raise state_error(error, self._database) from None

    def _all(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds, which is not much at once: sooner than row by row. Raises StateError."""
        try:
            return self._database.execute(sql, list(values)).fetchall()
        except sqlite3.DatabaseError as error:
            raise state_error(error, self._database) from None

    def _row(self, sql: str, values: Iterable[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row that a query finds, or None. Raises StateError when the file cannot be read."""
        return next(iter(list(self._rows(sql, values))), None)


def marks(values: Iterable[object]) -> str:
    """Return a question mark for each value."""
    return ", ".join("?" for _ in values)


def chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield lists of at most `size` items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
