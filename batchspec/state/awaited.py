"""The requests of one claim by their custom_ids, in a temporary table while its result files are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from batchspec.core.awaited import AwaitedRequest
from batchspec.core.model import RequestDigest
from batchspec.state.database import transaction
from batchspec.state.tables import CHUNK, Tables, chunks, marks

_TAKEN = 255


class AwaitedTable(Tables):
    """Fills `core.awaited.Awaited`: a million requests are joined to their answers on disk and not in memory.

    What it writes is temporary, and no part of the state. In memory it has one byte for each line: the number of the
    last reading that had it, or that its answer was taken in.
    """

    _claim_id: int
    _lines: int
    _marks: bytearray
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
        self.count, self._marks = int(found[0]), bytearray(found[1] + 1)
        counted = connection.execute("SELECT count(*) FROM claim_line WHERE claim_id = ?", [claim_id])
        self._lines = int(counted.fetchone()[0])

    def _drop(self) -> None:
        with transaction(self._database, keeps_plans=True):
            self._database.conn.execute("DROP TABLE IF EXISTS temp.awaited")

    def note(self, custom_ids: Sequence[str], reading: int) -> int:
        """Note that a reading, by its number from 1, has these; return how many it had not had before."""
        noted, fresh = self._marks, 0
        for (line,) in self._found("line", custom_ids):
            if noted[line] != reading:
                noted[line] = reading
                fresh += 1
        return fresh

    def find(self, custom_ids: Sequence[str]) -> dict[str, AwaitedRequest]:
        """Return the requests of these custom_ids; those that are not of this claim are left out."""
        noted = self._marks
        return {
            custom_id: AwaitedRequest(line, digest, noted[line] == _TAKEN)
            for custom_id, line, digest in self._found("custom_id, line, digest", custom_ids)
        }

    def _found(self, columns: str, custom_ids: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for chunk in chunks(custom_ids, CHUNK):
            yield from self._all(f"SELECT {columns} FROM temp.awaited WHERE custom_id IN ({marks(chunk)})", chunk)

    def take(self, lines: Sequence[int]) -> None:
        """Note that the answers to the requests on these lines were taken in."""
        for line in lines:
            self._marks[line] = _TAKEN

    def missing(self) -> list[RequestDigest]:
        """Return the requests whose answers were not taken in, in the order of the claim's file."""
        if self._marks.count(_TAKEN) == self._lines:
            return []
        sql = (
            "SELECT claim_line.digest, awaited.digest, awaited.line FROM claim_line JOIN temp.awaited USING (custom_id)"
            " WHERE claim_id = ? ORDER BY claim_line.line"
        )
        return [
            RequestDigest(digest)
            for digest, answered, line in self._rows(sql, [self._claim_id])
            if self._marks[line] != _TAKEN or answered != digest
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
