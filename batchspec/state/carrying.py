"""Carries into a rebuilt state what only the old one knows: answers, submissions, and what was declared.

One transaction on the new file; the old one is only read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from pathlib import Path

from batchspec.core.ledger import RequestStatus
from batchspec.core.rebuilding import Carried
from batchspec.state.database import state_error, transaction
from batchspec.state.store import SqliteLedger
from batchspec.state.tables import OPEN

_OPEN = ", ".join(map(repr, OPEN))
_CLAIMED, _DONE, _ASKED = int(RequestStatus.CLAIMED), int(RequestStatus.SUCCEEDED), int(RequestStatus.ASKED)
_CLAIM = (
    "spec, endpoint, model, requests, parts, phase, claimed_at, sending_at, released_at, release_reason, collected_at,"
    " file_ids, job_id, project, surplus, revision, replicate, variant, plan, again"
)
_JOB = (
    "status, status_text, endpoint, model, agent_id, input_files, output_file, error_file, errors, created_at,"
    " started_at, completed_at, total_requests, completed_requests, succeeded_requests, failed_requests,"
    " files_deleted_at, deleted_at"
)

# Submissions that may still have or get a job which the new state did not find.
_FLYING = f"""
INSERT INTO flying
SELECT id FROM old.claim WHERE phase IN ({_OPEN}) AND NOT EXISTS
    (SELECT 1 FROM main.claim AS known WHERE known.shard = claim.shard AND known.attempt = claim.attempt)
UNION
SELECT id FROM old.claim WHERE phase = 'created' AND (:all OR job_id IN (SELECT job_id FROM unknowable))
    AND NOT EXISTS (SELECT 1 FROM main.claim AS known WHERE known.job_id = claim.job_id)
"""

# Requests of which the old state knows more: in flight there, answered there alone, or not known here at all.
_KEPT = f"""
INSERT INTO kept
SELECT past.* FROM old.request AS past LEFT JOIN main.request AS now USING (digest)
WHERE CASE past.status
    WHEN {_CLAIMED} THEN past.claim_id IN (SELECT id FROM flying)
        AND (now.digest IS NULL OR now.status NOT IN ({_CLAIMED}, {_DONE}))
    WHEN {_DONE} THEN :all AND (now.digest IS NULL OR now.status <> {_DONE})
    ELSE :all AND now.digest IS NULL
    END
    OR (now.digest IS NULL AND past.digest IN
        (SELECT digest FROM old.claim_line WHERE claim_id IN (SELECT id FROM flying)))
"""

_MOVED = """
INSERT INTO moved
SELECT past.id, coalesce(now.id, past.id + (SELECT coalesce(max(id), 0) FROM main.claim)), now.id IS NULL
FROM old.claim AS past LEFT JOIN main.claim AS now ON now.job_id = past.job_id
WHERE past.id IN (
    SELECT claim_id FROM kept
    UNION SELECT result.claim_id FROM kept JOIN old.result ON result.id = kept.result_id
    UNION SELECT id FROM flying
)
"""

# A number that is taken here goes beyond every one of the shard, there and here.
_CLAIMS = f"""
INSERT INTO main.claim (id, shard, attempt, {_CLAIM})
SELECT moved.new_id, shard,
    CASE WHEN EXISTS (SELECT 1 FROM main.claim AS known WHERE known.shard = past.shard AND known.attempt = past.attempt)
    THEN past.attempt + (SELECT max(attempt) FROM main.claim AS known WHERE known.shard = past.shard)
        + (SELECT max(attempt) FROM old.claim AS other WHERE other.shard = past.shard)
    ELSE past.attempt END,
    {_CLAIM}
FROM old.claim AS past JOIN moved ON moved.old_id = past.id AND moved.added
"""

_REST = f"""
INSERT INTO main.job (id, claim_id, {_JOB})
SELECT past.id, moved.new_id, {_JOB} FROM old.job AS past JOIN moved ON moved.old_id = past.claim_id AND moved.added;

INSERT INTO main.claim_line
SELECT moved.new_id, line, custom_id, digest FROM old.claim_line AS past
JOIN moved ON moved.old_id = past.claim_id WHERE past.claim_id IN (SELECT id FROM flying);

INSERT INTO main.quarantine (job_id, reason, line, at)
SELECT past.job_id, reason, line, at FROM old.quarantine AS past JOIN old.claim ON claim.job_id = past.job_id
JOIN moved ON moved.old_id = claim.id AND moved.added ORDER BY past.id;

DELETE FROM main.result
WHERE id IN (SELECT request.result_id FROM main.request WHERE digest IN (SELECT digest FROM kept));

CREATE TEMP TABLE base AS SELECT coalesce(max(id), 0) AS id FROM main.result;

INSERT INTO main.result
SELECT past.id + base.id, past.digest, moved.new_id, outcome, status_code, body, error, prompt_tokens, completion_tokens
FROM kept JOIN old.result AS past ON past.id = kept.result_id JOIN moved ON moved.old_id = past.claim_id, base;

INSERT INTO main.request (digest, status, attempts, claim_id, result_id, was)
SELECT kept.digest, kept.status, kept.attempts, moved.new_id, kept.result_id + base.id, kept.was
FROM kept JOIN moved ON moved.old_id = kept.claim_id, base WHERE true
ON CONFLICT (digest) DO UPDATE SET status = excluded.status, attempts = max(attempts, excluded.attempts),
    claim_id = excluded.claim_id, result_id = excluded.result_id, was = excluded.was;

-- A try that the provider no longer tells of was a try.
UPDATE main.request SET attempts = (SELECT attempts FROM old.request AS past WHERE past.digest = request.digest)
WHERE attempts < (SELECT attempts FROM old.request AS past WHERE past.digest = request.digest);

UPDATE main.job SET files_deleted_at = (SELECT files_deleted_at FROM old.job AS past WHERE past.id = job.id)
WHERE files_deleted_at IS NULL;

INSERT OR IGNORE INTO main.spec SELECT * FROM old.spec;

INSERT OR IGNORE INTO main.declared SELECT * FROM old.declared;

INSERT OR IGNORE INTO main.spec_part SELECT * FROM old.spec_part;

INSERT OR IGNORE INTO main.saved_plan SELECT * FROM old.saved_plan
"""

_MARKS = (
    f"UPDATE main.request SET status = {_ASKED} WHERE status NOT IN ({_CLAIMED}, {_DONE}, {_ASKED})"
    f" AND EXISTS (SELECT 1 FROM old.request AS past WHERE past.digest = request.digest AND past.status = {_ASKED})"
)


def carry_over(new: SqliteLedger, old: Path, *, unknowable: Collection[str], drop_missing: bool) -> Carried:
    """Bring into a rebuilt state what only the old one knows.

    Without `drop_missing` nothing that was answered is lost: a success of the old state stands wherever the new one has
    none. With it, what the provider no longer has is left out, but for open submissions and the `unknowable` jobs, of
    which the provider does not tell yet what they ask for. Raises StateError; then the new state is as before.
    """
    database = new._database
    connection = database.conn
    try:
        connection.execute("ATTACH ? AS old", [f"{old.absolute().as_uri()}?mode=ro"])
        try:
            with transaction(database):
                return _carry(connection, unknowable, keep=not drop_missing)
        finally:
            for name in ("flying", "kept", "moved", "base", "unknowable"):
                connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            connection.execute("DETACH old")
    except sqlite3.DatabaseError as error:
        raise state_error(error, database) from None


def _carry(connection: sqlite3.Connection, unknowable: Collection[str], *, keep: bool) -> Carried:
    connection.execute("CREATE TEMP TABLE unknowable (job_id TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO unknowable VALUES (?)", [(job,) for job in unknowable])
    connection.execute("CREATE TEMP TABLE flying (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM old.request LIMIT 0")
    connection.execute("CREATE TEMP TABLE moved (old_id INTEGER PRIMARY KEY, new_id INTEGER, added INTEGER)")
    found = _count(connection, "main.request", "old.request")
    connection.execute(_FLYING, {"all": keep})
    connection.execute(_KEPT, {"all": keep})
    connection.execute(_MOVED)
    connection.execute(_CLAIMS)
    for statement in _REST.split(";\n"):
        connection.execute(statement)
    asked = connection.execute(_MARKS).rowcount
    in_flight = int(connection.execute("SELECT count(*) FROM temp.kept WHERE status = ?", [_CLAIMED]).fetchone()[0])
    kept = int(connection.execute("SELECT count(*) FROM temp.kept").fetchone()[0])
    left = _count(connection, "old.request", "main.request") + int(
        connection.execute(
            "SELECT count(*) FROM old.request AS past JOIN main.request AS now USING (digest)"
            f" WHERE past.status = {_DONE} AND now.status <> {_DONE}"
        ).fetchone()[0]
    )
    return Carried(answers=kept - in_flight, in_flight=in_flight, left=left, found=found, asked=asked)


def _count(connection: sqlite3.Connection, here: str, there: str) -> int:
    """Return how many requests are here and not there."""
    known = f"SELECT 1 FROM {there} AS there WHERE there.digest = here.digest"
    sql = f"SELECT count(*) FROM {here} AS here WHERE NOT EXISTS ({known})"
    return int(connection.execute(sql).fetchone()[0])
