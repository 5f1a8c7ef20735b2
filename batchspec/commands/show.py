"""`show`: a result's whole story, from the spec to its answers, by what is on disk and recorded. Changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from batchspec.commands.desired import rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.inspect import RequestTold, request_told
from batchspec.commands.lineage import HashedStream, Tally, commit_of, lineage_of
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.results import write_results
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.diagnostics import nearest
from batchspec.core.endpoints import endpoint_at
from batchspec.core.errors import InvalidInputError
from batchspec.core.inspection import ClaimStory, Inspector
from batchspec.core.json_text import JsonError, parse
from batchspec.core.manifest import Lineage
from batchspec.core.model import RequestDigest, Target
from batchspec.core.outputs import manifest_path
from batchspec.core.rendered import RenderedRow

_BLOCK = 1024 * 1024
_MOST_IDS = 10_000


class OutputState(StrEnum):
    """How the output file stands to what would be written now."""

    CURRENT = "current"
    DIFFERS = "differs"
    MISSING = "missing"


class WrittenManifest(NamedTuple):
    """What the manifest beside an output says of when it was written; the rest it has in common with what is told."""

    version: str | None
    commit: str | None
    clean: bool | None
    output_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecStory:
    """A spec with all that its results came from. `lineage` is as a manifest written now would have it.

    `claims` are the jobs, and the tries at one, for this spec, the oldest first, and those of other specs that its
    rows have answers of. `manifest` is the one that is beside the output. `costs` are in US dollars by the model that
    was sent, of the answers that its rows have, None where that is not known.
    """

    description: str | None
    lineage: Lineage
    upstream: str | None
    claims: tuple[ClaimStory, ...]
    output: OutputState
    manifest_path: str
    manifest: WrittenManifest | None
    costs: Mapping[str, Decimal | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStory:
    """A row's request: where the row stands, what is sent of it and to what, and what became of it.

    `asked` is the model as the spec names it. `told` is None where nothing was sent. `text` is the answer's text.
    """

    row: RenderedRow
    endpoint: str
    target: Target
    asked: str
    digest: RequestDigest
    told: RequestTold | None = None
    text: str | None = None


def show_spec(loaded: LoadedSpec, world: World, inspector: Inspector | None) -> SpecStory:
    """Return a spec's story. Raises InvalidInputError where a row cannot be rendered."""
    spec = loaded.spec
    with world.new_scratch() as scratch:
        tally = Tally(spec.models, scratch)
        stream = HashedStream(_Nowhere())
        written = write_results(loaded, stream, world, path=spec.output_path, tally=tally)
        commit = commit_of(loaded, world)
        lineage = lineage_of(loaded, tally, stream.sha256(), written.counts, written.ends, commit, world)
    prices = world.prices
    return SpecStory(
        description=spec.description,
        lineage=lineage,
        upstream=None if loaded.upstream is None else loaded.upstream.spec.name,
        claims=() if inspector is None else tuple(_claims(spec.name, lineage.jobs, inspector)),
        output=_output_state(lineage, world),
        manifest_path=manifest_path(spec.output_path),
        manifest=_written_manifest(manifest_path(spec.output_path), world),
        costs={}
        if prices is None
        else {model: prices.cost(model, answers.used) for model, answers in lineage.answers.items()},
    )


class _Nowhere:
    """Takes what is written and keeps none of it."""

    def write(self, data: bytes, /) -> int:
        return len(data)


def _claims(spec: str, jobs: Sequence[str], inspector: Inspector) -> list[ClaimStory]:
    stories = {story.claim.id: story for story in inspector.claims(spec=spec)}
    known = {story.claim.job_id for story in stories.values()}
    for job in jobs:
        if job not in known:
            stories.update((story.claim.id, story) for story in inspector.claims_named(job))
    return [stories[number] for number in sorted(stories)]


def _output_state(lineage: Lineage, world: World) -> OutputState:
    digest = hashlib.sha256()
    try:
        with world.local_path(lineage.output_path).open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except OSError:
        return OutputState.MISSING
    return OutputState.CURRENT if digest.hexdigest() == lineage.output_sha256 else OutputState.DIFFERS


def _written_manifest(path: str, world: World) -> WrittenManifest | None:
    try:
        document = parse(world.local_path(path).read_bytes())
    except (OSError, JsonError):
        return None
    if not isinstance(document, dict):
        return None
    git, output = _mapping(document.get("git")), _mapping(document.get("output"))
    clean = git.get("clean")
    return WrittenManifest(
        _text(document.get("batchspec_version")),
        _text(git.get("commit")),
        clean if isinstance(clean, bool) else None,
        _text(output.get("sha256")),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def show_row(loaded: LoadedSpec, custom_id: str, world: World, inspector: Inspector | None) -> tuple[RequestStory, ...]:
    """Return the stories of a row's requests, one for each variant, model and replicate.

    Raises InvalidInputError where no row has this custom_id, and where a row cannot be rendered.
    """
    rows = _rows_named(loaded, custom_id, world)
    spec = loaded.spec
    stories = [
        RequestStory(
            row=row,
            endpoint=spec.endpoint,
            target=target,
            asked=spec.pins.get(target.model, target.model),
            digest=RequestIdentity.of(spec.endpoint, target).digest(row.digest),
        )
        for row in rows
        for target in row.form.targets
    ]
    if inspector is None:
        return tuple(stories)
    return tuple(_with_past(story, spec.name, inspector) for story in stories)


def _rows_named(loaded: LoadedSpec, custom_id: str, world: World) -> list[RenderedRow]:
    findings = Findings()
    found: list[RenderedRow] = []
    others: dict[str, None] = {}
    waiting = 0
    world.progress.start("rendering")
    for rows, absent, _ in rendered_chunks(loaded, world.ledger, findings, world.progress, world.stop):
        waiting += len(absent)
        found += [row for row in rows if row.custom_id == custom_id]
        if not found and len(others) < _MOST_IDS:
            others.update((row.custom_id, None) for row in rows)
    world.progress.finish()
    findings.raise_if_errors()
    if found:
        # Where ids follow from the bodies, equal rows have one request, and the first of them stands for it.
        first: dict[tuple[str, bytes], RenderedRow] = {}
        for row in found:
            first.setdefault((row.form.key, row.digest), row)
        return list(first.values())
    closest = nearest(custom_id, others)
    raise InvalidInputError(
        f"no row of `{loaded.spec.name}` has the custom_id `{custom_id}`",
        why=f"{waiting:,} rows have no answer to go on from yet" if waiting else None,
        hint=f"did you mean `{closest}`?" if closest else "`batchspec render --out -` shows them all",
    )


def _with_past(story: RequestStory, spec: str, inspector: Inspector) -> RequestStory:
    entry = next(iter(inspector.requests([story.digest])), None)
    if entry is None:
        return story
    told = request_told(entry, ((spec, story.row.custom_id),), inspector)
    return replace(story, told=told, text=next(_answer_texts(told, story.endpoint), None))


def _answer_texts(told: RequestTold, endpoint: str) -> Iterator[str]:
    if told.answer is not None and told.answer.body is not None:
        try:
            text = endpoint_at(endpoint).answer_text(parse(told.answer.body))
        except JsonError:
            return
        if text is not None:
            yield text
