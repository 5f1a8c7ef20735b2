"""`report`: what was asked and answered, counted for all rows and shown for some of them; failures first."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.commands.desired import rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.judging import Judged, Standings
from batchspec.commands.lineage import commit_of, input_digests
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.results import WITHOUT_ANSWER, status_of
from batchspec.commands.status import spent_on
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.endpoints import endpoint_at
from batchspec.core.json_text import parse
from batchspec.core.ledger import RecordedJob
from batchspec.core.manifest import Commit
from batchspec.core.model import RequestDigest, Target
from batchspec.core.rendered import RenderedRow, RenderedRows
from batchspec.core.spending import Spent
from batchspec.core.usage import Used, used_by

_MOST_FAILED = 100
_MOST_OTHERS = 100
_MOST_REASONS = 50
_LONGEST_REASON = 300


class Variant(NamedTuple):
    """What a row is sent as: a combination of the matrix, told in words, with a model and a replicate."""

    model: str
    matrix: str
    replicate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One answer: `text` is what it says, `error` why there is none or why it does not fit."""

    variant: Variant
    status: str
    body: Mapping[str, object]
    digest: str
    text: str | None = None
    error: str | None = None
    used: Used = field(default_factory=Used)
    job: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """A row, with its answers side by side."""

    custom_id: str
    place: str
    values: Mapping[str, object]
    answers: Sequence[Shown]

    @property
    def failed(self) -> bool:
        """Whether one of its answers is missing for good, or does not fit."""
        return any(each.status in WITHOUT_ANSWER for each in self.answers)


@dataclass(slots=True, kw_only=True)
class SpecReport:
    """One spec: counts by variant and status of all rows, and the `rows` that are shown, failures first.

    `absent` rows are not in the total: they go on from answers that are not there. `reasons` counts, for each status,
    why rows have no answer or one that does not fit. `made_of` are the SHA-256 of the spec's files and inputs as they
    are now, by path, and `commit` is what is checked out.
    """

    name: str
    path: str
    endpoint: str
    output: str
    total: int = 0
    absent: int = 0
    counts: dict[Variant, Counter[str]] = field(default_factory=dict)
    used: dict[Variant, Used] = field(default_factory=dict)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    rows: Sequence[ShownRow] = ()
    jobs: Sequence[RecordedJob] = ()
    made_of: Mapping[str, str] = field(default_factory=dict)
    commit: Commit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported of some specs; `spent` is what their answers have cost, None where no prices are at hand."""

    specs: Sequence[SpecReport]
    spent: Sequence[Spent] | None


def report(specs: Sequence[LoadedSpec], *, world: World) -> Report:
    """Go through all rows and return what there is to report. Raises InvalidInputError when one cannot be rendered."""
    jobs = world.ledger.jobs_of([each.spec.name for each in specs])
    gathered = []
    world.progress.start("report")
    for loaded in specs:
        told = _gathered(loaded, world)
        told.jobs = [each for each in jobs if each.spec == loaded.spec.name]
        gathered.append(told)
    world.progress.finish()
    return Report(specs=gathered, spent=spent_on(specs, world))


def _gathered(loaded: LoadedSpec, world: World) -> SpecReport:
    spec = loaded.spec
    told = SpecReport(name=spec.name, path=spec.path, endpoint=spec.endpoint, output=spec.output_path)
    identities = {target: RequestIdentity.of(spec.endpoint, target) for target in spec.targets}
    judged = Judged(loaded, world.ledger, remember=world.locked)
    sample = _Sample()
    findings = Findings()
    for chunk in rendered_chunks(loaded, world.ledger, findings, world.progress, world.stop):
        rows = chunk.rows
        told.absent += sum(absence.rows for absence in chunk.absences)
        ways = [(index, target) for index, form in enumerate(rows.forms) for target in form.targets]
        digests = [identities[target].digest(rows.digests[index]) for index, target in ways]
        for row in _by_row(loaded, rows, ways, judged.standings(digests)):
            _count(told, row)
            sample.add(row)
    judged.finish()
    findings.raise_if_errors()
    told.rows = sample.rows()
    told.made_of = {**loaded.sources.texts, **(input_digests(loaded) or {})}
    told.commit = commit_of(loaded, world)
    return told


def _by_row(
    loaded: LoadedSpec, rows: RenderedRows, ways: Sequence[tuple[int, Target]], known: Standings
) -> Iterator[ShownRow]:
    """Yield each row with all that it was sent as."""
    listed = [*rows]
    answers: list[Shown] = []
    for place, ((index, target), digest) in enumerate(zip(ways, known.digests, strict=True)):
        row = listed[index]
        answers.append(_shown(loaded, row, target, digest, known))
        following = ways[place + 1][0] if place + 1 < len(ways) else None
        if following is None or rows.origins[following] != rows.origins[index]:
            yield ShownRow(custom_id=row.custom_id, place=row.row.place, values=row.row.values, answers=tuple(answers))
            answers = []


def _shown(loaded: LoadedSpec, row: RenderedRow, target: Target, digest: RequestDigest, known: Standings) -> Shown:
    named = ", ".join(f"{name}={value}" for name, value in row.form.combination.shown.items())
    variant = Variant(target.model, named, target.replicate)
    status = status_of(known, digest)
    body = parse(row.body)
    assert isinstance(body, dict), "a body is an object"
    standing = known.found.get(digest)
    result = None if standing is None or status == "pending" else standing.result
    if result is None:
        return Shown(variant=variant, status=status, body=body, digest=digest.hex())
    value = None if result.body is None else parse(result.body)
    return Shown(
        variant=variant,
        status=status,
        body=body,
        digest=digest.hex(),
        text=None if value is None else endpoint_at(loaded.spec.endpoint).answer_text(value),
        error=result.error or known.wrong.get(digest),
        used=Used() if value is None else used_by(value),
        job=result.job_id,
    )


def _count(told: SpecReport, row: ShownRow) -> None:
    told.total += 1
    for answer in row.answers:
        told.counts.setdefault(answer.variant, Counter())[answer.status] += 1
        told.used[answer.variant] = told.used.get(answer.variant, Used()).plus(answer.used)
        if answer.status in WITHOUT_ANSWER:
            reason = (answer.status, (answer.error or "")[:_LONGEST_REASON])
            if reason in told.reasons or len(told.reasons) < _MOST_REASONS:
                told.reasons[reason] += 1
            else:
                told.reasons[answer.status, "other reasons"] += 1


class _Sample:
    """The first failures, and of the other rows those with the smallest digests: the same ones each time."""

    def __init__(self) -> None:
        self._failed: list[ShownRow] = []
        self._others: list[tuple[int, int, ShownRow]] = []
        self._seen = 0

    def add(self, row: ShownRow) -> None:
        """Take a row in, if it is to be shown."""
        self._seen += 1
        if row.failed:
            if len(self._failed) < _MOST_FAILED:
                self._failed.append(row)
            return
        # The largest digest stands first in the heap, as the smallest of negative numbers.
        rank = -int.from_bytes(hashlib.sha256(row.custom_id.encode("utf-8", "replace")).digest()[:8], "big")
        if len(self._others) < _MOST_OTHERS:
            heapq.heappush(self._others, (rank, self._seen, row))
        elif rank > self._others[0][0]:
            heapq.heapreplace(self._others, (rank, self._seen, row))

    def rows(self) -> list[ShownRow]:
        """Return the failures, then the others, each in the order of the input."""
        return [*self._failed, *(row for _, _, row in sorted(self._others, key=lambda each: each[1]))]
