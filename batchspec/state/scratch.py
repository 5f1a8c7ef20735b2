"""What one plan must remember of millions of rows, on disk instead of in memory; gone when it is closed.

Nearly always no key comes twice. So keys are only written down, in order, while `Seen` is sure that each is new. From
the first doubt on they are looked up in an index, made then of what was written down.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar, cast

from batchspec.core.canonical import BODY_DIGEST_BYTES, REQUEST_DIGEST_BYTES, cut_apart
from batchspec.core.json_text import encode_read, parse
from batchspec.core.model import BodyDigest, RequestDigest
from batchspec.state.seen import Seen

_CHUNK = 900
_KEY_BYTES = {"body": BODY_DIGEST_BYTES, "request": REQUEST_DIGEST_BYTES}
_ADD_ID = "INSERT INTO id VALUES (?, ?, ?, ?, ?)"
_ADD_BODY = "INSERT INTO body VALUES (?, ?)"
_ADD_REQUEST = "INSERT INTO reserved VALUES (?)"
_Places = list[tuple[str, int]]
_NOWHERE = ("", 0)
_MANY = 500_000
_T = TypeVar("_T")


class _Kept(NamedTuple):
    """Keys that are remembered together: the ids or the bodies of a spec, or all requests."""

    kind: str
    spec: str = ""


_REQUESTS = _Kept("request")


class SqliteScratch:
    """Fills `core.ports.Scratch` with a temporary database that SQLite itself deletes."""

    def __init__(self) -> None:
        # An empty name is a private database on disk that vanishes with its connection.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        # Kilobytes. What is written down is written once, and read once in its order.
        self._connection.execute("PRAGMA cache_size = -8192")
        self._connection.executescript(
            "CREATE TABLE written (kind TEXT, spec TEXT, keys BLOB, bodies BLOB, places BLOB);"
            "CREATE INDEX of_kept ON written (kind, spec);"
            "CREATE TABLE id (spec TEXT, custom_id TEXT, body BLOB, path TEXT, line INTEGER,"
            " PRIMARY KEY (spec, custom_id)) WITHOUT ROWID;"
            "CREATE TABLE body (spec TEXT, body BLOB, PRIMARY KEY (spec, body)) WITHOUT ROWID;"
            "CREATE TABLE reserved (digest BLOB PRIMARY KEY) WITHOUT ROWID;"
            "BEGIN;"
        )
        # None where the index has taken over.
        self._seen: dict[_Kept, Seen | None] = {}

    def __enter__(self) -> SqliteScratch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let everything go."""
        self._connection.close()

    def add_ids(
        self, spec: str, ids: Sequence[str], bodies: Sequence[BodyDigest], places: Sequence[tuple[str, int]] = ()
    ) -> dict[int, str]:
        """Remember rows, with the path and line of each where that is of interest.

        Returns, where an id was taken, `path:line` of the row that has it, by index.
        """
        kept = _Kept("id", spec)
        if self._are_new(kept, ids):
            self._write_down(kept, encode_read(ids), b"".join(bodies), encode_read(places))
            return {}
        known = {
            custom_id: f"{path}:{line}"
            for custom_id, path, line in self._known("custom_id, path, line FROM id", "custom_id", spec, ids)
        }
        taken: dict[int, str] = {}
        fresh: list[tuple[str, str, BodyDigest, str, int]] = []
        rows = zip(ids, bodies, places or [_NOWHERE] * len(ids), strict=True)
        for index, (custom_id, body, (path, line)) in enumerate(rows):
            if custom_id in known:
                taken[index] = known[custom_id]
            else:
                known[custom_id] = f"{path}:{line}"
                fresh.append((spec, custom_id, body, path, line))
        self._connection.executemany(_ADD_ID, fresh)
        return taken

    def add_bodies(self, spec: str, bodies: Sequence[BodyDigest]) -> set[int]:
        """Remember bodies; return the indices of those that this spec had already."""
        kept = _Kept("body", spec)
        if self._are_new(kept, bodies):
            self._write_down(kept, b"".join(bodies))
            return set()
        known = {body for (body,) in self._known("body FROM body", "body", spec, bodies)}
        repeated: set[int] = set()
        fresh: list[tuple[str, bytes]] = []
        for index, body in enumerate(bodies):
            if body in known:
                repeated.add(index)
            else:
                known.add(body)
                fresh.append((spec, body))
        self._connection.executemany(_ADD_BODY, sorted(fresh))
        return repeated

    def reserve(self, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Reserve requests for sending; return those that were not reserved before."""
        if self._are_new(_REQUESTS, digests):
            self._write_down(_REQUESTS, b"".join(digests))
            return set(digests)
        known: set[bytes] = set()
        for chunk in _chunks(digests):
            sql = f"SELECT digest FROM reserved WHERE digest IN ({_marks(chunk)})"
            known.update(row[0] for row in self._connection.execute(sql, chunk))
        fresh = set(digests) - known
        self._connection.executemany(_ADD_REQUEST, [(digest,) for digest in sorted(fresh)])
        return fresh

    def rows(self, spec: str) -> Iterator[tuple[str, BodyDigest]]:
        """Yield the rows that `add_ids` remembered."""
        for ids, bodies, _ in self._written(_Kept("id", spec)):
            yield from zip(_texts(ids), map(BodyDigest, cut_apart(bodies, BODY_DIGEST_BYTES)), strict=True)
        for custom_id, body in self._connection.execute("SELECT custom_id, body FROM id WHERE spec = ?", [spec]):
            yield custom_id, BodyDigest(body)

    def _are_new(self, kept: _Kept, keys: Sequence[str] | Sequence[bytes]) -> bool:
        """Tell whether keys are surely new; they are to be written down then, and to be looked up otherwise."""
        seen = self._seen.setdefault(kept, Seen())
        if seen is not None and seen.full(len(keys)):
            seen = self._seen[kept] = self._larger(kept, seen.count + len(keys))
        if seen is None or seen.add(keys):
            return seen is not None
        self._seen[kept] = None
        self._index(kept)
        return False

    def _larger(self, kept: _Kept, expected: int) -> Seen:
        """Return a table with room for more keys, which holds those that are written down."""
        # A larger step is fewer tables to fill, as long as what lies empty is no burden.
        larger = Seen(2 * expected if expected < _MANY else expected)
        for keys, _, _ in self._written(kept):
            larger.add(_texts(keys) if kept.kind == "id" else cut_apart(keys, _KEY_BYTES[kept.kind]))
        return larger

    def _write_down(self, kept: _Kept, keys: bytes, bodies: bytes = b"", places: bytes = b"") -> None:
        self._connection.execute("INSERT INTO written VALUES (?, ?, ?, ?, ?)", [*kept, keys, bodies, places])

    def _written(self, kept: _Kept) -> Iterator[tuple[bytes, bytes, bytes]]:
        sql = "SELECT keys, bodies, places FROM written WHERE kind = ? AND spec = ?"
        yield from self._connection.execute(sql, kept)

    def _index(self, kept: _Kept) -> None:
        """Move what is written down to where it can be looked up."""
        for keys, bodies, places in self._written(kept):
            if kept.kind == "id":
                texts, cut = _texts(keys), cut_apart(bodies, BODY_DIGEST_BYTES)
                listed = zip(texts, cut, cast(_Places, parse(places)) or [_NOWHERE] * len(texts), strict=True)
                rows = [(kept.spec, custom_id, body, *place) for custom_id, body, place in listed]
                self._connection.executemany(_ADD_ID, rows)
            elif kept.kind == "body":
                self._connection.executemany(
                    _ADD_BODY, [(kept.spec, key) for key in sorted(cut_apart(keys, BODY_DIGEST_BYTES))]
                )
            else:
                self._connection.executemany(
                    _ADD_REQUEST, [(key,) for key in sorted(cut_apart(keys, REQUEST_DIGEST_BYTES))]
                )
        self._connection.execute("DELETE FROM written WHERE kind = ? AND spec = ?", kept)

    def _known(self, columns: str, key: str, spec: str, keys: Sequence[str | bytes]) -> Iterator[tuple[Any, ...]]:
        for chunk in _chunks(keys):
            sql = f"SELECT {columns} WHERE spec = ? AND {key} IN ({_marks(chunk)})"
            yield from self._connection.execute(sql, [spec, *chunk])


def _texts(keys: bytes) -> list[str]:
    return cast(list[str], parse(keys))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
