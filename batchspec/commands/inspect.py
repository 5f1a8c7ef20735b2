"""`state show` and `state check`: finds the story that is asked for, and compares recorded jobs with the provider's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from batchspec.core.canonical import RequestIdentity
from batchspec.core.errors import AccessError, InvalidInputError, StateError
from batchspec.core.inspection import (
    AnswerStory,
    ClaimStory,
    EarlierTry,
    Inspector,
    QuarantinedLine,
    RequestEntry,
    Severity,
    StateFacts,
    StateProblem,
)
from batchspec.core.ledger import Phase
from batchspec.core.model import BatchJob, RequestDigest
from batchspec.core.ports import Provider
from batchspec.core.protocol import PROJECT

_HEX = re.compile(r"[0-9a-f]{4,}")
_MOST_MEANT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTold:
    """A claim as it is shown: how many requests still belong to it by status, and its job's quarantined lines."""

    story: ClaimStory
    requests: Mapping[int, int] = field(default_factory=dict)
    quarantined: tuple[QuarantinedLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTold:
    """A request as it is shown: the rows (spec, custom_id) that declare it, its claims and its latest answer.

    `earlier` are the tries that had another end before. `claims` are the latest, that of the answer, and those of the
    earlier tries.
    """

    entry: RequestEntry
    rows: tuple[tuple[str, str], ...]
    claims: tuple[ClaimStory, ...]
    answer: AnswerStory | None
    earlier: tuple[EarlierTry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an id stands for: the claims of a job or a shard, or requests."""

    claims: tuple[ClaimTold, ...] = ()
    requests: tuple[RequestTold, ...] = ()


def show(name: str, spec: str | None, inspector: Inspector) -> Shown:
    """Return the whole story of a job, a shard, a request or, with a spec, a row.

    Raises InvalidInputError for what is not known and for a prefix that could mean many.
    """
    if spec is not None:
        requests = _requests_of_row(spec, name, inspector)
        return Shown(requests=tuple(_told(entry, inspector) for entry in requests))
    claims = inspector.claims_named(name) if _is_name(name) else ()
    if claims:
        return Shown(claims=tuple(_claim_told(story, inspector) for story in claims))
    digits = name.lower()
    found = inspector.requests_named(digits, _MOST_MEANT + 1) if _HEX.fullmatch(digits) else ()
    if not found:
        raise InvalidInputError(
            f"nothing is recorded under `{name}`",
            why="it is no job id, and no beginning of a shard's or a request's digest, that this state knows",
            hint="`batchspec state list` shows the jobs; for a row give its custom_id and --spec NAME",
        )
    if len(found) > 1:
        shown = ", ".join(entry.digest.hex()[: len(digits) + 4] for entry in found[:3])
        raise InvalidInputError(f"`{name}` could mean several requests: {shown}, …", hint="give more of its digits")
    return Shown(requests=(_told(found[0], inspector),))


def _is_name(name: str) -> bool:
    # A beginning of a few digits could mean a shard; anything shorter only a job of just that id.
    return len(name) >= 4


def _claim_told(story: ClaimStory, inspector: Inspector) -> ClaimTold:
    job = story.claim.job_id
    return ClaimTold(
        story=story,
        requests=inspector.request_counts(story.claim.id),
        quarantined=() if job is None else tuple(inspector.quarantined(job)),
    )


def _requests_of_row(spec: str, custom_id: str, inspector: Inspector) -> Sequence[RequestEntry]:
    known = {each.name: each for each in inspector.specs()}
    if spec not in known:
        names = ", ".join(f"`{name}`" for name in known) or "none"
        raise InvalidInputError(f"the state knows no spec `{spec}`", hint=f"it knows {names}")
    digests = dict.fromkeys(inspector.lines_of(spec, custom_id))
    bodies = [body for _, body in inspector.bodies(spec, custom_id)]
    for endpoint, target in known[spec].ways:
        digests.update((RequestIdentity.of(endpoint, target).digest(body), None) for body in bodies)
    found = inspector.requests(list(digests))
    if not found:
        raise InvalidInputError(
            f"no request of `{spec}` is recorded under the custom_id `{custom_id}`",
            why="the row was never sent" if bodies else "the spec declared no such row when it was last applied",
            hint="`batchspec plan` says what would be sent",
        )
    return found


def _told(entry: RequestEntry, inspector: Inspector) -> RequestTold:
    told = request_told(entry, (), inspector)
    return replace(told, rows=tuple(_rows_of(entry.digest, told.claims, inspector)))


def request_told(entry: RequestEntry, rows: tuple[tuple[str, str], ...], inspector: Inspector) -> RequestTold:
    """Return a request with all that is recorded of it; which rows declare it is known already."""
    answer, earlier = inspector.answer(entry.digest), inspector.earlier(entry.digest)
    ids = {entry.claim_id} | ({answer.claim_id} if answer else set()) | {each.claim_id for each in earlier}
    claims = inspector.claims(ids=sorted(ids))
    return RequestTold(entry=entry, rows=rows, claims=tuple(claims), answer=answer, earlier=tuple(earlier))


def _rows_of(digest: RequestDigest, claims: Sequence[ClaimStory], inspector: Inspector) -> Iterator[tuple[str, str]]:
    """Yield the rows that declare a request: a digest cannot be undone, so every row's is made again."""
    ways = {(story.claim.endpoint, story.claim.target) for story in claims}
    for spec in inspector.specs():
        identities = [RequestIdentity.of(*way) for way in spec.ways if way in ways]
        if identities:
            for custom_id, body in inspector.bodies(spec.name):
                if any(identity.digest(body) == digest for identity in identities):
                    yield spec.name, custom_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check has found; `compared` is whether the provider was asked too, `facts` is None for no sound file."""

    path: str
    facts: StateFacts | None
    problems: tuple[StateProblem, ...]
    compared: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing must be mended."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


def check(path: str, inspector: Inspector, provider: Provider | None, stop: Callable[[], None]) -> Checked:
    """Return what is wrong with a state, and with a provider also where its jobs differ from those recorded.

    Raises AccessError where the key is of another workspace.
    """
    problems = list(inspector.problems())
    if any(problem.severity is Severity.ERROR for problem in problems):
        # A damaged file tells nothing that is worth comparing.
        return Checked(path=path, facts=_facts(inspector), problems=tuple(problems))
    facts = inspector.facts()
    if provider is not None:
        problems += compare(inspector, provider, facts.project_id, stop)
    return Checked(path=path, facts=facts, problems=tuple(problems), compared=provider is not None)


def _facts(inspector: Inspector) -> StateFacts | None:
    try:
        return inspector.facts()
    except StateError:
        return None


def unreadable(path: str, error: StateError) -> Checked:
    """Return what a check says of a file that cannot even be opened."""
    problem = StateProblem(
        severity=Severity.ERROR, kind="unreadable", summary=error.summary, hint=error.hint or "check the path"
    )
    return Checked(path=path, facts=None, problems=(problem,))


def compare(
    inspector: Inspector, provider: Provider, project_id: str | None, stop: Callable[[], None]
) -> Iterator[StateProblem]:
    """Yield where the recorded jobs and the provider's differ. Raises AccessError for another workspace's key."""
    recorded = {story.claim.job_id: story for story in inspector.claims() if story.claim.job_id is not None}
    listed = {job.id: job for job in provider.list_jobs()}
    # What was forgotten keeps the id of its job, so that it is not adopted again.
    kept = [
        story
        for story in recorded.values()
        if story.deleted_at is None and story.claim.phase in {Phase.CREATED, Phase.COLLECTED}
    ]
    found: dict[str, BatchJob | None] = {}
    for story in kept:
        stop()
        job_id = str(story.claim.job_id)
        found[job_id] = listed.get(job_id) or provider.get_job(job_id)
    if found and not any(found.values()):
        raise AccessError(
            f"this key's workspace knows none of the {len(found)} jobs that this state has recorded",
            why="a key of another workspace sees none of this project's jobs",
            hint="set MISTRAL_API_KEY to a key of the workspace that the jobs were made in",
        )
    for story in kept:
        yield from _difference(story, found[str(story.claim.job_id)])
    for job in listed.values():
        if job.id not in recorded and project_id is not None and job.metadata.get(PROJECT) == project_id:
            yield StateProblem(
                severity=Severity.ERROR,
                kind="unknown-here",
                summary=f"job {job.id} ({job.status_text}) bears this project's mark, and the state does not know it",
                hint=f"batchspec state adopt {job.id}",
            )


def _difference(story: ClaimStory, job: BatchJob | None) -> Iterator[StateProblem]:
    job_id, collected = story.claim.job_id, story.collected_at is not None
    if job is None:
        yield StateProblem(
            severity=Severity.NOTICE if collected else Severity.ERROR,
            kind="unknown-there",
            summary=f"the provider does not know job {job_id} any more"
            + ("; its answers are taken in" if collected else ", whose answers are not taken in"),
            hint="nothing is to be done" if collected else f"batchspec state forget {job_id}, and then apply",
        )
    elif story.job is not None and story.job.status_text != job.status_text:
        moved = not story.job.status.ended
        yield StateProblem(
            severity=Severity.NOTICE if moved else Severity.ERROR,
            kind="status-differs",
            summary=f"job {job_id} is recorded as {story.job.status_text}, and is {job.status_text}",
            hint="batchspec status" if moved else "batchspec state rebuild",
        )
