"""Jobs and uploaded files, as the provider told them last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from batchspec.core.ledger import Phase, RecordedJob
from batchspec.core.model import BatchJob, BatchJobStatus, RemoteFile
from batchspec.state.database import transaction
from batchspec.state.plan_memos import PlanMemos
from batchspec.state.tables import marks

_JOB_COLUMNS = (
    "id, claim_id, status, status_text, endpoint, model, agent_id, input_files, output_file, error_file, errors,"
    " created_at, started_at, completed_at, total_requests, completed_requests, succeeded_requests, failed_requests"
)


class Jobs(PlanMemos):
    """The jobs and files of a ledger."""

    def save_job(self, job: BatchJob) -> None:
        """Record a job as the provider now tells it; plans go by its claim."""
        with self._aside():
            row = self._row("SELECT id FROM claim WHERE job_id = ?", [job.id])
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
            job.agent_id,
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
        told = ", ".join(f"{name} = excluded.{name}" for name in _JOB_COLUMNS.split(", ")[2:])
        # Not replaced: what this side knows of the job, such as its deletion, stays.
        sql = f"INSERT INTO job ({_JOB_COLUMNS}) VALUES ({marks(values)}) ON CONFLICT (id) DO UPDATE SET {told}"
        self._database.conn.execute(sql, values)

    def job(self, job_id: str) -> BatchJob | None:
        """Return a job as it was recorded last."""
        row = self._row(f"SELECT {_JOB_COLUMNS} FROM job WHERE id = ?", [job_id])
        return None if row is None else _job(row)

    def jobs_of(self, specs: Sequence[str] | None = None) -> Sequence[RecordedJob]:
        """Return the jobs of these specs, or of all of them, oldest first."""
        columns = ", ".join(f"job.{name}" for name in _JOB_COLUMNS.split(", "))
        sql = (
            f"SELECT claim.spec, claim.model, claim.phase, job.files_deleted_at, job.deleted_at, {columns}"
            " FROM job JOIN claim ON claim.job_id = job.id"
            + ("" if specs is None else f" WHERE claim.spec IN ({marks(specs)})")
            + " ORDER BY claim.id"
        )
        return [
            RecordedJob(
                job=_job(row),
                spec=spec,
                model=model,
                collected=phase == Phase.COLLECTED,
                files_deleted=files_deleted_at is not None,
                deleted=deleted_at is not None,
            )
            for spec, model, phase, files_deleted_at, deleted_at, *row in self._rows(sql, specs or ())
        ]

    def mark_deleted(self, job_id: str, now: float, *, record: bool) -> None:
        """Record that a job's files, or with `record` the job itself, were deleted at the provider."""
        column = "deleted_at" if record else "files_deleted_at"
        with transaction(self._database):
            self._database.conn.execute(f"UPDATE job SET {column} = ? WHERE id = ?", [now, job_id])

    def known_job_ids(self, most: int) -> Sequence[str]:
        """Return the ids of the jobs recorded last, but for those that were deleted.

        Those that still have their files come first: of the others one may be gone, where its deletion was cut short.
        """
        sql = "SELECT id FROM job WHERE deleted_at IS NULL ORDER BY files_deleted_at IS NOT NULL, claim_id DESC LIMIT ?"
        return [str(row[0]) for row in self._rows(sql, [most])]

    def known_file_ids(self, most: int) -> Sequence[str]:
        """Return the ids of some uploaded files: those that can be used again, and those of the latest claims."""
        sql = "SELECT file_ids FROM claim WHERE file_ids IS NOT NULL ORDER BY id DESC LIMIT ?"
        ids = [file for row in self._rows(sql, [most]) for file in json.loads(row[0])]
        ids += [row[0] for row in self._rows("SELECT file_id FROM file WHERE file_id <> '' LIMIT ?", [most])]
        return list(dict.fromkeys(map(str, ids)))

    def find_file(self, sha256: str) -> RemoteFile | None:
        """Return the upload of a file with these bytes; its id is empty where an upload may not have ended."""
        sql = "SELECT file_id, filename, size, lines FROM file WHERE sha256 = ?"
        row = self._row(sql, [sha256])
        return None if row is None else RemoteFile(id=row[0], filename=row[1], size=row[2], lines=row[3])

    def save_file(self, sha256: str, file: RemoteFile) -> None:
        """Record an upload, begun (with an empty id) or done."""
        with transaction(self._database):
            values = [sha256, file.id, file.filename, file.size, file.lines]
            self._database.conn.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)", values)

    def forget_file(self, file: str) -> None:
        """Forget an upload, by its SHA-256 or its id, that the provider no longer has."""
        with transaction(self._database):
            self._database.conn.execute("DELETE FROM file WHERE sha256 = ?1 OR file_id = ?1", [file])


def _job(row: Sequence[Any]) -> BatchJob:
    fields = dict(zip(_JOB_COLUMNS.split(", "), row, strict=True))
    del fields["claim_id"]
    fields["status"] = BatchJobStatus(fields["status"])
    fields["input_files"] = tuple(json.loads(fields["input_files"]))
    fields["errors"] = tuple(json.loads(fields["errors"]))
    return BatchJob(**fields)
