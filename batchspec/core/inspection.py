"""What a state tells of itself: the stories of its claims and requests, and what is wrong with it. Values, no storage.

The port by which commands look at a state is here too. Looking changes nothing, not even an older version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from batchspec.core.ledger import Claim, RequestStatus
from batchspec.core.model import BatchJob, BodyDigest, RequestDigest, Target


def status_word(number: int) -> str:
    """Return the word for a request's stored status; one of a later version stays a number."""
    known = {int(status): status.name.lower() for status in RequestStatus}
    return known.get(number, f"status {number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimStory:
    """A claim with all that is recorded of it and of its job. Times are Unix seconds."""

    claim: Claim
    files: tuple[str, ...] = ()
    released_at: float | None = None
    release_reason: str | None = None
    collected_at: float | None = None
    job: BatchJob | None = None
    files_deleted_at: float | None = None
    deleted_at: float | None = None


class AnswerStory(NamedTuple):
    """A request's latest answer: `body` is JSON text, `claim_id` the claim whose job gave it."""

    claim_id: int
    outcome: str
    status_code: int | None
    error: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    body: bytes | None


class EarlierTry(NamedTuple):
    """How a try of a request ended that another has replaced."""

    claim_id: int
    outcome: str
    status_code: int | None
    error: str | None


class RequestEntry(NamedTuple):
    """A request as it is stored: `status` is a number of `core.ledger.RequestStatus`, or of a later version."""

    digest: RequestDigest
    status: int
    attempts: int
    claim_id: int


class QuarantinedLine(NamedTuple):
    """A result line that fitted no request."""

    reason: str
    line: bytes
    at: float


class DeclaredSpec(NamedTuple):
    """A spec as it was last applied; `ways` are the (endpoint, target) that it may have been sent to."""

    name: str
    ways: tuple[tuple[str, Target], ...]


class Severity(StrEnum):
    """Whether something must be mended, or is only worth knowing."""

    ERROR = "error"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateProblem:
    """Something that a check has found: `kind` is a stable name for programs, `hint` says what to do."""

    severity: Severity
    kind: str
    summary: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFacts:
    """What a state is: its version, whose it is, and how much it holds by table."""

    version: int
    project_id: str | None
    provider: str | None
    rows: Mapping[str, int] = field(default_factory=dict)


class Inspector(Protocol):
    """Looks at a state. Every method raises StateError where the file cannot be read."""

    def facts(self) -> StateFacts:
        """Return what this state is."""
        ...

    def claims(
        self, *, spec: str | None = None, only_open: bool = False, ids: Sequence[int] | None = None
    ) -> Sequence[ClaimStory]:
        """Return the claims that fit, oldest first; open are those whose end is not recorded."""
        ...

    def claims_named(self, name: str) -> Sequence[ClaimStory]:
        """Return the claim of a job, or all of the shards whose digest begins so, oldest first."""
        ...

    def request_counts(self, claim_id: int) -> Mapping[int, int]:
        """Return how many requests belong to a claim, by their status."""
        ...

    def sent_to(self, model: str) -> int:
        """Return how many requests are answered by a model, or in flight there, under just this name."""
        ...

    def requests_named(self, prefix: str, most: int) -> Sequence[RequestEntry]:
        """Return the requests whose digest in hexadecimal begins so, at most so many."""
        ...

    def requests(self, digests: Sequence[RequestDigest]) -> Sequence[RequestEntry]:
        """Return these requests, without those that are not known."""
        ...

    def answer(self, digest: RequestDigest) -> AnswerStory | None:
        """Return a request's latest answer."""
        ...

    def earlier(self, digest: RequestDigest) -> Sequence[EarlierTry]:
        """Return how the tries of a request ended that others have replaced, the oldest claim's first."""
        ...

    def quarantined(self, job_id: str) -> Sequence[QuarantinedLine]:
        """Return the lines of a job's results that fitted no request."""
        ...

    def specs(self) -> Sequence[DeclaredSpec]:
        """Return the specs that were applied or claimed for."""
        ...

    def bodies(self, spec: str, custom_id: str | None = None) -> Iterator[tuple[str, BodyDigest]]:
        """Yield the rows that a spec declared last, or the one row of this custom_id."""
        ...

    def lines_of(self, spec: str, custom_id: str) -> Sequence[RequestDigest]:
        """Return the requests in flight under this custom_id."""
        ...

    def problems(self) -> Iterator[StateProblem]:
        """Yield what is wrong with the file and what is in it, a damaged file as a problem of its own."""
        ...
