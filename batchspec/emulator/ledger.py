"""How often every request line was executed: the oracle for "nothing was paid for twice".

Read from the emulator's database, also by another process while the server runs, and after a kill.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchspec.emulator.database import DATABASE_NAME

_BUSY_SECONDS = 30

_EXECUTIONS = """
SELECT jobs.id, jobs.endpoint, coalesce(jobs.model, jobs.agent_id, ''), executions.body,
       count(*), sum(executions.succeeded)
FROM executions JOIN jobs ON jobs.seq = executions.job
GROUP BY executions.job, executions.body ORDER BY executions.job, executions.body
"""
_SUMMARY = """
WITH requests AS (
    SELECT count(*) AS times, sum(executions.succeeded) AS successes
    FROM executions JOIN jobs ON jobs.seq = executions.job
    GROUP BY jobs.endpoint, coalesce(jobs.model, jobs.agent_id, ''), executions.body
)
SELECT (SELECT count(*) FROM executions), (SELECT count(*) FROM executions WHERE succeeded),
       (SELECT count(*) FROM requests), (SELECT count(*) FROM requests WHERE times > 1),
       (SELECT count(*) FROM requests WHERE successes > 1),
       (SELECT count(*) FROM jobs), (SELECT count(*) FROM files WHERE source = 'upload')
"""

Rows = Callable[[str], Iterable[Iterable[Any]]]


@dataclass(frozen=True, slots=True)
class Execution:
    """How often a job executed one body: `body` is the SHA-256 of the canonical body, as `core.canonical` makes it.

    `count` counts every execution, `succeeded` those that gave a result. `model` is the agent where there is no model.
    """

    job: str
    endpoint: str
    model: str
    body: bytes
    count: int
    succeeded: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The ledger in numbers. A request is (endpoint, model, body); what was deleted since is counted too.

    `executions` and `succeeded` count lines, `distinct` requests, `repeated` those executed more than once, and
    `repeated_successes` those that succeeded more than once: paid for twice.
    """

    executions: int
    succeeded: int
    distinct: int
    repeated: int
    repeated_successes: int
    jobs: int
    uploads: int


def executions(data: Path) -> list[Execution]:
    """Return the ledger of a data folder, by job and body; empty where no emulator was ever started in it."""
    if not (data / DATABASE_NAME).exists():
        return []
    with closing(_open(data)) as connection:
        return [Execution(*row) for row in connection.execute(_EXECUTIONS)]


def summary(data: Path) -> Summary:
    """Return the ledger of a data folder in numbers; all 0 where no emulator was ever started in it."""
    if not (data / DATABASE_NAME).exists():
        return Summary(0, 0, 0, 0, 0, 0, 0)
    with closing(_open(data)) as connection:
        return summarise(connection.execute)


def summarise(rows: Rows) -> Summary:
    """Return the ledger in numbers, by means of `rows`, which runs a query."""
    return next(Summary(*row) for row in rows(_SUMMARY))


def _open(data: Path) -> sqlite3.Connection:
    path = data / DATABASE_NAME
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS)
    connection.execute("PRAGMA query_only=ON")
    return connection
