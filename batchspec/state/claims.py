"""Claims: requests reserved for one try of one shard, create-only, from reservation to collection or release."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from batchspec.core.ledger import Adopted, Claim, ClaimConflictError, ClaimLine, ClaimRequest, Phase, RequestStatus
from batchspec.core.model import BatchJob, RequestDigest
from batchspec.core.protocol import TRY
from batchspec.state.database import transaction
from batchspec.state.jobs import Jobs
from batchspec.state.tables import BULK, CHUNK, OPEN, chunks, marks

_CLAIM_COLUMNS = (
    "id, shard, attempt, spec, endpoint, model, requests, phase, claimed_at, sending_at, job_id, project, surplus,"
    " revision, replicate, variant, again"
)

_FREE = (RequestStatus.FAILED_PASSING, RequestStatus.ASKED)
_SENT_AGAIN = (*_FREE, RequestStatus.FAILED, RequestStatus.HELD, RequestStatus.LOST)
"""What a job that was made elsewhere may hold once more: somebody there has asked for it."""

_OF_THE_CLAIM = "digest IN (SELECT digest FROM claim_line WHERE claim_id = ?1)"
_ASKS_AGAIN = (
    "EXISTS (SELECT 1 FROM claim_line JOIN request USING (digest) JOIN result ON result.id = request.result_id"
    " WHERE claim_line.claim_id = ?1 AND result.outcome = 'succeeded')"
)
_HOLDS = f"EXISTS (SELECT 1 FROM request WHERE {_OF_THE_CLAIM} AND status = 1 AND claim_id = ?1)"


class Claims(Jobs):
    """The claims of a ledger, and the jobs that they become."""

    def claim(self, request: ClaimRequest, lines: Iterable[ClaimLine], now: float) -> Claim:
        """Reserve every request of a shard for its next attempt. Raises ClaimConflictError."""
        with transaction(self._database):
            claim_id = self._insert_claim(request, now)
            first = 1
            for chunk in chunks(lines, BULK):
                taken = self._claim_chunk(claim_id, first, chunk)
                if taken != len(chunk):
                    raise ClaimConflictError(
                        f"{len(chunk) - taken} requests of this shard are claimed or answered already"
                    )
                first += len(chunk)
            self._database.conn.execute(f"UPDATE claim SET again = {_ASKS_AGAIN} WHERE id = ?1", [claim_id])
        return self._claims("WHERE id = ?", [claim_id])[0]

    def _insert_claim(self, request: ClaimRequest, now: float, least_attempt: int = 1) -> int:
        values = [
            request.shard,
            least_attempt,
            request.spec,
            request.endpoint,
            request.model,
            request.requests,
            json.dumps(request.parts),
            now,
            self.project_id,
            request.revision,
            request.replicate,
            request.variant,
            request.plan,
            request.again,
            request.shard,
        ]
        cursor = self._database.conn.execute(
            "INSERT INTO claim (shard, attempt, spec, endpoint, model, requests, parts, phase,"
            " claimed_at, project, revision, replicate, variant, plan, again)"
            " SELECT ?, max(?, coalesce(max(attempt), 0) + 1), ?, ?, ?, ?, ?, 'claimed', ?, ?, ?, ?, ?, ?, ?"
            " FROM claim WHERE shard = ?",
            values,
        )
        return int(cursor.lastrowid or 0)

    def _claim_chunk(
        self,
        claim_id: int,
        first: int,
        lines: Sequence[ClaimLine],
        free: Sequence[RequestStatus] = _FREE,
        over: Sequence[int] = (),
    ) -> int:
        """Write down lines and claim their requests.

        Returns how many were new, in one of the statuses `free`, or in flight in one of the claims `over`.
        """
        connection = self._database.conn
        connection.executemany(
            "INSERT INTO claim_line VALUES (?, ?, ?, ?)",
            ((claim_id, number, *line) for number, line in enumerate(lines, first)),
        )
        # In the order of the key, so that the tree's pages are filled one after the other.
        digests = sorted(line.digest for line in lines)
        # A request that only passes from one claim to another keeps the count of its tries.
        return connection.executemany(
            "INSERT INTO request (digest, status, attempts, claim_id) VALUES (?, 1, 1, ?)"
            " ON CONFLICT (digest) DO UPDATE SET status = 1, attempts = attempts + (status <> 1),"
            " was = CASE status WHEN 1 THEN was ELSE status END, claim_id = excluded.claim_id"
            f" WHERE status IN ({', '.join(str(int(status)) for status in free)})"
            f" OR (status = 1 AND claim_id IN ({', '.join(map(str, over))}))",
            [(digest, claim_id) for digest in digests],
        ).rowcount

    def adopt(
        self, request: ClaimRequest, lines: Iterable[ClaimLine], job: BatchJob, now: float, *, over: Sequence[int] = ()
    ) -> Adopted | None:
        """Record a job that was made without this ledger; None where it is recorded already."""
        with transaction(self._database):
            connection = self._database.conn
            if connection.execute("SELECT 1 FROM claim WHERE job_id = ?", [job.id]).fetchone() is not None:
                return None
            # Its own number where that is free, so that a later try of this ledger never bears the same.
            claim_id = self._insert_claim(request, now, _try_of(job))
            taken, first = 0, 1
            free = (*_SENT_AGAIN, RequestStatus.SUCCEEDED) if request.again else _SENT_AGAIN
            for chunk in chunks(lines, BULK):
                taken += self._claim_chunk(claim_id, first, chunk, free, over)
                first += len(chunk)
            changes = "phase = 'created', job_id = ?, file_ids = ?, requests = ?"
            self._set_phase(claim_id, changes, [job.id, json.dumps(job.input_files), first - 1], OPEN)
            self._write_job(claim_id, job)
            for each in (claim_id, *over):
                connection.execute(f"UPDATE claim SET surplus = 1 WHERE id = ?1 AND NOT {_HOLDS}", [each])
        return Adopted(self._claims("WHERE id = ?", [claim_id])[0], taken)

    def unknown_jobs(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of these jobs that no claim has."""
        known = {
            row[0]
            for chunk in chunks(job_ids, CHUNK)
            for row in self._rows(f"SELECT job_id FROM claim WHERE job_id IN ({marks(chunk)})", chunk)
        }
        return set(job_ids) - known

    def is_contended(self, claim_id: int) -> bool:
        """Tell whether any request of a claim's lines is in flight in another claim."""
        sql = f"SELECT 1 FROM request WHERE {_OF_THE_CLAIM} AND status = 1 AND claim_id <> ?1 LIMIT 1"
        return self._row(sql, [claim_id]) is not None

    def mark_uploaded(self, claim_id: int, file_ids: Sequence[str]) -> None:
        """Record the input files' ids, in the order of the parts."""
        self._step(claim_id, "phase = 'uploaded', file_ids = ?", [json.dumps(list(file_ids))], ("claimed",))

    def mark_sending(self, claim_id: int, now: float) -> None:
        """Record, before the one POST, that it is about to be sent; once more when that has become old."""
        self._step(claim_id, "phase = 'sending', sending_at = ?", [now], OPEN)

    def mark_created(self, claim_id: int, job: BatchJob) -> None:
        """Record the job that the POST, or an adoption, has found for this claim."""
        with transaction(self._database):
            self._set_phase(claim_id, "phase = 'created', job_id = ?", [job.id], OPEN)
            self._write_job(claim_id, job)

    def release(self, claim_id: int, reason: str, now: float) -> None:
        """Give a claim's requests back to what they were before it."""
        with transaction(self._database):
            changes = "phase = 'released', released_at = ?, release_reason = ?"
            self._set_phase(claim_id, changes, [now, reason], OPEN)
            connection = self._database.conn
            mine = f"{_OF_THE_CLAIM} AND claim_id = ?1 AND status = 1"
            connection.execute(f"DELETE FROM request WHERE {mine} AND was IS NULL", [claim_id])
            connection.execute(
                f"UPDATE request SET status = was, was = NULL, attempts = attempts - 1 WHERE {mine}", [claim_id]
            )
            connection.execute("DELETE FROM claim_line WHERE claim_id = ?", [claim_id])

    def mark_collected(self, claim_id: int, now: float, odd: Iterable[tuple[str, bytes]] = ()) -> None:
        """Record that everything a job has to give was taken in; which line was which is no longer needed.

        In one transaction with the keeping of its odd lines, so that a death in between keeps none twice.
        """
        with self._answering():
            self._set_phase(claim_id, "phase = 'collected', collected_at = ?", [now], ("created",))
            connection = self._database.conn
            connection.executemany(
                "INSERT INTO quarantine (job_id, reason, line, at) SELECT job_id, ?, ?, ? FROM claim WHERE id = ?",
                [(reason, line, now, claim_id) for reason, line in odd],
            )
            connection.execute("DELETE FROM claim_line WHERE claim_id = ?", [claim_id])

    def _step(self, claim_id: int, changes: str, values: Sequence[object], phases: Sequence[str]) -> None:
        with transaction(self._database):
            self._set_phase(claim_id, changes, values, phases)

    def _set_phase(self, claim_id: int, changes: str, values: Sequence[object], phases: Sequence[str]) -> None:
        sql = f"UPDATE claim SET {changes} WHERE id = ? AND phase IN ({marks(phases)})"
        if self._database.conn.execute(sql, [*values, claim_id, *phases]).rowcount != 1:
            raise ClaimConflictError(f"claim {claim_id} has moved on")

    def open_claims(self) -> Sequence[Claim]:
        """Return the claims that have no job yet, oldest first."""
        return self._claims(f"WHERE phase IN {OPEN} ORDER BY id", [])

    def claims_in_flight(self) -> Sequence[Claim]:
        """Return the claims whose job is not collected yet, oldest first."""
        return self._claims("WHERE phase = 'created' ORDER BY id", [])

    def _claims(self, where: str, values: Sequence[object]) -> Sequence[Claim]:
        names = _CLAIM_COLUMNS.split(", ")
        claims = []
        for row in self._rows(f"SELECT {_CLAIM_COLUMNS} FROM claim {where}", values):
            fields = dict(zip(names, row, strict=True))
            flags = {name: bool(fields[name]) for name in ("surplus", "again")}
            claims.append(Claim(**fields | flags | {"phase": Phase(fields["phase"])}))
        return claims

    def claim_lines(self, claim_id: int) -> Iterator[ClaimLine]:
        """Yield the requests of a claim in the order of its file."""
        sql = "SELECT custom_id, digest FROM claim_line WHERE claim_id = ? ORDER BY line"
        for custom_id, digest in self._rows(sql, [claim_id]):
            yield ClaimLine(custom_id, RequestDigest(digest))


def _try_of(job: BatchJob) -> int:
    """Return the number of the try that a job says it is; 1 where it says none."""
    told = job.metadata.get(TRY, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 10 else 1
