"""Finds the answers that no spec wants any more, removes them, and gives their room back to the disk."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from batchspec.core.canonical import RequestIdentity
from batchspec.core.garbage import StateSize, Unknown, Unwanted
from batchspec.core.json_text import parse
from batchspec.core.ledger import Phase, RequestStatus
from batchspec.core.model import BodyDigest, RequestDigest
from batchspec.core.usage import BY_TOKENS, Used, used_by
from batchspec.state.database import open_state, state_error, transaction
from batchspec.state.declarations import read_targets
from batchspec.state.tables import OPEN, Tables

_REMOVABLE = (RequestStatus.SUCCEEDED, RequestStatus.FAILED, RequestStatus.FAILED_PASSING)
"""What has an answer. Held, lost and asked-for requests are a person's to decide about, and hold next to nothing."""

# What a claim in flight holds too is asked for by its lines.
_FIND = f"""
INSERT INTO temp.unwanted
SELECT request.digest, request.result_id, claim.id FROM request
JOIN result ON result.id = request.result_id JOIN claim ON claim.id = result.claim_id
WHERE request.status IN ({", ".join(str(int(status)) for status in _REMOVABLE)})
    AND claim.phase IN ('{Phase.COLLECTED.value}', '{Phase.RELEASED.value}')
    AND coalesce(claim.collected_at, claim.released_at) <= ?
    AND request.digest NOT IN (SELECT digest FROM temp.wanted)
    AND request.digest NOT IN (SELECT digest FROM claim_line)
    AND claim.project IN ('', ?)
    AND claim.spec NOT IN (SELECT name FROM temp.unknown_spec)
    AND (claim.endpoint, claim.model, claim.revision, claim.replicate) NOT IN (SELECT * FROM temp.unknown_way)
"""
_OF_FOUND = (
    "FROM temp.unwanted JOIN result ON result.id = unwanted.result_id JOIN claim ON claim.id = unwanted.claim_id"
)
_TOLD = f"""
SELECT claim.spec, claim.model, claim.endpoint, count(*),
    sum(coalesce(length(CAST(result.body AS BLOB)), 0) + coalesce(length(CAST(result.error AS BLOB)), 0)),
    sum(result.outcome = 'succeeded'), sum(result.outcome = 'succeeded' AND result.prompt_tokens IS NOT NULL),
    coalesce(sum(result.prompt_tokens), 0), coalesce(sum(result.completion_tokens), 0)
{_OF_FOUND} GROUP BY claim.spec, claim.model, claim.endpoint ORDER BY claim.spec, claim.model, claim.endpoint
"""
_TABLES = """
CREATE TEMP TABLE wanted (digest BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE unwanted (digest BLOB PRIMARY KEY, result_id INTEGER NOT NULL, claim_id INTEGER NOT NULL);
CREATE TEMP TABLE unknown_spec (name TEXT NOT NULL);
CREATE TEMP TABLE unknown_way (endpoint TEXT NOT NULL, model TEXT NOT NULL, revision INTEGER NOT NULL,
    replicate INTEGER NOT NULL);
"""


class SqliteReclaiming(Tables):
    """A state opened to remove answers from it. Fills `core.garbage.Reclaiming`."""

    def __init__(self, path: Path, project_id: str | None = None) -> None:
        """Open the state at `path`; what another project has put into it is left alone. Raises StateError."""
        super().__init__(open_state(path, None), project_id)
        self._path = path
        try:
            self._database.conn.executescript(_TABLES)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> SqliteReclaiming:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def spec_paths(self) -> Mapping[str, str]:
        """Return the paths of the specs that were applied, by their names."""
        return {str(name): str(path) for name, path in self._rows("SELECT name, path FROM spec ORDER BY name")}

    def want(self, digests: Sequence[RequestDigest]) -> None:
        """Remember that a spec declares these requests."""
        self._remember((digest,) for digest in sorted(digests))

    def want_declared(self, specs: Iterable[str]) -> None:
        """Remember what these specs declared when they were last applied: any body of theirs to any of their ways."""
        endpoints = [str(endpoint) for (endpoint,) in self._rows("SELECT DISTINCT endpoint FROM claim")]
        for name in specs:
            for spec_id, targets in list(self._rows("SELECT id, models FROM spec WHERE name = ?", [name])):
                ways = [
                    RequestIdentity.of(endpoint, target) for endpoint in endpoints for target in read_targets(targets)
                ]
                bodies = self._rows("SELECT DISTINCT body FROM declared WHERE spec_id = ?", [spec_id])
                self._remember((way.digest(BodyDigest(body)),) for (body,) in bodies for way in ways)

    def _remember(self, digests: Iterable[tuple[RequestDigest]]) -> None:
        # One transaction, and of what is temporary alone: the state itself is not locked for it.
        with self._database.conn as connection:
            connection.execute("BEGIN")
            connection.executemany("INSERT OR IGNORE INTO temp.wanted VALUES (?)", digests)

    def unwanted(self, *, before: float, unknown: Unknown, whole: Collection[str] = ()) -> Sequence[Unwanted]:
        """Find the answers that are not wanted and were collected by then."""
        connection = self._database.conn
        with transaction(self._database):
            for table in ("unwanted", "unknown_spec", "unknown_way"):
                connection.execute(f"DELETE FROM temp.{table}")
            connection.executemany("INSERT INTO temp.unknown_spec VALUES (?)", [(name,) for name in unknown.rows])
            connection.executemany(
                "INSERT INTO temp.unknown_way VALUES (?, ?, ?, ?)",
                [(endpoint, *target) for endpoint, target in unknown.ways],
            )
            connection.execute(_FIND, [before, self.project_id])
        found = []
        for spec, model, endpoint, requests, size, answers, metered, prompt, completion in list(self._rows(_TOLD)):
            used = Used(prompt, completion, answers=answers, unmetered=answers - metered)
            if model in whole or endpoint not in BY_TOKENS:
                used = self._told_by_bodies(spec, model, endpoint)
            found.append(Unwanted(spec, model, endpoint, requests, size, used))
        return found

    def _told_by_bodies(self, spec: str, model: str, endpoint: str) -> Used:
        used = Used()
        for body in self._bodies(spec, model, endpoint):
            used = used.plus(used_by(None if body is None else parse(body)))
        return used

    def _bodies(self, spec: str, model: str, endpoint: str) -> Iterator[bytes | None]:
        sql = (
            f"SELECT CAST(result.body AS BLOB) {_OF_FOUND} WHERE result.outcome = 'succeeded'"
            " AND claim.spec = ? AND claim.model = ? AND claim.endpoint = ?"
        )
        return (row[0] for row in self._rows(sql, [spec, model, endpoint]))

    def remove(self) -> int:
        """Remove what `unwanted` has found, in one durable step; return how many requests that were."""
        connection = self._database.conn
        with transaction(self._database):
            connection.execute("DELETE FROM result WHERE id IN (SELECT result_id FROM temp.unwanted)")
            # What becomes of a result that goes is kept, of requests that are known.
            connection.execute("DELETE FROM earlier WHERE digest IN (SELECT digest FROM temp.unwanted)")
            sql = "DELETE FROM request WHERE digest IN (SELECT digest FROM temp.unwanted)"
            count = connection.execute(sql).rowcount
            connection.execute("DELETE FROM temp.unwanted")
        return count

    def size(self) -> StateSize:
        """Return how large the state is."""
        pragmas = ("page_size", "page_count", "freelist_count")
        page, count, free = (int((self._row(f"PRAGMA {name}") or (0,))[0]) for name in pragmas)
        return StateSize(total=page * count, free=page * free)

    def shrink(self) -> None:
        """Write the file again without what is free; killed at any moment, the state is as it was."""
        try:
            self._database.conn.execute("VACUUM")
        except sqlite3.DatabaseError as error:
            raise state_error(error, self._database) from None

    def needed_files(self) -> Collection[str]:
        """Return the ids of the files of claims that have no job on record yet."""
        sql = f"SELECT file_ids FROM claim WHERE file_ids IS NOT NULL AND phase IN {OPEN}"
        return frozenset(str(file) for (told,) in self._rows(sql) for file in json.loads(told))

    def jobs_made_here(self) -> Collection[str]:
        """Return the ids of the jobs that were created with this very state: an adopted one was never sent."""
        sql = "SELECT job_id FROM claim WHERE job_id IS NOT NULL AND sending_at IS NOT NULL"
        return frozenset(str(job) for (job,) in self._rows(sql))
