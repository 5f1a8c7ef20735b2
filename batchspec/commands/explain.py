"""`plan --explain`: one row's requests, what the digest of each is made of, and which part of that has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from batchspec import __version__
from batchspec.commands.desired import DesiredChunk, desired_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.judging import Judged
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.refresh import Refresh, refresh
from batchspec.commands.results import export
from batchspec.commands.spec_planner import declared_before
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.errors import InvalidInputError
from batchspec.core.ledger import Recorded, RequestStatus
from batchspec.core.model import BodyDigest, RequestDigest, Target
from batchspec.core.planning import Action, Before, reason
from batchspec.core.rendered import RenderedRow
from batchspec.core.spec_parts import ChangedParts, changed_parts, parts_of, same_parts, with_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRequest:
    """One request of a row. `declared` is the body under its custom_id when the spec was last applied, None: none.

    `changed` names those inputs to its digest that are not what they were: endpoint, model, revision, replicate, body.
    `repeats` is whether an earlier row makes the same request.
    """

    matrix: Mapping[str, object]
    target: Target
    digest: RequestDigest
    body: BodyDigest
    declared: BodyDigest | None
    action: Action
    reason: str | None
    changed: tuple[str, ...]
    repeats: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of a row. `parts` are None where nothing was kept of what they were when the spec was last applied.

    `columns` are those that its templates have read. Of the rows that were declared then, in each form, `rows_changed`
    have another body now, and `rows_same` have not.
    """

    spec: str
    path: str
    endpoint: str
    custom_id: str
    place: str
    requests: tuple[ExplainedRequest, ...]
    before: Before
    parts: ChangedParts | None
    columns: tuple[str, ...]
    rows_changed: int
    rows_same: int
    refreshed: bool
    notes: tuple[str, ...] = ()

    @property
    def sends(self) -> bool:
        """Whether any of its requests would be sent."""
        return any(request.action.sends and not request.repeats for request in self.requests)

    @property
    def row_changed(self) -> bool | None:
        """Whether the row itself has changed: surely, surely not, or None where that cannot be told."""
        if not any("body" in request.changed for request in self.requests):
            return False
        return True if self.parts is not None and not self.parts.of_body else None


def explain(custom_id: str, specs: Sequence[LoadedSpec], *, world: World) -> Explanation:
    """Explain the row of a custom_id, after a refresh where there is a provider to ask.

    Raises InvalidInputError where no row has it, or rows of several specs.
    """
    done = Refresh() if world.provider is None else refresh(world, world.provider)
    if done.collected:
        export(specs, world)
    searches = [_Search(custom_id, loaded, world) for loaded in specs]
    found = [search for search in searches if search.run()]
    if len(found) > 1:
        names = ", ".join(f"{search.loaded.spec.name} ({search.loaded.spec.path})" for search in found)
        raise InvalidInputError(
            f"{len(found)} specs have a row `{custom_id}`: {names}", hint="name the spec that is meant"
        )
    if not found:
        raise _unknown(custom_id, searches)
    return found[0].explanation(done)


def record_parts(specs: Sequence[LoadedSpec], world: World) -> None:
    """Keep what the requests of specs are made of, for a later explanation. Their rows were gone through before."""
    for loaded in specs:
        name, now = loaded.spec.name, _parts(loaded)
        if same_parts(world.ledger.spec_parts(name), now):
            continue
        sources = list(loaded.sources.texts)
        commit = world.commit(sources)
        clean = commit is not None and commit.changed is not None and commit.changed.isdisjoint(sources)
        world.ledger.save_spec_parts(name, with_commit(now, commit.id if commit is not None and clean else None))


def _parts(loaded: LoadedSpec) -> dict[str, str]:
    """Return the parts of a spec, whose rows were gone through before: a template may include by what a row says."""
    named = {path: digest for path, digest in loaded.sources.texts.items() if path not in loaded.written_in}
    return parts_of(loaded.spec, named, loaded.included.texts, __version__)


class _Search:
    """Goes through a spec's rows for one of them, and counts how many have changed."""

    def __init__(self, custom_id: str, loaded: LoadedSpec, world: World) -> None:
        self.loaded = loaded
        self._custom_id = custom_id
        self._world = world
        self._before = declared_before(loaded.spec, world.ledger)
        self._found: list[tuple[RenderedRow, bool, BodyDigest | None]] = []
        self._changed = self._same = 0
        self.waiting = 0

    def run(self) -> bool:
        """Go through the rows; tell whether it is there. Raises InvalidInputError for rows that cannot be rendered."""
        world, findings = self._world, Findings()
        world.progress.start("rendering")
        with world.new_scratch() as scratch:
            for chunk in desired_chunks(self.loaded, world.ledger, scratch, findings, world.progress, world.stop):
                self._add(chunk)
        world.progress.finish()
        findings.raise_if_errors()
        return bool(self._found)

    def _add(self, chunk: DesiredChunk) -> None:
        self.waiting += sum(absence.rows for absence in chunk.absences)
        declared = self._declared(chunk.rows)
        for index, row in enumerate(chunk.rows):
            before = declared.get((row.form.key, row.custom_id))
            if before is not None:
                self._same += before == row.digest
                self._changed += before != row.digest
            if row.custom_id == self._custom_id:
                self._found.append((row, index in chunk.repeated, before))

    def _declared(self, rows: Sequence[RenderedRow]) -> dict[tuple[str, str], BodyDigest]:
        ids: dict[str, list[str]] = {}
        for row in rows:
            if row.form.key in self._before.forms:
                ids.setdefault(row.form.key, []).append(row.custom_id)
        ledger, name = self._world.ledger, self.loaded.spec.name
        return {
            (form, one): body
            for form, all_of in ids.items()
            for one, body in ledger.declared(name, all_of, form).items()
        }

    def was_declared(self) -> bool:
        """Tell whether the row was declared when the spec was last applied."""
        name, ledger = self.loaded.spec.name, self._world.ledger
        return any(ledger.declared(name, [self._custom_id], form) for form in self._before.forms)

    def explanation(self, done: Refresh) -> Explanation:
        """Return what was found."""
        spec, ledger = self.loaded.spec, self._world.ledger
        parts = changed_parts(ledger.spec_parts(spec.name), _parts(self.loaded))
        row = self._found[0][0]
        return Explanation(
            spec=spec.name,
            path=spec.path,
            endpoint=spec.endpoint,
            custom_id=self._custom_id,
            place=row.row.place,
            requests=tuple(self._requests(parts)),
            before=self._before,
            parts=parts,
            columns=self._columns(row),
            rows_changed=self._changed,
            rows_same=self._same,
            refreshed=self._world.provider is not None,
            notes=tuple(done.notes.lines),
        )

    def _requests(self, parts: ChangedParts | None) -> Iterator[ExplainedRequest]:
        spec, judged = self.loaded.spec, Judged(self.loaded, self._world.ledger, remember=False)
        for row, repeats, declared in self._found:
            digests = {
                target: RequestIdentity.of(spec.endpoint, target).digest(row.digest) for target in row.form.targets
            }
            actions, recorded, wrong = judged.decide(list(digests.values()))
            for (target, digest), action in zip(digests.items(), actions, strict=True):
                known = recorded.get(digest)
                why = self._reason(action, known, row, target, declared, invalid=digest in wrong)
                yield ExplainedRequest(
                    matrix=row.form.combination.shown,
                    target=target,
                    digest=digest,
                    body=row.digest,
                    declared=declared,
                    action=action,
                    reason=why if action.sends else None,
                    changed=tuple(self._inputs_changed(row, target, declared, parts)),
                    repeats=repeats,
                )

    def _reason(
        self,
        action: Action,
        known: Recorded | None,
        row: RenderedRow,
        target: Target,
        declared: BodyDigest | None,
        *,
        invalid: bool,
    ) -> str:
        return reason(
            action,
            self._before,
            target,
            row.form.key,
            asked=known is not None and known.status is RequestStatus.ASKED,
            was_declared=declared is not None,
            body_changed=declared != row.digest,
            invalid=invalid,
        )

    def _inputs_changed(
        self, row: RenderedRow, target: Target, declared: BodyDigest | None, parts: ChangedParts | None
    ) -> Iterator[str]:
        if not self._before.anything:
            return
        if parts is not None and any(each.kind == "endpoint" for each in parts.parts):
            yield "endpoint"
        yield from self._before.differs(target)
        if declared is not None and declared != row.digest:
            yield "body"

    def _columns(self, row: RenderedRow) -> tuple[str, ...]:
        """Return the columns that a row's templates read: it is rendered once more, and watched."""
        values = _Watched(row.row.values)
        for again in self.loaded.renderer.render([row.row._replace(values=values)], lambda _finding: None):
            if again.form is row.form and again.digest != row.digest:
                return ()
        return tuple(name for name in row.row.values if name in values.read)


class _Watched(dict[str, object]):
    """A row that remembers which of its columns were read."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> object:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: object = None) -> object:
        """Return a column's value, or the default."""
        self.read.add(key)
        return super().get(key, default)

    def __iter__(self) -> Iterator[str]:
        self.read.update(super().keys())
        return super().__iter__()


def _unknown(custom_id: str, searches: Sequence[_Search]) -> InvalidInputError:
    gone = next((search for search in searches if search.was_declared()), None)
    if gone is not None:
        spec = gone.loaded.spec
        return InvalidInputError(
            f"no row has the custom_id `{custom_id}` any more",
            why=f"{spec.name} declared it when it was last applied; nothing is sent for it, and its answer is kept",
            hint=f"`batchspec state show --spec {spec.name} {custom_id}` tells what became of it",
        )
    waiting = next((search.loaded.spec.name for search in searches if search.waiting), None)
    return InvalidInputError(
        f"no row has the custom_id `{custom_id}`",
        why=f"rows of {waiting} still wait for the answers that they go on from" if waiting else None,
        hint="`batchspec render --out -` shows every line with its custom_id",
    )
