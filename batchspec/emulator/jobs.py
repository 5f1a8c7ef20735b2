"""The emulator's jobs: their rows, and every change of a job's status in one place. Runs nothing."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import NamedTuple

from batchspec.core.json_text import encode
from batchspec.core.model import BatchJobStatus
from batchspec.emulator.database import Database
from batchspec.emulator.files import FileStore, add_file
from batchspec.emulator.job_requests import NewJob
from batchspec.emulator.listing import ListQuery
from batchspec.emulator.refusals import FieldFault, Refusal, no_such

UNKNOWN_STATUS = "PAUSED"
"""What jobs report under the fault `unknown_status`."""

_UNFINISHED = (BatchJobStatus.QUEUED, BatchJobStatus.RUNNING, BatchJobStatus.CANCELLATION_REQUESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is: the place in its input, what its two files hold by right, and its counters.

    `line` is the number of lines before that place, over all input files: every one of them is executed. Bytes beyond
    `output_bytes` and `error_bytes` belong to a chunk that was never committed.
    """

    input_index: int = 0
    input_offset: int = 0
    line: int = 0
    output_bytes: int = 0
    output_lines: int = 0
    error_bytes: int = 0
    error_lines: int = 0
    succeeded: int = 0
    failed: int = 0


_PROGRESS = tuple(spot.name for spot in fields(Progress))


class Executed(NamedTuple):
    """One line that was executed: its number in the job from 1, the SHA-256 of its body, and how it went."""

    line: int
    body: bytes
    succeeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is kept. Times are Unix seconds; `fail_after` is the line at which an injected failure strikes."""

    seq: int
    id: str
    endpoint: str
    model: str | None
    agent_id: str | None
    metadata: dict[str, str] | None
    input_files: tuple[str, ...]
    inline: bool
    timeout_hours: int
    status: BatchJobStatus
    errors: list[object]
    created_at: float
    started_at: float | None
    completed_at: float | None
    cancel_requested_at: float | None
    total: int
    fail_after: int | None
    output_id: str
    error_id: str
    progress: Progress

    @classmethod
    def read(cls, row: sqlite3.Row) -> Job:
        """Read a row of the table."""
        metadata = row["metadata"]
        return cls(
            seq=row["seq"],
            id=row["id"],
            endpoint=row["endpoint"],
            model=row["model"],
            agent_id=row["agent_id"],
            metadata=None if metadata is None else json.loads(metadata),
            input_files=tuple(json.loads(row["input_files"])),
            inline=bool(row["inline"]),
            timeout_hours=row["timeout_hours"],
            status=BatchJobStatus(row["status"]),
            errors=json.loads(row["errors"]),
            created_at=row["created_at"],
            started_at=row["started_at"],
            completed_at=row["completed_at"],
            cancel_requested_at=row["cancel_requested_at"],
            total=row["total"],
            fail_after=row["fail_after"],
            output_id=row["output_id"],
            error_id=row["error_id"],
            progress=Progress(**{name: row[name] for name in _PROGRESS}),
        )

    @property
    def answering(self) -> str:
        """Who answers: the model, or the agent where the job has no model."""
        return self.model or self.agent_id or ""

    def result_files(self) -> tuple[str | None, str | None]:
        """Return the ids of the output file and the error file; None before the end, and where there is no line."""
        if not self.status.ended:
            return None, None
        return (
            self.output_id if self.progress.output_lines else None,
            self.error_id if self.progress.error_lines else None,
        )

    def shown(self, *, unknown_status: bool = False) -> dict[str, object]:
        """Return the job as the API shows it; `timeout_hours` is not in it."""
        output_file, error_file = self.result_files()
        done = self.progress
        return {
            "id": self.id,
            "object": "batch",
            "input_files": [] if self.inline else list(self.input_files),
            "metadata": self.metadata,
            "endpoint": self.endpoint,
            "model": self.model,
            "agent_id": self.agent_id,
            "output_file": output_file,
            "error_file": error_file,
            "errors": self.errors,
            "outputs": None,
            "status": UNKNOWN_STATUS if unknown_status else self.status.value,
            "created_at": int(self.created_at),
            "started_at": None if self.started_at is None else int(self.started_at),
            "completed_at": None if self.completed_at is None else int(self.completed_at),
            "total_requests": self.total,
            "completed_requests": done.succeeded + done.failed,
            "succeeded_requests": done.succeeded,
            "failed_requests": done.failed,
        }


class JobStore:
    """The jobs' rows. Safe for many threads, and for several processes on one data folder."""

    def __init__(self, database: Database, files: FileStore) -> None:
        self._database = database
        self._files = files

    def create(self, new: NewJob) -> Job:
        """Record a job as QUEUED, its counters 0. Raises Refusal for a file that is unknown or not for batches."""
        input_files = new.input_files
        if new.requests is not None:
            input_files = (self._spool(new),)
        for index, file_id in enumerate(new.input_files):
            try:
                purpose = self._files.row(file_id)["purpose"]
            except Refusal:
                raise Refusal(404, {"detail": f"Input file {file_id} not found."}) from None
            if purpose != "batch":
                place = ("body", "input_files", index)
                raise FieldFault(place, f"File {file_id} has the purpose {purpose}, batch is needed")
        job_id = str(uuid.uuid4())
        values = {
            "id": job_id,
            "endpoint": new.endpoint,
            "model": new.model,
            "agent_id": new.agent_id,
            "metadata": None if new.metadata is None else json.dumps(new.metadata),
            "input_files": json.dumps(input_files),
            "inline": new.requests is not None,
            "timeout_hours": new.timeout_hours,
            "status": BatchJobStatus.QUEUED,
            "created_at": time.time(),
            "output_id": str(uuid.uuid4()),
            "error_id": str(uuid.uuid4()),
        }
        names, places = ", ".join(values), ", ".join("?" * len(values))
        with self._database.transaction() as connection:
            connection.execute(f"INSERT INTO jobs ({names}) VALUES ({places})", tuple(values.values()))  # noqa: S608
        return self.get(job_id)

    def _spool(self, new: NewJob) -> str:
        """Write inline requests to a file that no list shows, and return its id."""
        file_id = f"inline-{uuid.uuid4()}"
        with self._files.path(file_id).open("wb") as stream:
            for request in new.requests or ():
                line = {"custom_id": request.get("custom_id"), "body": request["body"]}
                stream.write(encode(line) + b"\n")
        return file_id

    def get(self, job_id: str) -> Job:
        """Return a job. Raises Refusal (404)."""
        row = self._database.row("SELECT * FROM jobs WHERE id = ? AND deleted = 0", (job_id,))
        if row is None:
            raise no_such("batch job")
        return Job.read(row)

    def page(self, query: ListQuery) -> tuple[list[Job], int]:
        """Return one page of the jobs, and how many there are on all pages."""
        where = f"deleted = 0 AND {query.where}"
        order = "DESC" if query.newest_first else "ASC"
        rows = self._database.rows(
            f"SELECT * FROM jobs WHERE {where} ORDER BY seq {order} LIMIT ? OFFSET ?",  # noqa: S608 - values are bound
            (*query.values, query.page_size, query.page * query.page_size),
        )
        counted = self._database.row(f"SELECT count(*) FROM jobs WHERE {where}", query.values)  # noqa: S608
        return [Job.read(row) for row in rows], counted[0] if counted else 0

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once before its start, by request while it runs, not at all when it has ended.

        Raises Refusal (404).
        """
        with self._database.transaction() as connection:
            found = connection.execute("SELECT seq FROM jobs WHERE id = ? AND deleted = 0", (job_id,)).fetchone()
            if found is None:
                raise no_such("batch job")
            _cancel(connection, found["seq"])
        return self.get(job_id)

    def delete(self, job_id: str) -> dict[str, object]:
        """Let a job vanish, cancelling it where it has not ended; its executions stay in the ledger.

        Raises Refusal (404).
        """
        job = self.get(job_id)
        with self._database.transaction() as connection:
            _cancel(connection, job.seq)
            connection.execute("UPDATE jobs SET deleted = 1 WHERE seq = ?", (job.seq,))
        return {"id": job_id, "object": "batch", "deleted": True}

    def unfinished(self) -> list[Job]:
        """Return the jobs that have not ended, the oldest first."""
        rows = self._database.rows("SELECT * FROM jobs WHERE status IN (?, ?, ?) ORDER BY seq", _UNFINISHED)
        return [Job.read(row) for row in rows]

    def start(self, job: Job, total: int, fail_after: int | None) -> None:
        """Let a queued job run; one that was cancelled meanwhile stays so."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET status = ?, started_at = ?, total = ?, fail_after = ? WHERE seq = ? AND status = ?",
                (BatchJobStatus.RUNNING, time.time(), total, fail_after, job.seq, BatchJobStatus.QUEUED),
            )

    def advance(self, job: Job, progress: Progress, executed: Sequence[Executed]) -> None:
        """Record a chunk: its executions and the place after it, together or not at all."""
        changes = ", ".join(f"{name} = ?" for name in _PROGRESS)
        with self._database.transaction() as connection:
            connection.executemany(
                f"INSERT INTO executions (job, line, body, succeeded) VALUES ({job.seq:d}, ?, ?, ?)",  # noqa: S608
                executed,
            )
            connection.execute(f"UPDATE jobs SET {changes} WHERE seq = ?", (*astuple(progress), job.seq))  # noqa: S608

    def executed_after(self, job: Job, line: int) -> set[int]:
        """Return the numbers of a job's lines beyond `line` that are executed."""
        rows = self._database.rows("SELECT line FROM executions WHERE job = ? AND line > ?", (job.seq, line))
        return {int(row["line"]) for row in rows}

    def finish(self, job: Job, status: BatchJobStatus, error: str | None = None) -> None:
        """End a job and show its files; one whose cancel was requested ends as CANCELLED, whatever it came to."""
        errors = [] if error is None else [{"message": error, "count": 1}]
        with self._database.transaction() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE seq = ?", (job.seq,)).fetchone()
            if row["status"] == BatchJobStatus.CANCELLATION_REQUESTED:
                status = BatchJobStatus.CANCELLED
            connection.execute(
                "UPDATE jobs SET status = ?, completed_at = ?, errors = ? WHERE seq = ?",
                (status, time.time(), json.dumps(errors), job.seq),
            )
            done = job.progress
            if done.output_lines:
                _add_results(connection, job.output_id, f"{job.id}_output.jsonl", done.output_bytes, done.output_lines)
            if done.error_lines:
                _add_results(connection, job.error_id, f"{job.id}_error.jsonl", done.error_bytes, done.error_lines)


def _add_results(connection: sqlite3.Connection, file_id: str, filename: str, size: int, lines: int) -> None:
    sample_type = "batch_error" if filename.endswith("_error.jsonl") else "batch_result"
    add_file(
        connection,
        file_id,
        filename=filename,
        size=size,
        purpose="batch",
        sample_type=sample_type,
        source="mistral",
        lines=lines,
    )


def _cancel(connection: sqlite3.Connection, seq: int) -> None:
    now = time.time()
    connection.execute(
        "UPDATE jobs SET status = ?, completed_at = ? WHERE seq = ? AND status = ?",
        (BatchJobStatus.CANCELLED, now, seq, BatchJobStatus.QUEUED),
    )
    connection.execute(
        "UPDATE jobs SET status = ?, cancel_requested_at = ? WHERE seq = ? AND status = ?",
        (BatchJobStatus.CANCELLATION_REQUESTED, now, seq, BatchJobStatus.RUNNING),
    )
