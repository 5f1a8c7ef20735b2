"""The state's tables, as steps that are only ever appended to. Step n takes a state from version n to n + 1.

A released step is never edited: an older state must come through the same steps as everybody's.
"""

from __future__ import annotations

FIRST = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE spec (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    models TEXT NOT NULL
) STRICT;

-- The rows that a spec declared when it was last applied.
CREATE TABLE declared (
    spec_id INTEGER NOT NULL REFERENCES spec (id),
    custom_id TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (spec_id, custom_id)
) STRICT, WITHOUT ROWID;

-- One try to turn a shard into a job.
CREATE TABLE claim (
    id INTEGER PRIMARY KEY,
    shard TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    spec TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    -- A JSON list of [SHA-256, lines, bytes] of the files that were made for it.
    parts TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('claimed', 'uploaded', 'sending', 'created', 'collected', 'released')),
    claimed_at REAL NOT NULL,
    sending_at REAL,
    released_at REAL,
    release_reason TEXT,
    collected_at REAL,
    file_ids TEXT,
    job_id TEXT UNIQUE,
    UNIQUE (shard, attempt)
) STRICT;
CREATE INDEX claim_by_phase ON claim (phase);

-- Which request stands on which line of a claim's file; kept until its job is collected.
CREATE TABLE claim_line (
    claim_id INTEGER NOT NULL REFERENCES claim (id),
    line INTEGER NOT NULL,
    custom_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (claim_id, line)
) STRICT, WITHOUT ROWID;

-- status: 1 claimed, 2 succeeded, 3 failed, 4 failed in a way that may pass, 5 held.
CREATE TABLE request (
    digest BLOB PRIMARY KEY,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    claim_id INTEGER NOT NULL,
    result_id INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    claim_id INTEGER NOT NULL REFERENCES claim (id),
    outcome TEXT NOT NULL,
    status_code INTEGER,
    body TEXT,
    error TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER
) STRICT;

CREATE TABLE job (
    id TEXT PRIMARY KEY,
    claim_id INTEGER NOT NULL REFERENCES claim (id),
    status TEXT NOT NULL,
    status_text TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT,
    agent_id TEXT,
    input_files TEXT NOT NULL,
    output_file TEXT,
    error_file TEXT,
    errors TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    total_requests INTEGER NOT NULL,
    completed_requests INTEGER NOT NULL,
    succeeded_requests INTEGER NOT NULL,
    failed_requests INTEGER NOT NULL,
    -- When its files, and when its record, were deleted at the provider.
    files_deleted_at REAL,
    deleted_at REAL
) STRICT, WITHOUT ROWID;

CREATE TABLE file (
    sha256 TEXT PRIMARY KEY,
    file_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    size INTEGER,
    lines INTEGER
) STRICT, WITHOUT ROWID;

-- Output files as they were when they were written; one that differs now is written again.
CREATE TABLE output (
    path TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    line BLOB NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE VIEW open_jobs AS
    SELECT claim.spec, claim.model, job.id, job.status_text AS status, job.total_requests, job.completed_requests,
           datetime(job.created_at, 'unixepoch') AS created
    FROM job JOIN claim ON claim.job_id = job.id WHERE claim.phase = 'created';

CREATE VIEW failures AS
    SELECT claim.spec, claim.model, lower(hex(result.digest)) AS request, result.outcome, result.status_code,
           result.error
    FROM result JOIN claim ON claim.id = result.claim_id WHERE result.outcome <> 'succeeded';

CREATE VIEW usage_by_spec AS
    SELECT claim.spec, claim.model, count(*) AS answers, sum(result.prompt_tokens) AS prompt_tokens,
           sum(result.completion_tokens) AS completion_tokens
    FROM result JOIN claim ON claim.id = result.claim_id GROUP BY claim.spec, claim.model;
"""

SECOND = """
-- The project id that its job bears; empty: the present one.
ALTER TABLE claim ADD COLUMN project TEXT NOT NULL DEFAULT '';
-- Whether its requests are all another claim's, or answered: its job is to be cancelled.
ALTER TABLE claim ADD COLUMN surplus INTEGER NOT NULL DEFAULT 0;
-- request.status has two more: 6 lost, 7 asked to be sent again. What it was before it was claimed; null: nothing.
ALTER TABLE request ADD COLUMN was INTEGER;
UPDATE request SET was = 4 WHERE status = 1 AND attempts > 1;
"""

THIRD = """
-- What the answers have used is summed without reading their bodies.
CREATE INDEX result_usage ON result (claim_id, outcome, prompt_tokens, completion_tokens);
"""

FOURTH = """
-- Beside the model: which edition and which sample of the requests is meant, and the variant by its values.
ALTER TABLE claim ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE claim ADD COLUMN replicate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE claim ADD COLUMN variant TEXT NOT NULL DEFAULT '';
-- A row is declared once in each form of its spec; form is empty where there is one.
ALTER TABLE declared RENAME TO declared_once;
CREATE TABLE declared (
    spec_id INTEGER NOT NULL REFERENCES spec (id),
    form TEXT NOT NULL,
    custom_id TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (spec_id, form, custom_id)
) STRICT, WITHOUT ROWID;
INSERT INTO declared SELECT spec_id, '', custom_id, body FROM declared_once;
DROP TABLE declared_once;
"""

FIFTH = """
-- Saved plans that were applied. One that was begun and not finished may be gone on with; a finished one is used up.
CREATE TABLE saved_plan (
    id TEXT PRIMARY KEY,
    begun_at REAL NOT NULL,
    finished_at REAL
) STRICT, WITHOUT ROWID;
-- The saved plan that it was made for; empty: none.
ALTER TABLE claim ADD COLUMN plan TEXT NOT NULL DEFAULT '';

-- What a spec's requests were made of when it was last applied, beside its rows: digests of its parts by name.
CREATE TABLE spec_part (
    spec_id INTEGER NOT NULL REFERENCES spec (id),
    part TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (spec_id, part)
) STRICT, WITHOUT ROWID;
"""

SIXTH = """
-- How an earlier try of a request ended, once another has replaced it; without the answer's body.
CREATE TABLE earlier (
    digest BLOB NOT NULL,
    claim_id INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status_code INTEGER,
    error TEXT,
    PRIMARY KEY (digest, claim_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER result_stays_as_earlier AFTER DELETE ON result
BEGIN
    INSERT OR REPLACE INTO earlier VALUES (OLD.digest, OLD.claim_id, OLD.outcome, OLD.status_code, OLD.error);
END;
"""

SEVENTH = """
-- Whether it asks again for what was answered already: then its answers replace the earlier ones.
ALTER TABLE claim ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
-- What a check, known by its digest, has found wrong with an answer; null: nothing. Each can be found again.
CREATE TABLE verdict (
    result_id INTEGER NOT NULL,
    check_id BLOB NOT NULL,
    problem TEXT,
    PRIMARY KEY (result_id, check_id)
) STRICT, WITHOUT ROWID;
-- An answer's number may be given again once it is gone.
CREATE TRIGGER verdict_goes_with_its_result AFTER DELETE ON result
BEGIN
    DELETE FROM verdict WHERE result_id = OLD.id;
END;
"""

EIGHTH = """
-- What came of planning a spec that had nothing to send. It holds as long as the file stands at this very count of
-- changes, and may be emptied at any time, but for the row of no spec: that makes sure that something is written.
CREATE TABLE plan_memo (
    spec TEXT PRIMARY KEY,
    file TEXT NOT NULL,
    at INTEGER NOT NULL,
    told TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO plan_memo VALUES ('', '', 0, '');
"""

NINTH = """
-- For people and for SQL: names in place of numbers, times in UTC. Nothing of the program reads them.
DROP VIEW open_jobs;
DROP VIEW failures;
DROP VIEW usage_by_spec;

CREATE VIEW jobs AS
    SELECT job.id AS job, claim.spec, claim.variant, claim.model, claim.revision, claim.replicate,
           job.status_text AS status, claim.requests, job.succeeded_requests AS succeeded,
           job.failed_requests AS failed, datetime(job.created_at, 'unixepoch') AS created,
           datetime(job.started_at, 'unixepoch') AS started, datetime(job.completed_at, 'unixepoch') AS completed,
           round((job.completed_at - job.created_at) / 60.0, 1) AS minutes, claim.attempt,
           claim.phase = 'collected' AS collected
    FROM job JOIN claim ON claim.job_id = job.id;

CREATE VIEW open_jobs AS
    SELECT job.id AS job, claim.spec, claim.variant, claim.model, job.status_text AS status,
           claim.requests, job.completed_requests AS completed,
           datetime(job.created_at, 'unixepoch') AS created
    FROM job JOIN claim ON claim.job_id = job.id WHERE claim.phase = 'created';

CREATE VIEW answers AS
    SELECT result.id AS answer, lower(hex(result.digest)) AS request, claim.spec, claim.variant, claim.model,
           claim.revision, claim.replicate, result.outcome, result.status_code,
           CASE claim.endpoint WHEN '/v1/chat/completions'
               THEN json_extract(result.body, '$.choices[0].message.content') END AS text,
           result.error, result.prompt_tokens, result.completion_tokens, claim.job_id AS job
    FROM result JOIN claim ON claim.id = result.claim_id;

CREATE VIEW failures AS
    SELECT claim.spec, claim.variant, claim.model, lower(hex(result.digest)) AS request, result.outcome,
           result.status_code, result.error, request.attempts, claim.job_id AS job
    FROM result JOIN claim ON claim.id = result.claim_id JOIN request ON request.digest = result.digest
    WHERE result.outcome <> 'succeeded';

CREATE VIEW requests_by_status AS
    SELECT claim.spec, claim.variant, claim.model,
           CASE request.status WHEN 1 THEN 'in flight' WHEN 2 THEN 'succeeded' WHEN 3 THEN 'failed'
               WHEN 4 THEN 'failed, to be retried' WHEN 5 THEN 'held' WHEN 6 THEN 'lost' WHEN 7 THEN 'asked again'
               END AS status,
           count(*) AS requests
    FROM request JOIN claim ON claim.id = request.claim_id
    GROUP BY claim.spec, claim.variant, claim.model, request.status;

CREATE VIEW usage_by_spec AS
    SELECT claim.spec, claim.variant, claim.model, count(*) AS answers, sum(result.prompt_tokens) AS prompt_tokens,
           sum(result.completion_tokens) AS completion_tokens, count(DISTINCT claim.job_id) AS jobs
    FROM result JOIN claim ON claim.id = result.claim_id GROUP BY claim.spec, claim.variant, claim.model;
"""

STEPS: tuple[str, ...] = (FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH)
VERSION = len(STEPS)
"""The version of the state that this program reads and writes, kept in `PRAGMA user_version`."""
