"""What two states of one project must have in common, however each of them came to be."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from sqlite_utils import Database

_REQUESTS = """
SELECT lower(hex(request.digest)), status, attempts, result.outcome, status_code, body, error, prompt_tokens,
    completion_tokens
FROM request LEFT JOIN result ON result.id = request.result_id ORDER BY 1
"""
_JOBS = """
SELECT job.id, job.status_text, shard, attempt, spec, claim.endpoint, claim.model, requests, phase,
    total_requests, succeeded_requests, failed_requests, job.output_file, job.error_file
FROM job JOIN claim ON claim.job_id = job.id ORDER BY 1
"""
_LINES = """
SELECT claim.job_id, custom_id, lower(hex(digest)) FROM claim_line JOIN claim ON claim.id = claim_line.claim_id
ORDER BY 1, 2, 3
"""
_QUARANTINE = "SELECT job_id, reason, line FROM quarantine ORDER BY 1, 2, 3"


def canonical(path: Path) -> dict[str, list[Any]]:
    """Return the requests with their answers, the jobs with their claims, lines in flight and quarantined lines."""
    database = Database(path, execute_plugins=False)
    with closing(database.conn):
        return {
            name: list(database.execute(sql))
            for name, sql in (("requests", _REQUESTS), ("jobs", _JOBS), ("lines", _LINES), ("odd", _QUARANTINE))
        }
