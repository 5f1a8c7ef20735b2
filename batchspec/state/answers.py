"""Requests and their answers: what is known, what came back, and what fits nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from batchspec.core.ledger import Recorded, RecordedResult, RequestStatus, Standing
from batchspec.core.model import RequestDigest, Usage
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.state.database import transaction
from batchspec.state.plan_memos import PlanMemos
from batchspec.state.tables import BULK, CHUNK, OPEN, chunks, marks

# Plain numbers and plain text: a database takes other kinds of them many times more slowly.
_STATUS_OF = {
    OutcomeKind.SUCCEEDED: int(RequestStatus.SUCCEEDED),
    OutcomeKind.FAILED: int(RequestStatus.FAILED),
    OutcomeKind.FAILED_PASSING: int(RequestStatus.FAILED_PASSING),
    OutcomeKind.HELD: int(RequestStatus.HELD),
    OutcomeKind.LOST: int(RequestStatus.LOST),
}
_OUTCOMES = {kind: kind.value for kind in OutcomeKind} | {OutcomeKind.FAILED_PASSING: OutcomeKind.FAILED.value}

_ANYTHING = "SELECT 1 FROM request LIMIT 1"
_WITHOUT_SUCCESS = frozenset(RequestStatus) - {RequestStatus.CLAIMED, RequestStatus.SUCCEEDED}


class _Kinds(dict[tuple[int, int, int], Recorded]):
    """What is known of requests, by status, attempts and claim: it is of a few kinds, each of which is made once."""

    def __init__(self, unsettled: Collection[int]) -> None:
        self._unsettled = unsettled

    def __missing__(self, kind: tuple[int, int, int]) -> Recorded:
        status, attempts, claim_id = kind
        sending = status == RequestStatus.CLAIMED and claim_id in self._unsettled
        recorded = self[kind] = Recorded(RequestStatus(status), attempts, sending)
        return recorded


class Answers(PlanMemos):
    """The requests of a ledger."""

    def recorded(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, Recorded]:
        """Return what is known of these requests; those that are not known are left out."""
        found: dict[RequestDigest, Recorded] = {}
        if self._row(_ANYTHING) is None:
            return found
        kinds = _Kinds(self._unsettled())
        for chunk in chunks(digests, CHUNK):
            sql = f"SELECT digest, status, attempts, claim_id FROM request WHERE digest IN ({marks(chunk)})"
            for digest, status, attempts, claim_id in self._all(sql, chunk):
                found[digest] = kinds[status, attempts, claim_id]
        return found

    def standings(
        self, digests: Sequence[RequestDigest], check: bytes | None, *, judged_too: bool = True
    ) -> Mapping[RequestDigest, Standing]:
        """Return all that is known of these requests at once, with verdicts by one check; others are left out.

        Answers that this check has judged come with their bodies where `judged_too` is set.
        """
        found: dict[RequestDigest, Standing] = {}
        if self._row(_ANYTHING) is None:
            return found
        kinds = _Kinds(self._unsettled())
        body = "result.body" if judged_too else "CASE WHEN verdict.result_id IS NULL THEN result.body END"
        for chunk in chunks(digests, CHUNK):
            sql = (
                "SELECT request.digest, request.status, request.attempts, request.claim_id, request.result_id,"
                f" verdict.result_id, verdict.problem, result.outcome, result.status_code, CAST({body} AS BLOB),"
                " result.error, claim.model, claim.job_id FROM request"
                " LEFT JOIN result ON result.id = request.result_id"
                " LEFT JOIN claim ON claim.id = result.claim_id"
                " LEFT JOIN verdict ON verdict.result_id = request.result_id AND verdict.check_id = ?"
                f" WHERE request.digest IN ({marks(chunk)})"
            )
            for digest, status, attempts, claim_id, number, judged, problem, *told in self._all(sql, [check, *chunk]):
                result = None if told[0] is None else RecordedResult._make(told)
                recorded = kinds[status, attempts, claim_id]
                found[digest] = Standing(recorded, result, number, judged is not None, problem)
        return found

    def _unsettled(self) -> set[int]:
        """Return the claims that have no job on record yet."""
        return {row[0] for row in self._rows(f"SELECT id FROM claim WHERE phase IN {OPEN}")}

    def results(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, RecordedResult]:
        """Return the latest answers to these requests."""
        found: dict[RequestDigest, RecordedResult] = {}
        for chunk in chunks(digests, CHUNK):
            sql = (
                "SELECT request.digest, result.outcome, result.status_code, CAST(result.body AS BLOB), result.error,"
                " claim.model, claim.job_id FROM request JOIN result ON result.id = request.result_id"
                f" JOIN claim ON claim.id = result.claim_id WHERE request.digest IN ({marks(chunk)})"
            )
            for row in self._all(sql, chunk):
                found[RequestDigest(row[0])] = RecordedResult._make(row[1:])
        return found

    def succeeded(self, claims: Sequence[int]) -> int:
        """Return how many requests that these claims hold have succeeded."""
        row = self._row(
            f"SELECT count(*) FROM request WHERE status = {int(RequestStatus.SUCCEEDED)}"
            f" AND claim_id IN ({marks(claims)})",
            claims,
        )
        return int(row[0]) if row else 0

    def successes(self, claims: Sequence[int]) -> Iterator[Sequence[tuple[int, bytes]]]:
        """Yield the bodies of these claims' successes with the answers' numbers, many at once."""
        row = self._row(f"SELECT min(id) - 1 FROM result WHERE claim_id IN ({marks(claims)})", claims)
        # By number, so that the table is read once: an index of claims would have it sorted for every part.
        sql = (
            "SELECT id, CAST(body AS BLOB) FROM result WHERE id > ? AND outcome = 'succeeded'"
            f" AND +claim_id IN ({marks(claims)}) ORDER BY id LIMIT {CHUNK}"
        )
        after = None if row is None else row[0]
        while after is not None and (found := self._all(sql, [after, *claims])):
            yield [(number, body) for number, body in found]
            after = found[-1][0]

    def take_in(self, claim_id: int, outcomes: Iterable[tuple[RequestDigest, Outcome]]) -> None:
        """Record answers to a claim's requests, and successes for requests that others have left without one."""
        with self._answering():
            for chunk in chunks(outcomes, BULK):
                self._take_in_chunk(claim_id, dict(chunk))

    def ask_again(self, digests: Sequence[RequestDigest], statuses: frozenset[RequestStatus]) -> int:
        """Mark those of these requests that have one of the statuses to be sent again; return how many."""
        if not digests:
            # A transaction, even an empty one, lets go what is remembered of plans.
            return 0
        of_these = ", ".join(str(int(status)) for status in statuses)
        with transaction(self._database):
            return self._database.conn.executemany(
                f"UPDATE request SET status = {int(RequestStatus.ASKED)} WHERE digest = ? AND status IN ({of_these})",
                [(digest,) for digest in sorted(set(digests))],
            ).rowcount

    def _take_in_chunk(self, claim_id: int, outcomes: dict[RequestDigest, Outcome]) -> None:
        connection = self._database.conn
        connection.execute("SAVEPOINT awaited")
        if self._record(claim_id, outcomes, f"claim_id = {claim_id:d} AND status = 1 AND result_id IS NULL"):
            connection.execute("RELEASE awaited")
            return
        # Not all of them were simply awaited.
        connection.execute("ROLLBACK TO awaited")
        connection.execute("RELEASE awaited")
        waiting = {
            digest: result_id
            for digest, result_id, holder, status in self._standings(outcomes)
            if (holder == claim_id and status == RequestStatus.CLAIMED)
            or (status in _WITHOUT_SUCCESS and outcomes[digest].kind is OutcomeKind.SUCCEEDED)
        }
        if not waiting:
            return
        standing = self._leave_standing(waiting, outcomes)
        replaced = [(old,) for digest, old in waiting.items() if old and digest not in standing]
        connection.executemany("DELETE FROM result WHERE id = ?", replaced)
        fresh = waiting.keys() - standing
        self._record(claim_id, {digest: outcomes[digest] for digest in outcomes if digest in fresh}, "TRUE")

    def _record(self, claim_id: int, outcomes: Mapping[RequestDigest, Outcome], where: str) -> bool:
        """Record answers to requests that are as `where` says; return False as soon as one is not."""
        connection = self._database.conn
        next_id = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM result").fetchone()[0]
        numbered = list(enumerate(outcomes.items(), next_id))
        statuses = [(digest, _STATUS_OF[outcome.kind], at) for at, (digest, outcome) in numbered]
        # In the order of the key, so that the tree's pages are changed one after the other.
        changed = connection.executemany(
            f"UPDATE request SET status = ?2, result_id = ?3, claim_id = {claim_id:d}, was = NULL"
            f" WHERE digest = ?1 AND {where}",
            sorted(statuses),
        ).rowcount
        if changed != len(outcomes):
            return False
        connection.executemany(
            f"INSERT INTO result VALUES (?, ?, {claim_id:d}, ?, ?, ?, ?, ?, ?)",
            (
                (
                    at,
                    digest,
                    _OUTCOMES[kind],
                    code,
                    None if body is None else body.decode("utf-8"),
                    error,
                    *_tokens(usage),
                )
                for at, (digest, (kind, code, body, error, usage)) in numbered
            ),
        )
        return True

    def _standings(self, digests: Iterable[RequestDigest]) -> Iterator[tuple[Any, ...]]:
        for chunk in chunks(sorted(digests), CHUNK):
            sql = f"SELECT digest, result_id, claim_id, status FROM request WHERE digest IN ({marks(chunk)})"
            yield from self._all(sql, chunk)

    def _leave_standing(
        self, waiting: Mapping[RequestDigest, int | None], outcomes: Mapping[RequestDigest, Outcome]
    ) -> set[RequestDigest]:
        """Let earlier answers stand where asking again has brought none; return the requests that this is of."""
        without = [
            digest for digest, old in waiting.items() if old and outcomes[digest].kind is not OutcomeKind.SUCCEEDED
        ]
        answered = {
            RequestDigest(digest)
            for chunk in chunks(without, CHUNK)
            for (digest,) in self._rows(
                "SELECT request.digest FROM request JOIN result ON result.id = request.result_id"
                f" WHERE result.outcome = 'succeeded' AND request.digest IN ({marks(chunk)})",
                chunk,
            )
        }
        self._database.conn.executemany(
            f"UPDATE request SET status = {int(RequestStatus.SUCCEEDED)}, was = NULL,"
            " claim_id = (SELECT claim_id FROM result WHERE id = request.result_id) WHERE digest = ?",
            [(digest,) for digest in answered],
        )
        return answered

    def save_verdicts(self, check: bytes, verdicts: Mapping[int, str | None]) -> None:
        """Remember what was found wrong with answers, by their numbers: what anybody would find."""
        with self._aside():
            self._database.conn.executemany(
                "INSERT OR REPLACE INTO verdict VALUES (?, ?, ?)",
                [(number, check, problem) for number, problem in sorted(verdicts.items())],
            )


def _tokens(usage: Usage | None) -> tuple[int | None, int | None]:
    return (None, None) if usage is None else usage[:2]
