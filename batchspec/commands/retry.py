"""`retry`: marks requests that have ended without an answer, or with none of use, to be sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from batchspec.commands.desired import rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.judging import Judged
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.refresh import refresh
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.errors import InvalidInputError
from batchspec.core.ledger import RequestStatus
from batchspec.core.model import RequestDigest


class Include(StrEnum):
    """What `retry --include` takes."""

    FAILED = "failed"
    HELD = "held"
    LOST = "lost"
    INVALID = "invalid"


_STATUSES = {
    Include.FAILED: (RequestStatus.FAILED, RequestStatus.FAILED_PASSING),
    Include.HELD: (RequestStatus.HELD,),
    Include.LOST: (RequestStatus.LOST,),
    Include.INVALID: (),
}
_ANSWERED = frozenset({RequestStatus.SUCCEEDED})
_INCLUDED = {status: include for include, statuses in _STATUSES.items() for status in statuses}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """Which requests: of what has ended so, and where there are any, of these custom_ids alone."""

    include: frozenset[Include] = frozenset({Include.FAILED, Include.HELD})
    custom_ids: frozenset[str] = frozenset()

    @property
    def statuses(self) -> frozenset[RequestStatus]:
        """The recorded statuses that are meant."""
        return frozenset(status for include in self.include for status in _STATUSES[include])


class _Ended(NamedTuple):
    """Requests of some rows: those without an answer, and those whose answer does not fit."""

    digests: list[RequestDigest]
    invalid: list[RequestDigest]


@dataclass(slots=True, kw_only=True)
class Retried:
    """How many requests of each spec were marked; `left` are those that ended otherwise than was asked for."""

    marked: Counter[str] = field(default_factory=Counter)
    left: Counter[Include] = field(default_factory=Counter)


def retry(specs: Sequence[LoadedSpec], options: RetryOptions, *, world: World) -> Retried:
    """Refresh where there is a provider to ask, then mark the declared requests that have ended so.

    Nothing is sent: the next apply does that.

    Raises InvalidInputError when a row cannot be rendered, or no spec declares one of the custom_ids; nothing is
    marked then.
    """
    if world.provider is not None:
        refresh(world, world.provider)
    findings = Findings()
    missing = set(options.custom_ids)
    wanted = {spec.spec.name: list(_digests(spec, options, findings, missing, world)) for spec in specs}
    findings.raise_if_errors()
    if missing:
        raise InvalidInputError(
            f"no row of these specs has the custom_id {', '.join(sorted(missing)[:5])}",
            why="only what a spec declares can be sent again",
            hint="`batchspec results --failed --out -` shows the rows that have ended without an answer",
        )
    return _mark(wanted, options, world)


def _digests(
    loaded: LoadedSpec, options: RetryOptions, findings: Findings, missing: set[str], world: World
) -> Iterable[_Ended]:
    """Yield the requests of a spec that have ended without an answer, or with one that does not fit."""
    judged = Judged(loaded, world.ledger, remember=True)
    identities = {target: RequestIdentity.of(loaded.spec.endpoint, target) for target in loaded.spec.targets}
    for rows, *_ in rendered_chunks(loaded, world.ledger, findings, world.progress, world.stop, with_values=False):
        meant = [row for row in rows if not options.custom_ids or row.custom_id in options.custom_ids]
        missing.difference_update(row.custom_id for row in meant)
        asked = [identities[target].digest(row.digest) for row in meant for target in row.form.targets]
        recorded = world.ledger.recorded(asked)
        ended = [digest for digest, known in recorded.items() if known.status in _INCLUDED]
        done = [digest for digest, known in recorded.items() if known.status is RequestStatus.SUCCEEDED]
        yield _Ended(ended, list(judged.problems(done)))
    judged.finish()


def _mark(wanted: dict[str, list[_Ended]], options: RetryOptions, world: World) -> Retried:
    retried = Retried()
    for name, parts in wanted.items():
        for part in parts:
            world.stop()
            for known in world.ledger.recorded(part.digests).values():
                if known.status not in options.statuses:
                    retried.left[_INCLUDED[known.status]] += 1
            retried.marked[name] += world.ledger.ask_again(part.digests, options.statuses)
            if Include.INVALID in options.include:
                retried.marked[name] += world.ledger.ask_again(part.invalid, _ANSWERED)
            elif part.invalid:
                retried.left[Include.INVALID] += len(set(part.invalid))
    return retried
