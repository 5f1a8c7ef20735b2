"""`results`: the declared rows joined to their answers, in input order, a record for each request of a row."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.commands.desired import RowsDigest, rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.judging import Judged, Standings
from batchspec.commands.lineage import HashedStream, Tally, commit_of, lineage_of, write_manifest
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.world import World
from batchspec.core.answer_checks import finish_reason
from batchspec.core.canonical import RequestIdentity
from batchspec.core.columns import Answered
from batchspec.core.diagnostics import Diagnostic, DiagnosticSink
from batchspec.core.endpoints import endpoint_at
from batchspec.core.forms import Form
from batchspec.core.json_text import encode, parse
from batchspec.core.ledger import RecordedResult, RequestStatus
from batchspec.core.manifest import combined
from batchspec.core.model import InputRow, RequestDigest, Target
from batchspec.core.outputs import manifest_path
from batchspec.core.records import Cell, JsonText, Record, WritesBytes, cell
from batchspec.core.rendered import RenderedRows

_STATUS = {
    RequestStatus.CLAIMED: "pending",
    RequestStatus.SUCCEEDED: "succeeded",
    RequestStatus.FAILED: "failed",
    RequestStatus.FAILED_PASSING: "failed",
    RequestStatus.HELD: "held",
    RequestStatus.LOST: "lost",
    RequestStatus.ASKED: "pending",
}

_WHOLE = ("row", "text", "response", "usage")
WITHOUT_ANSWER = frozenset({"failed", "invalid", "held", "lost"})


@dataclass(slots=True, kw_only=True)
class Output:
    """A written results file: its path relative to the project's root, its lines by status, the rows it is of.

    `manifest` is the path of what says how it came about; a file that was asked for by name has none. `warnings` are
    columns that are null for a row that has its answer, since their template failed. `kept` answers do not fit, and are
    kept all the same; `ends` counts answers by the finish reason that their provider gave.
    """

    spec: str
    path: str
    manifest: str | None = None
    columns: Sequence[str] = ()
    rows_digest: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    warnings: Sequence[Diagnostic] = ()


def write_results(
    loaded: LoadedSpec,
    stream: WritesBytes,
    world: World,
    *,
    path: str,
    form: str | None = None,
    failed_only: bool = False,
    tally: Tally | None = None,
) -> Output:
    """Write a spec's rows with their answers to `stream`, in its own format or in `form`.

    Raises InvalidInputError when a row cannot be rendered.
    """
    spec = loaded.spec
    output = Output(spec=spec.name, path=path)
    findings, warnings = Findings(), Findings()
    identities = {target: RequestIdentity.of(spec.endpoint, target) for target in spec.targets}
    records = _Records(loaded, warnings, tally)
    output.columns = records.names
    judged = Judged(loaded, world.ledger, remember=world.locked)
    rows_digest = RowsDigest()
    with closing(world.open_writer(form or spec.output_format, stream, records.names)) as writer:
        world.progress.start("results")
        for chunk in rendered_chunks(loaded, world.ledger, findings, world.progress, world.stop):
            rows, absent = chunk.rows, chunk.absent
            rows_digest.add(chunk.told())
            ways = [(index, target) for index, form in enumerate(rows.forms) for target in form.targets]
            known = judged.standings([identities[target].digest(rows.digests[index]) for index, target in ways])
            if known.keeps_wrong:
                output.kept += sum(digest in known.wrong for digest in known.digests)
            statuses, made = records.of(rows, ways, known)
            if absent:
                statuses, made = _with_absent(statuses, made, ways, absent, records)
            output.counts.update(statuses)
            if failed_only:
                made = [record for status, record in zip(statuses, made, strict=True) if status in WITHOUT_ANSWER]
            writer.write(made)
        world.progress.finish()
        judged.finish()
        findings.raise_if_errors()
        writer.finish()
    output.rows_digest = rows_digest.told()
    output.ends = records.ends
    output.warnings = warnings.diagnostics()
    return output


def check_formats(specs: Sequence[LoadedSpec], world: World) -> None:
    """Find out, before anything is paid for, whether every output can be written. Raises InvalidInputError."""
    for form in {loaded.spec.output_format for loaded in specs}:
        world.open_writer(form, io.BytesIO(), ()).close()


def export(specs: Sequence[LoadedSpec], world: World) -> list[Output]:
    """Write the output file of each spec, whole or not at all, and its manifest."""
    outputs = []
    for loaded in specs:
        path = loaded.spec.output_path
        commit = commit_of(loaded, world)
        with world.new_scratch() as scratch:
            tally = Tally(loaded.spec.models, scratch)
            with world.open_output(path) as stream:
                hashed = HashedStream(stream)
                output = write_results(loaded, hashed, world, path=path, tally=tally)
            output.manifest = manifest_path(path)
            write_manifest(lineage_of(loaded, tally, hashed.sha256(), output.counts, output.ends, commit, world), world)
        world.ledger.save_output(path, _fingerprint(loaded, output.rows_digest, world))
        outputs.append(output)
    return outputs


def is_current(loaded: LoadedSpec, rows_digest: str, world: World) -> bool:
    """Tell whether a spec's output file is the one written last, by this state and this spec, of these rows."""
    return world.ledger.saved_output(loaded.spec.output_path) == _fingerprint(loaded, rows_digest, world)


def _fingerprint(loaded: LoadedSpec, rows_digest: str, world: World) -> str:
    """Return what an output, its manifest and what they are made of are known by; it is compared with nothing else."""
    spec = loaded.spec
    files = (world.fingerprint(spec.output_path), world.fingerprint(manifest_path(spec.output_path)))
    by_plugin = [] if loaded.output_maker is None else [loaded.output_maker.mark]
    made_of = encode([combined(loaded.sources.texts), spec.variables, [*map(list, spec.targets)], *by_plugin])
    return " ".join(map(str, (*files, rows_digest, hashlib.sha256(made_of).hexdigest())))


def _with_absent(
    statuses: Sequence[str],
    made: Sequence[Record],
    ways: Sequence[_Way],
    absent: Iterable[tuple[int, InputRow]],
    records: _Records,
) -> tuple[list[str], list[Record]]:
    """Return records with those of the rows between them that make no request."""
    told: list[tuple[str, Record]] = []
    missing = deque(absent)
    for (index, _), status, record in zip(ways, statuses, made, strict=True):
        while missing and missing[0][0] <= index:
            told += records.of_absent(missing.popleft()[1])
        told.append((status, record))
    for _, left in missing:
        told += records.of_absent(left)
    return [status for status, _ in told], [record for _, record in told]


_Way = tuple[int, Target]
"""The index of a row among those of a chunk, and what it goes to."""


class _Answer(NamedTuple):
    """One answer as records have it: the body read and as it came, its text, and what went wrong."""

    value: object = None
    body: JsonText | None = None
    text: str | None = None
    usage: object = None
    error: dict[str, object] | None = None


_NO_ANSWER = _Answer()


class _Records:
    """Makes the records of one spec: rows and answers whole, or the columns that it declares."""

    def __init__(self, loaded: LoadedSpec, sink: DiagnosticSink, tally: Tally | None) -> None:
        self._tally = tally
        self._ends: Counter[str | None] = Counter()
        self._columns = loaded.columns
        self._answer_text = endpoint_at(loaded.spec.endpoint).answer_text
        self._sink = sink
        declared = _WHOLE if self._columns is None else self._columns.names
        self._forms = loaded.renderer.forms
        self._matrix = {form: JsonText(encode(form.combination.shown)) for form in self._forms}
        self._with_matrix = loaded.spec.has_matrix
        self._with_replicate = loaded.spec.replicates > 1
        extra = (*(("matrix",) if self._with_matrix else ()), *(("replicate",) if self._with_replicate else ()))
        self.names = ("custom_id", "model", *extra, "status", *declared, "error")

    def of(self, rows: RenderedRows, ways: Sequence[_Way], known: Standings) -> tuple[Sequence[str], Sequence[Record]]:
        """Return the statuses and the records of some rows and what they go to."""
        statuses = [status_of(known, digest) for digest in known.digests]
        answers = [
            _NO_ANSWER if status == "pending" else self._answer(known, digest)
            for status, digest in zip(statuses, known.digests, strict=True)
        ]
        self._count(known, ways, answers)
        heads = self._heads(rows, ways)
        errors = [cell(answer.error) for answer in answers]
        if self._columns is not None:
            return statuses, self._declared(rows, ways, statuses, answers, heads, errors)
        shown = [JsonText(encode(values)) for values in rows.block.values()]
        whole: Sequence[Sequence[Cell]] = (
            [shown[rows.origins[index]] for index, _ in ways],
            [answer.text for answer in answers],
            [answer.body for answer in answers],
            [cell(answer.usage) for answer in answers],
        )
        return statuses, list(zip(*heads, statuses, *whole, errors, strict=True))

    def _answer(self, known: Standings, digest: RequestDigest) -> _Answer:
        result = known.found[digest].result
        if result is None:
            return _NO_ANSWER
        error: dict[str, object] | None = None
        if result.error is not None:
            error = {"status_code": result.status_code, "message": result.error}
        elif not known.keeps_wrong and digest in known.wrong:
            error = {"status_code": result.status_code, "message": known.wrong[digest]}
        if result.body is None:
            return _Answer(error=error)
        value = parse(result.body)
        usage = value.get("usage") if isinstance(value, dict) else None
        return _Answer(value, JsonText(result.body), self._answer_text(value), usage, error)

    def _count(self, known: Standings, ways: Sequence[_Way], answers: Sequence[_Answer]) -> None:
        """Count how answers have ended, and, each once, what requests have come to."""
        self._ends.update([finish_reason(answer.value) for answer in answers if answer.body is not None])
        if self._tally is None:
            return
        fresh = self._tally.fresh(
            [digest for digest, answer in zip(known.digests, answers, strict=True) if answer is not _NO_ANSWER]
        )
        taken: dict[str, list[tuple[RecordedResult, object]]] = {}
        for digest, (_, target), answer in zip(known.digests, ways, answers, strict=True):
            if digest in fresh:
                fresh.remove(digest)
                result = known.found[digest].result
                assert result is not None, "an answer is of a result"
                taken.setdefault(target.model, []).append((result, answer.value))
        for model, results in taken.items():
            self._tally.add(model, results)

    def _declared(
        self,
        rows: RenderedRows,
        ways: Sequence[_Way],
        statuses: Sequence[str],
        answers: Sequence[_Answer],
        heads: Sequence[Sequence[Cell]],
        errors: Sequence[Cell],
    ) -> list[Record]:
        """Return records of the columns that the spec declares."""
        assert self._columns is not None
        made: list[Record] = []
        told = zip(ways, statuses, answers, zip(*heads, strict=True), errors, strict=True)
        listed = [*rows]
        for (index, target), status, answer, head, error in told:
            row = listed[index]
            names = {**self._names(row.row, row.form, target), "custom_id": row.custom_id, "status": status}
            answered = Answered(row.row.place, names, answer.value, answer.text, answer.usage, answer.error)
            made.append((*head, status, *self._columns.cells(answered, self._sink), error))
        return made

    def _heads(self, rows: RenderedRows, ways: Sequence[_Way]) -> list[list[Cell]]:
        """Return what stands before the status, in columns."""
        heads: list[list[Cell]] = [[rows.custom_ids[index] for index, _ in ways], [target.model for _, target in ways]]
        if self._with_matrix:
            heads.append([self._matrix[rows.forms[index]] for index, _ in ways])
        if self._with_replicate:
            heads.append([target.replicate for _, target in ways])
        return heads

    @property
    def ends(self) -> Counter[str]:
        """How many answers ended for each reason, of those that give one."""
        return Counter({reason: count for reason, count in self._ends.items() if reason is not None})

    def of_absent(self, row: InputRow) -> Iterator[tuple[str, Record]]:
        """Yield the records of a row that makes no request, since what it goes on from is not there."""
        absence = row.absent
        assert absence is not None, "only such rows come here"
        error = None
        if not absence.waits:
            what = f"its request {absence.custom_id} is {absence.status}"
            message = f"`{absence.spec}` has no answer to go on from: {what}"
            error = {"status_code": None, "message": message}
        for form in self._forms:
            for target in form.targets:
                head = self._head(absence.custom_id, form, target)
                if self._columns is None:
                    yield (
                        absence.status,
                        (*head, absence.status, JsonText(encode(row.values)), None, None, None, cell(error)),
                    )
                    continue
                names = {**self._names(row, form, target), "custom_id": absence.custom_id, "status": absence.status}
                answered = Answered(row.place, names, None, None, None, error)
                cells = self._columns.cells(answered, self._sink)
                yield absence.status, (*head, absence.status, *cells, cell(error))

    def _head(self, custom_id: str, form: Form, target: Target) -> list[Cell]:
        head: list[Cell] = [custom_id, target.model]
        if self._with_matrix:
            head.append(self._matrix[form])
        if self._with_replicate:
            head.append(target.replicate)
        return head

    def _names(self, row: InputRow, form: Form, target: Target) -> dict[str, object]:
        return {
            "row": row.values,
            "model": target.model,
            "matrix": form.combination.shown,
            "replicate": target.replicate,
        }


def status_of(known: Standings, digest: RequestDigest) -> str:
    """Return how a request stands, in the word of an output."""
    standing = known.found.get(digest)
    if standing is None:
        return "pending"
    return "invalid" if digest in known.wrong and not known.keeps_wrong else _STATUS[standing.recorded.status]
