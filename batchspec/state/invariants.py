"""What must hold of a state: of its file, and of what the ledger has written into it. Finds, mends nothing."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sqlite_utils import Database

from batchspec.core.errors import StateError
from batchspec.core.inspection import Severity, StateProblem
from batchspec.core.ledger import Phase, RequestStatus
from batchspec.state.database import state_error, version_of
from batchspec.state.migrations import VERSION
from batchspec.state.tables import OPEN

_MOST_TOLD = 20
_REBUILD = "put a copy of the state back, or run `batchspec state rebuild`; move nothing away before that"
_OPEN = ", ".join(map(repr, OPEN))
_IN_FLIGHT = f"{_OPEN}, '{Phase.CREATED.value}'"
_WITH_JOB = f"'{Phase.CREATED.value}', '{Phase.COLLECTED.value}'"


class _Invariant(NamedTuple):
    """What must never be found: its name, what it means, and a query for those of which it is true."""

    kind: str
    meaning: str
    sql: str


_INVARIANTS = (
    _Invariant(
        "claimed-without-claim",
        "a request counts as in flight, and its claim is not",
        f"SELECT lower(hex(digest)) FROM request WHERE status = {RequestStatus.CLAIMED:d} AND NOT EXISTS"
        f" (SELECT 1 FROM claim WHERE claim.id = request.claim_id AND claim.phase IN ({_IN_FLIGHT}))",
    ),
    _Invariant(
        "request-without-claim",
        "a request belongs to a claim that is not there",
        "SELECT lower(hex(digest)) FROM request WHERE claim_id NOT IN (SELECT id FROM claim)",
    ),
    _Invariant(
        "request-is-odd",
        "a request's digest is not of 16 bytes, or it was never tried",
        "SELECT lower(hex(digest)) FROM request WHERE length(digest) <> 16 OR attempts < 1 OR status < 1",
    ),
    _Invariant(
        "answer-missing",
        "a request counts as answered, and its answer is not there",
        f"SELECT lower(hex(digest)) FROM request WHERE status IN ({RequestStatus.SUCCEEDED:d},"
        f" {RequestStatus.FAILED:d}) AND NOT EXISTS (SELECT 1 FROM result WHERE result.id = request.result_id)",
    ),
    _Invariant(
        "answer-differs",
        "a request's status is not that of its answer",
        "SELECT lower(hex(request.digest)) FROM request JOIN result ON result.id = request.result_id"
        f" WHERE (request.status = {RequestStatus.SUCCEEDED:d} AND result.outcome <> 'succeeded')"
        f" OR (request.status IN ({RequestStatus.FAILED:d}, {RequestStatus.FAILED_PASSING:d}, {RequestStatus.HELD:d})"
        " AND result.outcome = 'succeeded')",
    ),
    _Invariant(
        "answer-of-another",
        "an answer stands with a request that it is not the answer to",
        "SELECT lower(hex(request.digest)) FROM request JOIN result ON result.id = request.result_id"
        " WHERE result.digest <> request.digest",
    ),
    _Invariant(
        "answer-without-request",
        "an answer belongs to no request",
        "SELECT result.id FROM result WHERE NOT EXISTS"
        " (SELECT 1 FROM request WHERE request.digest = result.digest AND request.result_id = result.id)",
    ),
    _Invariant(
        "lines-do-not-add-up",
        "a claim in flight does not know every one of its requests",
        f"SELECT id FROM claim WHERE phase IN ({_IN_FLIGHT})"
        " AND requests <> (SELECT count(*) FROM claim_line WHERE claim_line.claim_id = claim.id)",
    ),
    _Invariant(
        "lines-left-over",
        "a claim that has ended still holds lines",
        f"SELECT id FROM claim WHERE phase NOT IN ({_IN_FLIGHT})"
        " AND EXISTS (SELECT 1 FROM claim_line WHERE claim_line.claim_id = claim.id)",
    ),
    _Invariant(
        "line-claimed-by-nobody",
        "a line of a claim in flight stands for a request that is not known",
        "SELECT DISTINCT claim_id FROM claim_line WHERE digest NOT IN (SELECT digest FROM request)",
    ),
    _Invariant(
        "job-missing",
        "a claim is past the creation of its job, and the job is not there",
        f"SELECT id FROM claim WHERE phase IN ({_WITH_JOB}) AND NOT EXISTS"
        " (SELECT 1 FROM job WHERE job.id = claim.job_id AND job.claim_id = claim.id)",
    ),
    _Invariant(
        "job-without-claim",
        "a job belongs to no claim",
        "SELECT id FROM job WHERE NOT EXISTS (SELECT 1 FROM claim WHERE claim.job_id = job.id)",
    ),
    _Invariant(
        "phase-without-time",
        "a claim's phase and its times do not agree",
        "SELECT id FROM claim WHERE (phase = 'sending' AND sending_at IS NULL)"
        " OR (phase = 'released') <> (released_at IS NOT NULL) OR (phase = 'collected') <> (collected_at IS NOT NULL)"
        f" OR (phase IN ({_OPEN}) AND job_id IS NOT NULL)",
    ),
    _Invariant(
        "quarantine-without-job",
        "a result line in quarantine is of no job that is known",
        "SELECT id FROM quarantine WHERE job_id NOT IN (SELECT id FROM job)",
    ),
    _Invariant(
        "project-missing",
        "the state does not say whose it is",
        "SELECT 'project_id' WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'project_id')",
    ),
)


def damage(error: StateError) -> StateProblem:
    """Return the problem that stands for a file which cannot be read."""
    return StateProblem(severity=Severity.ERROR, kind="unreadable", summary=error.summary, hint=error.hint or _REBUILD)


def damage_of(problems: Iterable[StateProblem]) -> str | None:
    """Return what keeps a file from being read as a whole, if anything does; what it says may still be wrong."""
    return next((problem.summary for problem in problems if problem.kind in {"damaged", "unreadable"}), None)


def file_problems(path: Path, database: Database) -> Iterator[StateProblem]:
    """Yield what is wrong with the file: who may read it, what lies beside it, its version, its pages."""
    yield from _mode(path)
    yield from _beside(path, database)
    version = version_of(database, path)
    if version < VERSION:
        yield StateProblem(
            severity=Severity.NOTICE,
            kind="older-version",
            summary=f"the state is of version {version}; this batchspec takes it to {VERSION} when it next writes",
            hint="nothing is to be done; an older batchspec cannot read it any more after that",
        )
    try:
        for (text,) in database.execute(f"PRAGMA integrity_check({_MOST_TOLD})"):
            if text != "ok":
                yield StateProblem(
                    severity=Severity.ERROR, kind="damaged", summary=f"SQLite finds: {text}", hint=_REBUILD
                )
        for table, _, parent, _ in database.execute("PRAGMA foreign_key_check").fetchmany(_MOST_TOLD):
            summary = f"a row of {table} belongs to a row of {parent} that is not there"
            yield StateProblem(severity=Severity.ERROR, kind="reference-broken", summary=summary, hint=_REBUILD)
    except sqlite3.DatabaseError as error:
        yield damage(state_error(error, database))


def _mode(path: Path) -> Iterator[StateProblem]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield StateProblem(
            severity=Severity.ERROR,
            kind="readable-by-others",
            summary=f"other users may read or write the state: its mode is {mode:04o}",
            hint=f"chmod 600 {path}",
        )


def _beside(path: Path, database: Database) -> Iterator[StateProblem]:
    (journal,) = database.execute("PRAGMA journal_mode").fetchone()
    if journal == "wal" or path.with_name(path.name + "-wal").exists():
        yield StateProblem(
            severity=Severity.ERROR,
            kind="write-ahead-log",
            summary="another program has put the state into WAL mode: a copy of the one file would not be whole",
            hint=f"close that program and run any batchspec command that writes; keep {path.name}-wal beside the"
            " file until then",
        )


def ledger_problems(database: Database) -> Iterator[StateProblem]:
    """Yield each invariant of the ledger that does not hold. Raises StateError for a file that cannot be read."""
    connection = database.conn
    try:
        # One picture for all of them: an apply may run meanwhile.
        connection.execute("BEGIN")
        try:
            for kind, meaning, sql in _INVARIANTS:
                found = [str(row[0]) for row in connection.execute(f"{sql} LIMIT {_MOST_TOLD + 1}")]
                if found:
                    yield _broken(kind, meaning, found)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        raise state_error(error, database) from None


def _broken(kind: str, meaning: str, found: list[str]) -> StateProblem:
    more = len(found) > _MOST_TOLD
    shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
    count = f"more than {_MOST_TOLD}" if more else str(len(found))
    return StateProblem(severity=Severity.ERROR, kind=kind, summary=f"{meaning} ({count}: {shown})", hint=_REBUILD)
