"""The requests of one claim by their custom_ids, in a temporary table while its result files are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from batchspec.core.awaited import AwaitedRequest
from batchspec.core.model import RequestDigest
from batchspec.state.database import transaction
from batchspec.state.tables import CHUNK, Tables, chunks, marks


class AwaitedTable(Tables):
    """Fills `core.awaited.Awaited`: a million requests are joined to their answers on disk and not in memory.

    What it writes is temporary, and no part of the state. In memory it has one byte for each line: the number of the
    last reading that had an answer to it.
    """

    _claim_id: int
    _lines: int
    _had_by: bytearray
    count: int
    """How many custom_ids there are."""

    def _fill(self, claim_id: int) -> None:
        self._claim_id = claim_id
        connection = self._database.conn
        with transaction(self._database, keeps_plans=True):
            connection.execute("DROP TABLE IF EXISTS temp.awaited")
            connection.execute(
                "CREATE TEMP TABLE awaited (custom_id TEXT PRIMARY KEY, line INTEGER, digest BLOB) WITHOUT ROWID"
            )
            # A custom_id that stands on two lines of a foreign file names the last of them alone.
            connection.execute(
                "INSERT OR REPLACE INTO temp.awaited SELECT custom_id, line, digest FROM claim_line"
                " WHERE claim_id = ? ORDER BY custom_id, line",
                [claim_id],
            )
        found = connection.execute("SELECT count(*), coalesce(max(line), -1) FROM temp.awaited").fetchone()
        self.count, self._had_by = int(found[0]), bytearray(found[1] + 1)
        counted = connection.execute("SELECT count(*) FROM claim_line WHERE claim_id = ?", [claim_id])
        self._lines = int(counted.fetchone()[0])

    def _drop(self) -> None:
        with transaction(self._database, keeps_plans=True):
            self._database.conn.execute("DROP TABLE IF EXISTS temp.awaited")

    def find(self, custom_ids: Sequence[str]) -> dict[str, AwaitedRequest]:
        """Return the requests of these custom_ids; those that are not of this claim are left out."""
        found: dict[str, AwaitedRequest] = {}
        for chunk in chunks(custom_ids, CHUNK):
            sql = f"SELECT custom_id, line, digest FROM temp.awaited WHERE custom_id IN ({marks(chunk)})"
            found.update((custom_id, AwaitedRequest(line, digest)) for custom_id, line, digest in self._all(sql, chunk))
        return found

    def take(self, line: int, reading: int) -> bool:
        """Note that a reading, by its number from 1 to 255, has an answer to the request on a line; False if it had."""
        is_first = self._had_by[line] != reading
        self._had_by[line] = reading
        return is_first

    def missing(self) -> list[RequestDigest]:
        """Return the requests that no reading has had an answer to, in the order of the claim's file."""
        # Line 0 is none.
        if self._had_by.count(0) == 1 and self._lines == self.count:
            return []
        sql = (
            "SELECT claim_line.digest, awaited.digest, awaited.line FROM claim_line JOIN temp.awaited USING (custom_id)"
            " WHERE claim_id = ? ORDER BY claim_line.line"
        )
        return [
            RequestDigest(digest)
            for digest, answered, line in self._rows(sql, [self._claim_id])
            if not self._had_by[line] or answered != digest
        ]


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
