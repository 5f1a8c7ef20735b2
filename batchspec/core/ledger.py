"""What the local state records about requests, claims, files and jobs; the values, not the storage.

The ledger's port is here too: create-only claims behind one small interface, so that a shared ledger can follow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from batchspec.core.awaited import Awaited
from batchspec.core.model import BatchJob, BodyDigest, PlanUse, RemoteFile, RequestDigest, Target
from batchspec.core.outcomes import Outcome
from batchspec.core.ports import SpooledFile
from batchspec.core.usage import SpecUsage


class RequestStatus(IntEnum):
    """Where a request stands. The numbers are stored: they are never renumbered."""

    CLAIMED = 1
    SUCCEEDED = 2
    FAILED = 3
    """Refused for good: sent again only when the user says `retry`."""
    FAILED_PASSING = 4
    """Failed in a way that may pass: sent again by itself, up to `retry.max_attempts`."""
    HELD = 5
    """Cancelled before it ran: sent again only when the user says `retry`."""
    LOST = 6
    """Its answer is gone at the provider: sent again only when the user says `retry --include lost`."""
    ASKED = 7
    """The user has said `retry`: sent again by the next apply, whatever became of it before."""


class Recorded(NamedTuple):
    """What the ledger knows of one request. `sending` is set while its job may or may not have been created."""

    status: RequestStatus
    attempts: int
    sending: bool = False


class Phase(StrEnum):
    """How far a claim has come. RELEASED and COLLECTED are ends."""

    CLAIMED = "claimed"
    UPLOADED = "uploaded"
    SENDING = "sending"
    CREATED = "created"
    COLLECTED = "collected"
    RELEASED = "released"


class ClaimLine(NamedTuple):
    """One request of a claim, in the order of its file's lines."""

    custom_id: str
    digest: RequestDigest


class DeclaredRow(NamedTuple):
    """A row as a spec declares it; `form` tells its forms apart, and is empty where there is one."""

    form: str
    custom_id: str
    body: BodyDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """What a claim is to hold: one shard of one spec and target, its parts already spooled under their SHA-256.

    `variant` is the label of the combination of the spec's matrix, for people. `plan` is the id of the saved plan that
    it is made for, empty where it is none.
    """

    shard: str
    spec: str
    endpoint: str
    model: str
    requests: int
    parts: tuple[SpooledFile, ...] = ()
    revision: int = 0
    replicate: int = 0
    variant: str = ""
    plan: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A recorded claim. Times are Unix seconds. `attempt` counts the tries of this very shard, from 1."""

    id: int
    shard: str
    attempt: int
    spec: str
    endpoint: str
    model: str
    requests: int
    phase: Phase
    claimed_at: float
    sending_at: float | None = None
    job_id: str | None = None
    project: str = ""
    """The id of the project that it was made for; empty in a claim of the first version: the present one."""
    surplus: bool = False
    """Whether its requests are all another claim's, or answered: its job is to be cancelled."""
    revision: int = 0
    replicate: int = 0
    variant: str = ""
    again: bool = False
    """Whether it asks again for what was answered already: then its answers replace the earlier ones."""

    @property
    def target(self) -> Target:
        """What its requests go to."""
        return Target(self.model, self.revision, self.replicate)


class Adopted(NamedTuple):
    """A job that was recorded by adoption: `taken` requests are its claim's now."""

    claim: Claim
    taken: int


class RecordedResult(NamedTuple):
    """A request's latest answer: the body as JSON text (None where there is none), the error's message, its job."""

    outcome: str
    status_code: int | None
    body: bytes | None
    error: str | None
    model: str
    job_id: str | None = None


class Standing(NamedTuple):
    """All that is known of one request, and what a check found wrong with its answer, if it has `judged` that."""

    recorded: Recorded
    result: RecordedResult | None
    result_id: int | None
    judged: bool
    problem: str | None


class ClaimConflictError(Exception):
    """Some of the requests are claimed or done already; nothing was recorded."""


class Ledger(Protocol):
    """The state's operations. Every method is one durable transaction; each is whole or did not happen."""

    @property
    def project_id(self) -> str:
        """The id that this project's jobs carry in their metadata."""
        ...

    def recorded(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, Recorded]:
        """Return what is known of these requests; those that are not known are left out."""
        ...

    def results(self, digests: Sequence[RequestDigest]) -> Mapping[RequestDigest, RecordedResult]:
        """Return the latest answers to these requests."""
        ...

    def standings(
        self, digests: Sequence[RequestDigest], check: bytes | None, *, judged_too: bool = True
    ) -> Mapping[RequestDigest, Standing]:
        """Return all that is known of these requests at once, with verdicts by one check; others are left out.

        Answers that this check has judged come with their bodies where `judged_too` is set.
        """
        ...

    def save_verdicts(self, check: bytes, verdicts: Mapping[int, str | None]) -> None:
        """Remember what was found wrong with answers, by their numbers; None where nothing is."""
        ...

    def claim(self, request: ClaimRequest, lines: Iterable[ClaimLine], now: float) -> Claim:
        """Reserve every request of a shard for its next attempt.

        Raises ClaimConflictError when one of them is in flight, answered, or refused for good.
        """
        ...

    def adopt(
        self, request: ClaimRequest, lines: Iterable[ClaimLine], job: BatchJob, now: float, *, over: Sequence[int] = ()
    ) -> Adopted | None:
        """Record a job that was made without this ledger, and claim those of its requests that are free.

        Free are also those of the claims `over`. Whichever claim then holds no request is marked as surplus. Returns
        None where the job is recorded already.
        """
        ...

    def unknown_jobs(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of these jobs that no claim has."""
        ...

    def remembered_plan(self, spec: str) -> str | None:
        """Return what was remembered of a spec's plan, unless anything that plans go by has changed since."""
        ...

    def begin_planning(self) -> None:
        """Take note of how the state is before a plan is made of it."""
        ...

    def remember_plans(self, told: Mapping[str, str], *, foreseen: bool = False) -> None:
        """Remember, by spec, what came of planning, unless anything that plans go by has changed since it began.

        What is `foreseen` is kept whatever this process has written since, and for as long as only answers come.
        """
        ...

    def ask_again(self, digests: Sequence[RequestDigest], statuses: frozenset[RequestStatus]) -> int:
        """Mark those of these requests that have one of the statuses to be sent again; return how many."""
        ...

    def is_contended(self, claim_id: int) -> bool:
        """Tell whether any request of a claim's lines is in flight in another claim."""
        ...

    def mark_uploaded(self, claim_id: int, file_ids: Sequence[str]) -> None:
        """Record the input files' ids, in the order of the parts."""
        ...

    def mark_sending(self, claim_id: int, now: float) -> None:
        """Record, before the one POST, that it is about to be sent.

        Raises ClaimConflictError, like every step of a claim, when somebody has released it meanwhile.
        """
        ...

    def mark_created(self, claim_id: int, job: BatchJob) -> None:
        """Record the job that the POST, or an adoption, has found for this claim."""
        ...

    def release(self, claim_id: int, reason: str, now: float) -> None:
        """Give a claim's requests back to what they were before it."""
        ...

    def open_claims(self) -> Sequence[Claim]:
        """Return the claims that have no job yet, oldest first."""
        ...

    def claims_in_flight(self) -> Sequence[Claim]:
        """Return the claims whose job is not collected yet, oldest first."""
        ...

    def claim_lines(self, claim_id: int) -> Iterator[ClaimLine]:
        """Yield the requests of a claim in the order of its file."""
        ...

    def awaited(self, claim_id: int) -> AbstractContextManager[Awaited]:
        """Open the requests of a claim by their custom_ids; one claim at a time."""
        ...

    def save_job(self, job: BatchJob) -> None:
        """Record a job as the provider now tells it."""
        ...

    def job(self, job_id: str) -> BatchJob | None:
        """Return a job as it was recorded last."""
        ...

    def jobs_of(self, specs: Sequence[str] | None = None) -> Sequence[RecordedJob]:
        """Return the jobs of these specs, or of all of them, oldest first."""
        ...

    def known_job_ids(self, most: int) -> Sequence[str]:
        """Return the ids of the jobs recorded last, but for those that were deleted."""
        ...

    def known_file_ids(self, most: int) -> Sequence[str]:
        """Return the ids of some uploaded files, of at most so many claims and so many that can be used again."""
        ...

    def mark_deleted(self, job_id: str, now: float, *, record: bool) -> None:
        """Record that a job's files, or with `record` the job itself, were deleted at the provider."""
        ...

    def succeeded(self, claims: Sequence[int]) -> int:
        """Return how many requests that these claims hold have succeeded."""
        ...

    def successes(self, claims: Sequence[int]) -> Iterator[Sequence[tuple[int, bytes]]]:
        """Yield the bodies of these claims' successes with the answers' numbers, many at once."""
        ...

    def take_in(self, claim_id: int, outcomes: Iterable[tuple[RequestDigest, Outcome]]) -> None:
        """Record answers to a claim's requests; one that is answered already is left alone.

        A success is also recorded for a request that another claim has left without one: it was paid for.
        """
        ...

    def mark_collected(self, claim_id: int, now: float, odd: Iterable[tuple[str, bytes]] = ()) -> None:
        """Record that everything a job has to give was taken in; keep its `odd` lines, each with its reason."""
        ...

    def find_file(self, sha256: str) -> RemoteFile | None:
        """Return the upload of a file with these bytes; its id is empty where an upload may not have ended."""
        ...

    def save_file(self, sha256: str, file: RemoteFile) -> None:
        """Record an upload, begun (with an empty id) or done."""
        ...

    def forget_file(self, file: str) -> None:
        """Forget an upload, by its SHA-256 or its id, that the provider no longer has."""
        ...

    def declared(self, spec: str, custom_ids: Sequence[str], form: str = "") -> Mapping[str, BodyDigest]:
        """Return what this spec last declared, in one form, under these custom_ids."""
        ...

    def declared_counts(self, spec: str) -> Mapping[str, int]:
        """Return how many rows this spec declared in each form when it was last applied."""
        ...

    def declared_targets(self, spec: str) -> frozenset[Target]:
        """Return the targets with which this spec was last applied."""
        ...

    def declare(
        self, spec: str, path: str, targets: Sequence[Target], rows: Iterable[DeclaredRow], *, whole: bool = True
    ) -> None:
        """Record that a spec declares these rows and, where they are the `whole`, no others."""
        ...

    def usage(self, specs: Sequence[str], whole: Collection[str] = ()) -> Sequence[SpecUsage]:
        """Return what the recorded successes of these specs have used, by model.

        `whole` names the models that are charged by what only an answer's body tells.
        """
        ...

    def saved_output(self, path: str) -> str | None:
        """Return the fingerprint under which an output file was written last."""
        ...

    def save_output(self, path: str, fingerprint: str) -> None:
        """Record that an output file was written."""
        ...

    def plan_use(self, plan: str) -> PlanUse | None:
        """Return how far a saved plan, by its id, was applied; None where it never was."""
        ...

    def begin_plan(self, plan: str, now: float) -> None:
        """Record that a saved plan is being applied, once more where that was begun before."""
        ...

    def finish_plan(self, plan: str, now: float) -> None:
        """Record that all that a saved plan holds was sent."""
        ...

    def sent_for(self, plan: str, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Return those of these requests whose last claim was made for a saved plan."""
        ...

    def spec_parts(self, spec: str) -> Mapping[str, str]:
        """Return the digests of what a spec's requests were made of when it was last applied, by the parts' names."""
        ...

    def save_spec_parts(self, spec: str, parts: Mapping[str, str]) -> None:
        """Record what a declared spec's requests are made of, in place of what they were."""
        ...

    def compared_at(self) -> float | None:
        """Return when the provider's jobs of this project were last looked through; None: never."""
        ...

    def mark_compared(self, now: float) -> None:
        """Record that the provider's jobs of this project were looked through."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedJob:
    """A job as last seen, with the claim that it belongs to, and what of it was deleted at the provider."""

    job: BatchJob
    spec: str
    model: str
    collected: bool
    files_deleted: bool = False
    deleted: bool = False
