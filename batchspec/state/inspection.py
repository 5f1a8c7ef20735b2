"""Looks at a state without changing it: claims, requests, answers and what was declared, of any version up to this one.

What is wrong with a state is found in `state.invariants`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from batchspec.core.errors import StateError
from batchspec.core.inspection import (
    AnswerStory,
    ClaimStory,
    DeclaredSpec,
    EarlierTry,
    QuarantinedLine,
    RequestEntry,
    StateFacts,
    StateProblem,
)
from batchspec.core.ledger import Claim, Phase, RequestStatus
from batchspec.core.model import BatchJob, BatchJobStatus, BodyDigest, RequestDigest, Target
from batchspec.state.database import open_to_look, version_of
from batchspec.state.declarations import read_targets
from batchspec.state.invariants import damage, file_problems, ledger_problems
from batchspec.state.tables import CHUNK, OPEN, Tables, chunks, marks

_CLAIM = "id, shard, attempt, spec, endpoint, model, requests, phase, claimed_at, sending_at, job_id"
_MORE = "file_ids, released_at, release_reason, collected_at"
_JOB = (
    "id, status, status_text, endpoint, model, agent_id, input_files, output_file, error_file, errors, created_at,"
    " started_at, completed_at, total_requests, completed_requests, succeeded_requests, failed_requests"
)
_DELETED = "files_deleted_at, deleted_at"
_COUNTED = ("claim", "job", "request", "result", "quarantine")
_REQUEST = "SELECT digest, status, attempts, claim_id FROM request"
_DIGEST_DIGITS = 32
_WITH_VARIANTS = 4
"""The version of the state from which a claim tells its revision, replicate and variant."""
_WITH_EARLIER = 6
"""That from which it is kept how earlier tries have ended."""


class Inspection(Tables):
    """A state opened to be looked at. Fills `core.inspection.Inspector`."""

    def __init__(self, path: Path) -> None:
        """Open the state at `path`. Raises StateError."""
        super().__init__(open_to_look(path))
        self._path = path
        version = version_of(self._database, path)
        self._knows_variants = version >= _WITH_VARIANTS
        self._knows_earlier = version >= _WITH_EARLIER

    def __enter__(self) -> Inspection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def provider(self) -> str | None:
        """The provider that this state belongs to; None before it was first used, and where that cannot be read."""
        try:
            row = self._row("SELECT value FROM meta WHERE key = 'provider'")
        except StateError:
            return None
        return None if row is None else str(row[0])

    def facts(self) -> StateFacts:
        """Return what this state is."""
        told = {str(key): str(value) for key, value in self._rows("SELECT key, value FROM meta")}
        return StateFacts(
            version=version_of(self._database, self._path),
            project_id=told.get("project_id"),
            provider=told.get("provider"),
            rows={name: sum(count for (count,) in self._rows(f"SELECT count(*) FROM {name}")) for name in _COUNTED},
        )

    def claims(
        self, *, spec: str | None = None, only_open: bool = False, ids: Sequence[int] | None = None
    ) -> Sequence[ClaimStory]:
        """Return the claims that fit, oldest first; open are those whose end is not recorded."""
        conditions, values = ["1"], list[object]()
        if spec is not None:
            conditions.append("claim.spec = ?")
            values.append(spec)
        if only_open:
            conditions.append(f"claim.phase IN ('{Phase.CREATED.value}', {', '.join(map(repr, OPEN))})")
        if ids is not None:
            conditions.append(f"claim.id IN ({marks(ids)})")
            values.extend(ids)
        return self._stories(" AND ".join(conditions), values)

    def claims_named(self, name: str) -> Sequence[ClaimStory]:
        """Return the claim of a job, or all of the shards whose digest begins so, oldest first."""
        return self._stories("claim.job_id = ?", [name]) or self._stories(
            "substr(claim.shard, 1, ?) = ?", [len(name), name]
        )

    def _stories(self, condition: str, values: Sequence[object]) -> Sequence[ClaimStory]:
        variant = "claim.revision, claim.replicate, claim.variant" if self._knows_variants else "0, 0, ''"
        columns = [f"claim.{name}" for name in f"{_CLAIM}, {_MORE}".split(", ")] + [variant]
        columns += [f"job.{name}" for name in f"{_JOB}, {_DELETED}".split(", ")]
        sql = (
            f"SELECT {', '.join(columns)} FROM claim LEFT JOIN job ON job.id = claim.job_id"
            f" WHERE {condition} ORDER BY claim.id"
        )
        try:
            return [_story(row) for row in self._rows(sql, values)]
        except (ValueError, TypeError) as error:
            raise StateError(
                f"the state {self._path} is damaged: a claim cannot be read ({error})",
                hint="`batchspec state check` says more; put a copy back, or run `batchspec state rebuild`",
            ) from None

    def request_counts(self, claim_id: int) -> Mapping[int, int]:
        """Return how many requests belong to a claim, by their status."""
        sql = "SELECT status, count(*) FROM request WHERE claim_id = ? GROUP BY status ORDER BY status"
        return {int(status): int(count) for status, count in self._rows(sql, [claim_id])}

    def sent_to(self, model: str) -> int:
        """Return how many requests are answered by a model, or in flight there, under just this name."""
        sql = (
            "SELECT count(*) FROM claim JOIN request ON request.claim_id = claim.id"
            " WHERE claim.model = ? AND request.status IN (?, ?)"
        )
        row = self._row(sql, [model, RequestStatus.CLAIMED, RequestStatus.SUCCEEDED])
        return 0 if row is None else int(row[0])

    def requests_named(self, prefix: str, most: int) -> Sequence[RequestEntry]:
        """Return the requests whose digest in hexadecimal begins so, at most so many."""
        if len(prefix) > _DIGEST_DIGITS:
            return []
        ends = [bytes.fromhex(prefix.ljust(_DIGEST_DIGITS, digit)) for digit in "0f"]
        return [_entry(row) for row in self._rows(f"{_REQUEST} WHERE digest BETWEEN ? AND ? LIMIT ?", [*ends, most])]

    def requests(self, digests: Sequence[RequestDigest]) -> Sequence[RequestEntry]:
        """Return these requests, without those that are not known."""
        found: list[RequestEntry] = []
        for chunk in chunks(digests, CHUNK):
            found += map(_entry, self._rows(f"{_REQUEST} WHERE digest IN ({marks(chunk)})", chunk))
        return found

    def answer(self, digest: RequestDigest) -> AnswerStory | None:
        """Return a request's latest answer."""
        row = self._row(
            "SELECT result.claim_id, outcome, status_code, error, prompt_tokens, completion_tokens,"
            " CAST(body AS BLOB) FROM request JOIN result ON result.id = request.result_id WHERE request.digest = ?",
            [digest],
        )
        return None if row is None else AnswerStory(*row)

    def earlier(self, digest: RequestDigest) -> Sequence[EarlierTry]:
        """Return how the tries of a request ended that others have replaced, the oldest claim's first."""
        if not self._knows_earlier:
            return []
        sql = "SELECT claim_id, outcome, status_code, error FROM earlier WHERE digest = ? ORDER BY claim_id"
        return [EarlierTry(*row) for row in self._rows(sql, [digest])]

    def quarantined(self, job_id: str) -> Sequence[QuarantinedLine]:
        """Return the lines of a job's results that fitted no request."""
        sql = "SELECT reason, line, at FROM quarantine WHERE job_id = ? ORDER BY id"
        return [QuarantinedLine(*row) for row in self._rows(sql, [job_id])]

    def specs(self) -> Sequence[DeclaredSpec]:
        """Return the specs that were applied or claimed for."""
        ways: dict[str, dict[tuple[str, Target], None]] = {}
        endpoints: dict[str, None] = {}
        for spec, endpoint, *target in self._rows(f"SELECT DISTINCT spec, endpoint, {self._target} FROM claim"):
            ways.setdefault(spec, {})[endpoint, Target(*target)] = None
            endpoints[endpoint] = None
        for spec, models in self._rows("SELECT name, models FROM spec"):
            # A spec of which every request was sent by another one has no claims: any endpoint may be its own.
            own = {endpoint: None for endpoint, _ in ways.get(spec, {})} or endpoints
            told = ways.setdefault(spec, {})
            told.update(((endpoint, target), None) for endpoint in own for target in read_targets(models))
        return [DeclaredSpec(name, tuple(told)) for name, told in sorted(ways.items())]

    @property
    def _target(self) -> str:
        """What reads a claim's target: before version 4 of the state there were models alone."""
        return "model, revision, replicate" if self._knows_variants else "model, 0, 0"

    def bodies(self, spec: str, custom_id: str | None = None) -> Iterator[tuple[str, BodyDigest]]:
        """Yield the rows that a spec declared last, or the one row of this custom_id."""
        sql = "SELECT custom_id, body FROM declared WHERE spec_id = (SELECT id FROM spec WHERE name = ?)"
        narrowed = "" if custom_id is None else " AND custom_id = ?"
        values = [spec] if custom_id is None else [spec, custom_id]
        for name, body in self._rows(sql + narrowed, values):
            yield str(name), BodyDigest(body)

    def lines_of(self, spec: str, custom_id: str) -> Sequence[RequestDigest]:
        """Return the requests in flight under this custom_id."""
        sql = (
            "SELECT DISTINCT claim_line.digest FROM claim_line JOIN claim ON claim.id = claim_line.claim_id"
            " WHERE claim.spec = ? AND claim_line.custom_id = ?"
        )
        return [RequestDigest(digest) for (digest,) in self._rows(sql, [spec, custom_id])]

    def file_ids(self) -> frozenset[str]:
        """Return the ids of all files at the provider that jobs and uploads are recorded with, gone ones included."""
        listed = "SELECT file_ids FROM claim WHERE file_ids IS NOT NULL UNION ALL SELECT input_files FROM job"
        single = "SELECT output_file FROM job UNION SELECT error_file FROM job UNION SELECT file_id FROM file"
        found = {str(file) for (told,) in self._rows(listed) for file in json.loads(told)}
        return frozenset(found.union(str(file) for (file,) in self._rows(single) if file))

    def problems(self) -> Iterator[StateProblem]:
        """Yield what is wrong with the file and what is in it, a damaged file as a problem of its own."""
        yield from file_problems(self._path, self._database)
        try:
            yield from ledger_problems(self._database)
        except StateError as error:
            yield damage(error)


def _story(row: Sequence[Any]) -> ClaimStory:
    names = [*_CLAIM.split(", "), *_MORE.split(", "), "revision", "replicate", "variant"]
    told = dict(zip(names, row[: len(names)], strict=True))
    more = {name: told.pop(name) for name in _MORE.split(", ")}
    *job, files_deleted_at, deleted_at = row[len(names) :]
    return ClaimStory(
        claim=Claim(**told | {"phase": Phase(told["phase"])}),
        files=tuple(json.loads(more.pop("file_ids") or "[]")),
        **more,
        job=None if job[0] is None else _job(job),
        files_deleted_at=files_deleted_at,
        deleted_at=deleted_at,
    )


def _job(row: Sequence[Any]) -> BatchJob:
    fields = dict(zip(_JOB.split(", "), row, strict=True))
    fields["status"] = BatchJobStatus(fields["status"])
    fields["input_files"] = tuple(json.loads(fields["input_files"]))
    fields["errors"] = tuple(json.loads(fields["errors"]))
    return BatchJob(**fields)


def _entry(row: Sequence[Any]) -> RequestEntry:
    return RequestEntry(RequestDigest(row[0]), *row[1:])
