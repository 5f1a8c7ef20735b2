"""The ledger on SQLite. Every public method that writes is one `BEGIN IMMEDIATE` transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlite_utils import Database

from batchspec.core.errors import AccessError
from batchspec.core.ledger import (
    Claim,
    ClaimConflictError,
    ClaimLine,
    ClaimRequest,
    Phase,
    Recorded,
    RecordedJob,
    RecordedResult,
    RequestStatus,
)
from batchspec.core.model import BatchJob, BatchJobStatus, BodyDigest, RemoteFile, RequestDigest
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.database import open_state, state_in_memory, transaction

_CHUNK = 900
_BULK = 20_000
_STATUS_OF = {
    OutcomeKind.SUCCEEDED: RequestStatus.SUCCEEDED,
    OutcomeKind.FAILED: RequestStatus.FAILED,
    OutcomeKind.FAILED_PASSING: RequestStatus.FAILED_PASSING,
    OutcomeKind.HELD: RequestStatus.HELD,
}
_CLAIM_COLUMNS = (
    "id, shard, attempt, spec, endpoint, model, requests, file_sha256, file_bytes, phase, claimed_at, sending_at,"
    " file_id, job_id"
)
_OPEN = ("claimed", "uploaded", "sending")
_JOB_COLUMNS = (
    "id, claim_id, status, status_text, endpoint, model, input_files, output_file, error_file, errors, created_at,"
    " started_at, completed_at, total_requests, completed_requests, succeeded_requests, failed_requests"
)
_T = TypeVar("_T")


class SqliteLedger:
    """The ledger of one project, in one file. Fills `core.ledger.Ledger`."""

    def __init__(self, path: Path | None, project_id: str | None = None) -> None:
        """Open the state at `path`, making it where there is none; without a path, an empty one in memory."""
        self._database: Database = open_state(path, project_id) if path else state_in_memory(project_id)
        self._declared_id = project_id

    def __enter__(self) -> SqliteLedger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def project_id(self) -> str:
        """The id that this project's jobs carry: batchspec.toml's, or the state's own."""
        if self._declared_id is not None:
            return self._declared_id
        row = self._database.execute("SELECT value FROM meta WHERE key = 'project_id'").fetchone()
        return str(row[0]) if row else str(uuid.UUID(int=0))

    # Requests and their answers

    def recorded(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, Recorded]:
        """Return what is known of these requests; those that are not known are left out."""
        unsettled = {row[0] for row in self._rows(f"SELECT id FROM claim WHERE phase IN {_OPEN}")}
        found: dict[RequestDigest, Recorded] = {}
        for chunk in _chunks(digests, _CHUNK):
            sql = f"SELECT digest, status, attempts, claim_id FROM request WHERE digest IN ({_marks(chunk)})"
            for digest, status, attempts, claim_id in self._rows(sql, chunk):
                sending = status == RequestStatus.CLAIMED and claim_id in unsettled
                found[RequestDigest(digest)] = Recorded(RequestStatus(status), attempts, sending)
        return found

    def results(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, RecordedResult]:
        """Return the latest answers to these requests."""
        found: dict[RequestDigest, RecordedResult] = {}
        for chunk in _chunks(digests, _CHUNK):
            sql = (
                "SELECT request.digest, result.outcome, result.status_code, CAST(result.body AS BLOB), result.error,"
                " claim.model FROM request JOIN result ON result.id = request.result_id"
                f" JOIN claim ON claim.id = result.claim_id WHERE request.digest IN ({_marks(chunk)})"
            )
            for digest, *rest in self._rows(sql, chunk):
                found[RequestDigest(digest)] = RecordedResult(*rest)
        return found

    def take_in(self, claim_id: int, outcomes: Iterable[tuple[RequestDigest, Outcome]]) -> None:
        """Record answers to a claim's requests; one that this claim has answered already is left alone."""
        with transaction(self._database):
            for chunk in _chunks(outcomes, _CHUNK):
                self._take_in_chunk(claim_id, dict(chunk))

    def _take_in_chunk(self, claim_id: int, outcomes: dict[RequestDigest, Outcome]) -> None:
        sql = (
            "SELECT digest, result_id FROM request WHERE claim_id = ? AND status = ?"
            f" AND digest IN ({_marks(outcomes)})"
        )
        waiting = dict(self._rows(sql, [claim_id, RequestStatus.CLAIMED, *outcomes]))
        if not waiting:
            return
        connection = self._database.conn
        connection.executemany("DELETE FROM result WHERE id = ?", [(old,) for old in waiting.values() if old])
        next_id = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM result").fetchone()[0]
        results, requests = [], []
        for offset, digest in enumerate(digest for digest in outcomes if digest in waiting):
            outcome = outcomes[digest]
            usage = outcome.usage
            body = None if outcome.body is None else outcome.body.decode("utf-8")
            tokens = (None, None) if usage is None else (usage.prompt_tokens, usage.completion_tokens)
            kind = OutcomeKind.FAILED if outcome.kind is OutcomeKind.FAILED_PASSING else outcome.kind
            head = (next_id + offset, digest, claim_id, kind.value)
            results.append((*head, outcome.status_code, body, outcome.error, *tokens))
            requests.append((int(_STATUS_OF[outcome.kind]), next_id + offset, digest))
        connection.executemany("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", results)
        connection.executemany("UPDATE request SET status = ?, result_id = ? WHERE digest = ?", requests)

    # Claims

    def claim(self, request: ClaimRequest, lines: Iterable[ClaimLine], now: float) -> Claim:
        """Reserve every request of a shard for its next attempt. Raises ClaimConflictError."""
        with transaction(self._database):
            claim_id = self._insert_claim(request, now)
            first = 1
            for chunk in _chunks(lines, _BULK):
                taken = self._claim_chunk(claim_id, first, chunk)
                if taken != len(chunk):
                    raise ClaimConflictError(
                        f"{len(chunk) - taken} requests of this shard are claimed or answered already"
                    )
                first += len(chunk)
        return self._claims("WHERE id = ?", [claim_id])[0]

    def _insert_claim(self, request: ClaimRequest, now: float) -> int:
        values = [
            request.shard,
            request.spec,
            request.endpoint,
            request.model,
            request.requests,
            request.file_sha256,
            request.file_bytes,
            now,
            request.shard,
        ]
        cursor = self._database.conn.execute(
            "INSERT INTO claim (shard, attempt, spec, endpoint, model, requests, file_sha256, file_bytes, phase,"
            " claimed_at) SELECT ?, coalesce(max(attempt), 0) + 1, ?, ?, ?, ?, ?, ?, 'claimed', ?"
            " FROM claim WHERE shard = ?",
            values,
        )
        return int(cursor.lastrowid or 0)

    def _claim_chunk(self, claim_id: int, first: int, lines: Sequence[ClaimLine]) -> int:
        """Write down lines and claim their requests; return how many were free to claim."""
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
            " WHERE status = 4",
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
            claim_id = self._insert_claim(request, now)
            taken, first = 0, 1
            for chunk in _chunks(lines, _BULK):
                taken += self._claim_chunk(claim_id, first, chunk)
                first += len(chunk)
            changes = "phase = 'created', job_id = ?, file_id = ?"
            self._set_phase(claim_id, changes, [job.id, job.input_files[0]], _OPEN)
            self._write_job(claim_id, job)
        return self._claims("WHERE id = ?", [claim_id])[0], taken

    def mark_uploaded(self, claim_id: int, file_id: str) -> None:
        """Record the input file's id."""
        self._step(claim_id, "phase = 'uploaded', file_id = ?", [file_id], ("claimed",))

    def mark_sending(self, claim_id: int, now: float) -> None:
        """Record, before the one POST, that it is about to be sent."""
        self._step(claim_id, "phase = 'sending', sending_at = ?", [now], ("uploaded",))

    def mark_created(self, claim_id: int, job: BatchJob) -> None:
        """Record the job that the POST, or an adoption, has found for this claim."""
        with transaction(self._database):
            self._set_phase(claim_id, "phase = 'created', job_id = ?", [job.id], _OPEN)
            self._write_job(claim_id, job)

    def release(self, claim_id: int, reason: str, now: float) -> None:
        """Give a claim's requests back to what they were before it."""
        with transaction(self._database):
            changes = "phase = 'released', released_at = ?, release_reason = ?"
            self._set_phase(claim_id, changes, [now, reason], _OPEN)
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
        sql = f"UPDATE claim SET {changes} WHERE id = ? AND phase IN ({_marks(phases)})"
        if self._database.conn.execute(sql, [*values, claim_id, *phases]).rowcount != 1:
            raise ClaimConflictError(f"claim {claim_id} has moved on")

    def open_claims(self) -> Sequence[Claim]:
        """Return the claims that have no job yet, oldest first."""
        return self._claims(f"WHERE phase IN {_OPEN} ORDER BY id", [])

    def claims_in_flight(self) -> Sequence[Claim]:
        """Return the claims whose job is not collected yet, oldest first."""
        return self._claims("WHERE phase = 'created' ORDER BY id", [])

    def claims_of(self, specs: Sequence[str]) -> Sequence[Claim]:
        """Return every claim of these specs that was not released, oldest first."""
        return self._claims(f"WHERE phase <> 'released' AND spec IN ({_marks(specs)}) ORDER BY id", list(specs))

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

    # Jobs

    def save_job(self, job: BatchJob) -> None:
        """Record a job as the provider now tells it."""
        with transaction(self._database):
            row = self._database.execute("SELECT id FROM claim WHERE job_id = ?", [job.id]).fetchone()
            if row is not None:
                self._write_job(row[0], job)

    def _write_job(self, claim_id: int, job: BatchJob) -> None:
        values = [
            job.id,
            claim_id,
            job.status.value,
            job.status_text,
            job.endpoint,
            job.model,
            json.dumps(job.input_files),
            job.output_file,
            job.error_file,
            json.dumps(job.errors),
            job.created_at,
            job.started_at,
            job.completed_at,
            job.total_requests,
            job.completed_requests,
            job.succeeded_requests,
            job.failed_requests,
        ]
        sql = f"INSERT OR REPLACE INTO job ({_JOB_COLUMNS}) VALUES ({_marks(values)})"
        self._database.conn.execute(sql, values)

    def jobs_of(self, specs: Sequence[str]) -> Sequence[RecordedJob]:
        """Return the jobs of these specs, oldest first."""
        columns = ", ".join(f"job.{name}" for name in _JOB_COLUMNS.split(", "))
        sql = (
            f"SELECT claim.spec, claim.model, claim.phase, {columns} FROM job JOIN claim ON claim.job_id = job.id"
            f" WHERE claim.spec IN ({_marks(specs)}) ORDER BY claim.id"
        )
        return [
            RecordedJob(job=_job(row), spec=spec, model=model, collected=phase == Phase.COLLECTED)
            for spec, model, phase, *row in self._rows(sql, list(specs))
        ]

    def known_job_ids(self, most: int) -> Sequence[str]:
        """Return the ids of the jobs recorded last."""
        sql = "SELECT job_id FROM claim WHERE job_id IS NOT NULL ORDER BY id DESC LIMIT ?"
        return [str(row[0]) for row in self._rows(sql, [most])]

    def quarantine(self, job_id: str, lines: Iterable[tuple[str, bytes]], now: float) -> None:
        """Keep result lines that fit no request, each with its reason."""
        with transaction(self._database):
            self._database.conn.executemany(
                "INSERT INTO quarantine (job_id, reason, line, at) VALUES (?, ?, ?, ?)",
                [(job_id, reason, line, now) for reason, line in lines],
            )

    # Files

    def find_file(self, sha256: str) -> RemoteFile | None:
        """Return the upload of a file with these bytes; its id is empty where an upload may not have ended."""
        sql = "SELECT file_id, filename, size, lines FROM file WHERE sha256 = ?"
        row = self._database.execute(sql, [sha256]).fetchone()
        return None if row is None else RemoteFile(id=row[0], filename=row[1], size=row[2], lines=row[3])

    def save_file(self, sha256: str, file: RemoteFile) -> None:
        """Record an upload, begun (with an empty id) or done."""
        with transaction(self._database):
            values = [sha256, file.id, file.filename, file.size, file.lines]
            self._database.conn.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)", values)

    def forget_file(self, sha256: str) -> None:
        """Forget an upload that the provider no longer has."""
        with transaction(self._database):
            self._database.conn.execute("DELETE FROM file WHERE sha256 = ?", [sha256])

    # What specs declared

    def declared(self, spec: str, custom_ids: Sequence[str]) -> Mapping[str, BodyDigest]:
        """Return what this spec last declared under these custom_ids."""
        found: dict[str, BodyDigest] = {}
        spec_id = self._spec_id(spec)
        if spec_id is None:
            return found
        for chunk in _chunks(custom_ids, _CHUNK):
            sql = f"SELECT custom_id, body FROM declared WHERE spec_id = ? AND custom_id IN ({_marks(chunk)})"
            found.update((name, BodyDigest(body)) for name, body in self._rows(sql, [spec_id, *chunk]))
        return found

    def declared_count(self, spec: str) -> int:
        """Return how many rows this spec declared when it was last applied."""
        sql = "SELECT count(*) FROM declared WHERE spec_id = (SELECT id FROM spec WHERE name = ?)"
        return int(self._database.execute(sql, [spec]).fetchone()[0])

    def declared_models(self, spec: str) -> frozenset[str]:
        """Return the models with which this spec was last applied."""
        row = self._database.execute("SELECT models FROM spec WHERE name = ?", [spec]).fetchone()
        return frozenset() if row is None else frozenset(json.loads(row[0]))

    def declare(self, spec: str, path: str, models: Sequence[str], rows: Iterable[tuple[str, BodyDigest]]) -> None:
        """Record that a spec declares these rows and no others; only what differs is written."""
        connection = self._database.conn
        with transaction(self._database):
            connection.execute("CREATE TEMP TABLE wanted (custom_id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
            for chunk in _chunks(rows, _BULK):
                connection.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?)", chunk)
            connection.execute(
                "INSERT INTO spec (name, path, models) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET path = excluded.path, models = excluded.models",
                [spec, path, json.dumps(list(models))],
            )
            spec_id = self._spec_id(spec)
            connection.execute(
                "DELETE FROM declared WHERE spec_id = ? AND NOT EXISTS"
                " (SELECT 1 FROM wanted WHERE wanted.custom_id = declared.custom_id)",
                [spec_id],
            )
            connection.execute(
                "INSERT OR REPLACE INTO declared SELECT ?1, wanted.custom_id, wanted.body FROM wanted"
                " LEFT JOIN declared ON declared.spec_id = ?1 AND declared.custom_id = wanted.custom_id"
                " WHERE declared.body IS NOT wanted.body",
                [spec_id],
            )
            connection.execute("DROP TABLE wanted")

    def _spec_id(self, spec: str) -> int | None:
        row = self._database.execute("SELECT id FROM spec WHERE name = ?", [spec]).fetchone()
        return None if row is None else int(row[0])

    # Output files

    def saved_output(self, path: str) -> str | None:
        """Return the fingerprint under which an output file was written last."""
        row = self._database.execute("SELECT fingerprint FROM output WHERE path = ?", [path]).fetchone()
        return None if row is None else str(row[0])

    def save_output(self, path: str, fingerprint: str) -> None:
        """Record that an output file was written."""
        with transaction(self._database):
            self._database.conn.execute("INSERT OR REPLACE INTO output VALUES (?, ?)", [path, fingerprint])

    # The state itself

    def bind(self, provider: str) -> None:
        """Tie this state to one provider, for good. Raises AccessError when it belongs to another one."""
        row = self._database.execute("SELECT value FROM meta WHERE key = 'provider'").fetchone()
        if row is None:
            with transaction(self._database):
                self._database.conn.execute("INSERT INTO meta VALUES ('provider', ?)", [provider])
        elif row[0] != provider:
            raise AccessError(
                f"this state belongs to the provider `{row[0]}`, not to `{provider}`",
                why="what one of them has answered would count as done with the other",
                hint=f"use --provider {row[0]}, or name another place with --state",
            )

    def is_new(self) -> bool:
        """Tell whether this state has never been compared with the provider's jobs."""
        return self._database.execute("SELECT 1 FROM meta WHERE key = 'compared_at'").fetchone() is None

    def mark_compared(self, now: float) -> None:
        """Record that the provider's jobs of this project were looked through."""
        with transaction(self._database):
            self._database.conn.execute("INSERT OR REPLACE INTO meta VALUES ('compared_at', ?)", [str(now)])

    def _rows(self, sql: str, values: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        yield from self._database.execute(sql, list(values))


def _job(row: Sequence[Any]) -> BatchJob:
    fields = dict(zip(_JOB_COLUMNS.split(", "), row, strict=True))
    del fields["claim_id"]
    fields["status"] = BatchJobStatus(fields["status"])
    fields["input_files"] = tuple(json.loads(fields["input_files"]))
    fields["errors"] = tuple(json.loads(fields["errors"]))
    return BatchJob(**fields)


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)


def _chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
