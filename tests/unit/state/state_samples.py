"""Requests, jobs and a whole picture of a ledger, for the tests beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sqlite_utils import Database

from batchspec.core.ledger import Claim, ClaimLine, ClaimRequest
from batchspec.core.model import BatchJob, BatchJobStatus, BodyDigest, RequestDigest
from batchspec.core.ports import SpooledFile
from batchspec.state.store import SqliteLedger

MODEL = "mistral-small-latest"


def digest(name: object) -> RequestDigest:
    return RequestDigest(hashlib.sha256(str(name).encode()).digest()[:16])


def body(name: object) -> BodyDigest:
    return BodyDigest(hashlib.sha256(str(name).encode()).digest())


def lines(*names: object) -> list[ClaimLine]:
    return [ClaimLine(f"id-{name}", digest(name)) for name in names]


def shard(name: str = "shard", requests: int = 1, spec: str = "triage") -> ClaimRequest:
    return ClaimRequest(
        shard=name,
        spec=spec,
        endpoint="/v1/chat/completions",
        model=MODEL,
        requests=requests,
        parts=(SpooledFile("f" * 64, requests, 100 * requests),),
    )


def job(job_id: str, status: BatchJobStatus = BatchJobStatus.QUEUED, attempt: int = 1) -> BatchJob:
    return BatchJob(
        id=job_id,
        status=status,
        status_text=status.value,
        endpoint="/v1/chat/completions",
        model=MODEL,
        input_files=("file-1",),
        metadata={"bspec_try": str(attempt)},
        errors=("one", "two"),
        created_at=1_000,
    )


def claimed(ledger: SqliteLedger, *names: object, shard_name: str = "shard", now: float = 1.0) -> Claim:
    return ledger.claim(shard(shard_name, len(names)), lines(*names), now)


def in_flight(ledger: SqliteLedger, *names: object, shard_name: str = "shard", job_id: str = "job-1") -> Claim:
    claim = claimed(ledger, *names, shard_name=shard_name)
    ledger.mark_uploaded(claim.id, ["file-1"])
    ledger.mark_sending(claim.id, 2.0)
    ledger.mark_created(claim.id, job(job_id))
    return claim


def picture(path: Path, leave_out: Iterable[str] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, so that two states can be compared."""
    database = Database(path, execute_plugins=False)
    try:
        names = [table.name for table in database.tables if table.name not in set(leave_out)]
        return {name: list(database.execute(f"SELECT * FROM [{name}] ORDER BY 1, 2")) for name in names}
    finally:
        database.close()
