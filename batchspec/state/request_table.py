"""The requests of one plan in a temporary database, so that a million of them take no memory; gone when closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

from batchspec.core.model import RequestDigest
from batchspec.core.saved_plan import Batch
from batchspec.state.tables import CHUNK, chunks, marks


class SqliteRequestTable:
    """Fills `core.saved_plan.RequestTable`. What many requests share is kept once, in memory."""

    def __init__(self) -> None:
        # An empty name is a private database on disk that vanishes with its connection.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -32768")
        self._connection.executescript(
            "CREATE TABLE request (digest BLOB PRIMARY KEY, batch INTEGER NOT NULL) WITHOUT ROWID; BEGIN;"
        )
        self._batches: dict[Batch, int] = {}
        self._by_number: list[Batch] = []

    def __enter__(self) -> SqliteRequestTable:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let everything go."""
        self._connection.close()

    def add(self, batch: Batch, digests: Sequence[RequestDigest]) -> None:
        """Keep requests. Raises ValueError for one that is there already."""
        number = self._batches.get(batch)
        if number is None:
            number = self._batches[batch] = len(self._by_number)
            self._by_number.append(batch)
        try:
            self._connection.executemany(
                "INSERT INTO request VALUES (?, ?)", [(digest, number) for digest in sorted(digests)]
            )
        except sqlite3.IntegrityError:
            raise ValueError("a request is there already") from None

    def found(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, Batch]:
        """Return those of these requests that are in the table."""
        known: dict[RequestDigest, Batch] = {}
        for chunk in chunks(digests, CHUNK):
            sql = f"SELECT digest, batch FROM request WHERE digest IN ({marks(chunk)})"
            for digest, number in self._connection.execute(sql, chunk):
                known[RequestDigest(digest)] = self._by_number[number]
        return known

    def batches(self, most: int) -> Iterator[tuple[Batch, list[RequestDigest]]]:
        """Yield everything, at most so many digests at once, batch by batch and in the order of the digests."""
        self._connection.execute("CREATE INDEX IF NOT EXISTS by_batch ON request (batch)")
        for batch in sorted(self._batches):
            sql = "SELECT digest FROM request WHERE batch = ? ORDER BY digest"
            rows = self._connection.execute(sql, [self._batches[batch]])
            for chunk in chunks(rows, most):
                yield batch, [RequestDigest(digest) for (digest,) in chunk]
