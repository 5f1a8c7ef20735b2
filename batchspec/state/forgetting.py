"""Takes a job's requests, or one request, out of the ledger: the next apply sends them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from batchspec.core.ledger import Phase, RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.state.database import open_state, transaction
from batchspec.state.tables import OPEN, Tables

_REASON = "forgotten by `batchspec state forget`"
_ELSEWHERE = "digest IN (SELECT digest FROM claim_line WHERE claim_id <> ?1)"


class SqliteForgetting(Tables):
    """A state opened to forget something of it. Fills `core.forgetting.Forgetting`."""

    def __init__(self, path: Path) -> None:
        """Open the state at `path`. Raises StateError."""
        super().__init__(open_state(path, None))

    def __enter__(self) -> SqliteForgetting:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def count_job(self, claim_id: int, *, results: bool) -> int:
        """Return how many requests `forget_job` would forget."""
        row = self._row(f"SELECT count(*) FROM request WHERE {_of_claim(results)}", [claim_id])
        return int(row[0]) if row else 0

    def forget_job(self, claim_id: int, *, results: bool, now: float) -> int:
        """Forget what a claim's job was to answer, and never ask for that job again, nor adopt it.

        The claim keeps the job's id, by which the job is known when the provider lists it.
        """
        connection = self._database.conn
        with transaction(self._database):
            connection.execute("CREATE TEMP TABLE forgotten AS SELECT digest, result_id FROM request LIMIT 0")
            connection.execute(
                f"INSERT INTO forgotten SELECT digest, result_id FROM request WHERE {_of_claim(results)}", [claim_id]
            )
            connection.execute("DELETE FROM result WHERE id IN (SELECT result_id FROM forgotten)")
            # What another job in flight holds too may still be answered by it: it stays, without an answer so far.
            connection.execute(
                f"UPDATE request SET status = {RequestStatus.ASKED:d}, result_id = NULL, was = NULL"
                f" WHERE digest IN (SELECT digest FROM forgotten) AND {_ELSEWHERE}",
                [claim_id],
            )
            connection.execute(
                f"DELETE FROM request WHERE digest IN (SELECT digest FROM forgotten) AND NOT {_ELSEWHERE}", [claim_id]
            )
            count = int(connection.execute("SELECT count(*) FROM forgotten").fetchone()[0])
            connection.execute("DROP TABLE forgotten")
            self._end(claim_id, now)
        return count

    def mark_gone(self, job_ids: Sequence[str], now: float) -> None:
        """Record that these jobs were deleted at the provider."""
        with transaction(self._database):
            self._database.conn.executemany(
                "UPDATE job SET deleted_at = ? WHERE id = ?", [(now, job_id) for job_id in job_ids]
            )

    def _end(self, claim_id: int, now: float) -> None:
        connection = self._database.conn
        in_flight = (Phase.CREATED.value, *OPEN)
        ended = connection.execute(
            "UPDATE claim SET phase = 'released', released_at = ?, release_reason = ? WHERE id = ?"
            f" AND phase IN ({', '.join(map(repr, in_flight))})",
            [now, _REASON, claim_id],
        ).rowcount
        connection.execute("DELETE FROM claim_line WHERE claim_id = ?", [claim_id])
        if ended:
            connection.execute("DELETE FROM job WHERE claim_id = ?", [claim_id])
        else:
            connection.execute(
                "UPDATE job SET deleted_at = coalesce(deleted_at, ?), files_deleted_at = coalesce(files_deleted_at, ?)"
                " WHERE claim_id = ?",
                [now, now, claim_id],
            )

    def forget_request(self, digest: RequestDigest, *, results: bool) -> int:
        """Forget one request that is not in flight."""
        connection = self._database.conn
        kept = f"{RequestStatus.CLAIMED:d}" if results else f"{RequestStatus.CLAIMED:d}, {RequestStatus.SUCCEEDED:d}"
        sql = f"digest = ? AND status NOT IN ({kept})"
        with transaction(self._database):
            connection.execute(f"DELETE FROM result WHERE id IN (SELECT result_id FROM request WHERE {sql})", [digest])
            return connection.execute(f"DELETE FROM request WHERE {sql}", [digest]).rowcount


def _of_claim(results: bool) -> str:
    """Return the condition for the requests of a claim that are to be forgotten."""
    return "claim_id = ?1" if results else f"claim_id = ?1 AND status <> {RequestStatus.SUCCEEDED:d}"
