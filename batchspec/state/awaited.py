"""The requests of one claim by their custom_ids, in a temporary table while its result files are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from batchspec.core.awaited import AwaitedRequest
from batchspec.core.model import RequestDigest
from batchspec.state.database import transaction
from batchspec.state.tables import CHUNK, Tables, chunks, marks

_TAKEN = -1


class AwaitedTable(Tables):
    """Fills `core.awaited.Awaited`: a million requests are joined to their answers on disk and not in memory.

    What it writes is temporary, and no part of the state.
    """

    _claim_id: int
    count: int
    """How many custom_ids there are."""

    def _fill(self, claim_id: int) -> None:
        self._claim_id = claim_id
        connection = self._database.conn
        with transaction(self._database, keeps_plans=True):
            connection.execute("DROP TABLE IF EXISTS temp.awaited")
            connection.execute(
                "CREATE TEMP TABLE awaited (custom_id TEXT PRIMARY KEY, line INTEGER, digest BLOB, mark INTEGER)"
                " WITHOUT ROWID"
            )
            # A custom_id that stands on two lines of a foreign file names the last of them alone.
            connection.execute(
                "INSERT OR REPLACE INTO temp.awaited SELECT custom_id, line, digest, 0 FROM claim_line"
                " WHERE claim_id = ? ORDER BY custom_id, line",
                [claim_id],
            )
        self.count = int(connection.execute("SELECT count(*) FROM temp.awaited").fetchone()[0])

    def _drop(self) -> None:
        with transaction(self._database, keeps_plans=True):
            self._database.conn.execute("DROP TABLE IF EXISTS temp.awaited")

    def note(self, custom_ids: Sequence[str], reading: int) -> int:
        """Note that a reading, by its number from 1, has these; return how many it had not had before."""
        with transaction(self._database, keeps_plans=True):
            return self._database.conn.executemany(
                f"UPDATE temp.awaited SET mark = {reading} WHERE custom_id = ? AND mark <> {reading}",
                [(custom_id,) for custom_id in custom_ids],
            ).rowcount

    def find(self, custom_ids: Sequence[str]) -> dict[str, AwaitedRequest]:
        """Return the requests of these custom_ids; those that are not of this claim are left out."""
        found: dict[str, AwaitedRequest] = {}
        for chunk in chunks(custom_ids, CHUNK):
            sql = f"SELECT custom_id, line, digest, mark FROM temp.awaited WHERE custom_id IN ({marks(chunk)})"
            for custom_id, line, digest, mark in self._all(sql, chunk):
                found[custom_id] = AwaitedRequest(line, digest, mark == _TAKEN)
        return found

    def take(self, custom_ids: Sequence[str]) -> None:
        """Note that the answers to these were taken in."""
        with transaction(self._database, keeps_plans=True):
            self._database.conn.executemany(
                f"UPDATE temp.awaited SET mark = {_TAKEN} WHERE custom_id = ?",
                [(custom_id,) for custom_id in custom_ids],
            )

    def missing(self) -> list[RequestDigest]:
        """Return the requests whose answers were not taken in, in the order of the claim's file."""
        sql = (
            "SELECT claim_line.digest FROM claim_line JOIN temp.awaited USING (custom_id)"
            f" WHERE claim_id = ? AND (mark <> {_TAKEN} OR awaited.digest <> claim_line.digest)"
            " ORDER BY claim_line.line"
        )
        return [RequestDigest(digest) for (digest,) in self._rows(sql, [self._claim_id])]


class AwaitedAnswers(Tables):
    """What a ledger awaits of its jobs."""

    @contextmanager
    def awaited(self, claim_id: int) -> Iterator[AwaitedTable]:
        """Open the requests of a claim by their custom_ids; one claim at a time."""
        table = AwaitedTable(self._database, self._declared_id)
        table._fill(claim_id)
        try:
            yield table
        finally:
            table._drop()
