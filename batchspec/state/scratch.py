"""What one plan must remember of millions of rows, on disk instead of in memory; gone when it is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TypeVar

from batchspec.core.model import BodyDigest, RequestDigest

_CHUNK = 900
_T = TypeVar("_T")


class SqliteScratch:
    """Fills `core.ports.Scratch` with a temporary database that SQLite itself deletes."""

    def __init__(self) -> None:
        # An empty name is a private database on disk that vanishes with its connection.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -32768")
        self._connection.executescript(
            "CREATE TABLE id (spec TEXT, custom_id TEXT, body BLOB, place TEXT, PRIMARY KEY (spec, custom_id))"
            " WITHOUT ROWID;"
            "CREATE TABLE body (spec TEXT, body BLOB, PRIMARY KEY (spec, body)) WITHOUT ROWID;"
            "CREATE TABLE reserved (digest BLOB PRIMARY KEY) WITHOUT ROWID;"
            "BEGIN;"
        )

    def __enter__(self) -> SqliteScratch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let everything go."""
        self._connection.close()

    def add_ids(self, spec: str, rows: Sequence[tuple[str, BodyDigest, str]]) -> dict[int, str]:
        """Remember rows as (custom_id, body, place); return, for each index whose id was taken, by which place."""
        known = self._known("SELECT custom_id, place FROM id", "custom_id", spec, [row[0] for row in rows])
        taken: dict[int, str] = {}
        fresh: list[tuple[str, str, BodyDigest, str]] = []
        for index, (custom_id, body, place) in enumerate(rows):
            if custom_id in known:
                taken[index] = str(known[custom_id])
            else:
                known[custom_id] = place
                fresh.append((spec, custom_id, body, place))
        self._connection.executemany("INSERT INTO id VALUES (?, ?, ?, ?)", fresh)
        return taken

    def add_bodies(self, spec: str, bodies: Sequence[BodyDigest]) -> set[int]:
        """Remember bodies; return the indices of those that this spec had already."""
        known = set(self._known("SELECT body, 1 FROM body", "body", spec, bodies))
        repeated: set[int] = set()
        fresh: list[tuple[str, BodyDigest]] = []
        for index, body in enumerate(bodies):
            if body in known:
                repeated.add(index)
            else:
                known.add(body)
                fresh.append((spec, body))
        self._connection.executemany("INSERT INTO body VALUES (?, ?)", sorted(fresh))
        return repeated

    def reserve(self, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Reserve requests for sending; return those that were not reserved before."""
        known: set[bytes] = set()
        for chunk in _chunks(digests):
            sql = f"SELECT digest FROM reserved WHERE digest IN ({_marks(chunk)})"
            known.update(row[0] for row in self._connection.execute(sql, chunk))
        fresh = sorted(set(digests) - known)
        self._connection.executemany("INSERT INTO reserved VALUES (?)", [(digest,) for digest in fresh])
        return set(fresh)

    def rows(self, spec: str) -> Iterator[tuple[str, BodyDigest]]:
        """Yield the rows that `add_ids` remembered, in the order of their ids."""
        for custom_id, body in self._connection.execute("SELECT custom_id, body FROM id WHERE spec = ?", [spec]):
            yield custom_id, BodyDigest(body)

    def _known(self, select: str, column: str, spec: str, keys: Sequence[str | bytes]) -> dict[str | bytes, object]:
        known: dict[str | bytes, object] = {}
        for chunk in _chunks(keys):
            sql = f"{select} WHERE spec = ? AND {column} IN ({_marks(chunk)})"
            known.update(self._connection.execute(sql, [spec, *chunk]))
        return known


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
