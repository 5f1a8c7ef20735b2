"""Claims: requests reserved for one try of one shard, create-only, from reservation to collection or release."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from batchspec.core.ledger import Claim, ClaimConflictError, ClaimLine, ClaimRequest, Phase, RequestStatus
from batchspec.core.model import BatchJob, RequestDigest
from batchspec.core.protocol import TRY
from batchspec.state.database import transaction
from batchspec.state.jobs import Jobs
from batchspec.state.tables import BULK, OPEN, chunks, marks

_CLAIM_COLUMNS = "id, shard, attempt, spec, endpoint, model, requests, phase, claimed_at, sending_at, job_id"


_FREE = (RequestStatus.FAILED_PASSING,)
_SENT_AGAIN = (RequestStatus.FAILED, RequestStatus.FAILED_PASSING, RequestStatus.HELD)
"""What a job that was made elsewhere may hold once more: somebody there has asked for it."""


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
            request.shard,
        ]
        cursor = self._database.conn.execute(
            "INSERT INTO claim (shard, attempt, spec, endpoint, model, requests, parts, phase,"
            " claimed_at) SELECT ?, max(?, coalesce(max(attempt), 0) + 1), ?, ?, ?, ?, ?, 'claimed', ?"
            " FROM claim WHERE shard = ?",
            values,
        )
        return int(cursor.lastrowid or 0)

    def _claim_chunk(
        self, claim_id: int, first: int, lines: Sequence[ClaimLine], free: Sequence[RequestStatus] = _FREE
    ) -> int:
        """Write down lines and claim their requests; return how many were new or in one of the statuses `free`."""
        connection = self._database.conn
        connection.executemany(
            "INSERT INTO claim_line VALUES (?, ?, ?, ?)",
            [(claim_id, first + index, line.custom_id, line.digest) for index, line in enumerate(lines)],
        )
        # In the order of the key, so that the tree's pages are filled one after the other.
        digests = sorted(line.digest for line in lines)
        return connection.executemany(
            "INSERT INTO request (digest, status, attempts, claim_id) VALUES (?, 1, 1, ?)"
            " ON CONFLICT (digest) DO UPDATE SET status = 1, attempts = attempts + 1, claim_id = excluded.claim_id"
            f" WHERE status IN ({', '.join(str(int(status)) for status in free)})",
            [(digest, claim_id) for digest in digests],
        ).rowcount

    def adopt(
        self, request: ClaimRequest, lines: Iterable[ClaimLine], job: BatchJob, now: float
    ) -> tuple[Claim, int] | None:
        """Record a job that was made without this ledger; None where it is recorded already."""
        with transaction(self._database):
            connection = self._database.conn
            if connection.execute("SELECT 1 FROM claim WHERE job_id = ?", [job.id]).fetchone() is not None:
                return None
            # Its own number where that is free, so that a later try of this ledger never bears the same.
            claim_id = self._insert_claim(request, now, _try_of(job))
            taken, first = 0, 1
            for chunk in chunks(lines, BULK):
                taken += self._claim_chunk(claim_id, first, chunk, _SENT_AGAIN)
                first += len(chunk)
            changes = "phase = 'created', job_id = ?, file_ids = ?"
            self._set_phase(claim_id, changes, [job.id, json.dumps(job.input_files)], OPEN)
            self._write_job(claim_id, job)
        return self._claims("WHERE id = ?", [claim_id])[0], taken

    def mark_uploaded(self, claim_id: int, file_ids: Sequence[str]) -> None:
        """Record the input files' ids, in the order of the parts."""
        self._step(claim_id, "phase = 'uploaded', file_ids = ?", [json.dumps(list(file_ids))], ("claimed",))

    def mark_sending(self, claim_id: int, now: float) -> None:
        """Record, before the one POST, that it is about to be sent."""
        self._step(claim_id, "phase = 'sending', sending_at = ?", [now], ("claimed", "uploaded"))

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
            connection.execute("DELETE FROM request WHERE claim_id = ? AND status = 1 AND attempts = 1", [claim_id])
            connection.execute(
                "UPDATE request SET status = 4, attempts = attempts - 1 WHERE claim_id = ? AND status = 1", [claim_id]
            )
            connection.execute("DELETE FROM claim_line WHERE claim_id = ?", [claim_id])

    def mark_collected(self, claim_id: int, now: float) -> None:
        """Record that everything a job has to give was taken in; which line was which is no longer needed."""
        with transaction(self._database):
            self._set_phase(claim_id, "phase = 'collected', collected_at = ?", [now], ("created",))
            self._database.conn.execute("DELETE FROM claim_line WHERE claim_id = ?", [claim_id])

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
            claims.append(Claim(**fields | {"phase": Phase(fields["phase"])}))
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
