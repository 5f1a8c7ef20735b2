"""`results`: the declared rows joined to their answers, in input order, a record for each request of a row."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.commands.desired import RowsDigest, rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.judging import Judged
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
from batchspec.core.ledger import Recorded, RecordedResult, RequestStatus
from batchspec.core.manifest import combined
from batchspec.core.model import InputRow, RequestDigest, Target
from batchspec.core.outputs import manifest_path
from batchspec.core.records import Cell, JsonText, OutputFormat, Record, WritesBytes, cell
from batchspec.core.rendered import RenderedRow

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
_WITHOUT_ANSWER = frozenset({"failed", "invalid", "held", "lost"})


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
    form: OutputFormat | None = None,
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
    judged = Judged(loaded, world.ledger, remember=world.locked)
    rows_digest = RowsDigest()
    with closing(world.open_writer(form or spec.output_format, stream, records.names)) as writer:
        world.progress.start("results")
        for chunk in rendered_chunks(loaded, world.ledger, findings, world.progress, world.stop):
            rows, absent = chunk.rows, chunk.absent
            rows_digest.add(chunk.told())
            asked = [identities[target].digest(row.digest) for row in rows for target in row.form.targets]
            known = _known(asked, judged, world, tally)
            output.kept += known.kept
            made: list[tuple[str, Record]] = []
            missing = deque(absent)
            index = -1
            for place, row in enumerate(rows):
                while missing and missing[0][0] == place:
                    made += records.of_absent(missing.popleft()[1])
                for target in row.form.targets:
                    index += 1
                    status = known.status(index)
                    made.append((status, records.record(row, target, status, known.take(index))))
            for _, left in missing:
                made += records.of_absent(left)
            output.counts.update(status for status, _ in made)
            writer.write(record for status, record in made if not failed_only or status in _WITHOUT_ANSWER)
        world.progress.finish()
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
    made_of = encode([combined(loaded.sources.texts), spec.variables, [*map(list, spec.targets)]])
    return " ".join(map(str, (*files, rows_digest, hashlib.sha256(made_of).hexdigest())))


class _Taken(NamedTuple):
    """What is known of one request: its answer, whether it is met for the first time, and what is wrong with it."""

    result: RecordedResult | None
    first: bool
    wrong: str | None


class _Known(NamedTuple):
    """What is recorded of some requests, in their order; `fresh` are those still to be counted.

    `wrong` says what is wrong with answers that do not fit; `keeps` is whether they count all the same.
    """

    digests: Sequence[RequestDigest]
    recorded: Mapping[RequestDigest, Recorded]
    results: Mapping[RequestDigest, RecordedResult]
    fresh: set[bytes]
    wrong: Mapping[RequestDigest, str]
    keeps: bool

    @property
    def kept(self) -> int:
        return sum(digest in self.wrong for digest in self.digests) if self.keeps else 0

    def status(self, index: int) -> str:
        digest = self.digests[index]
        known = self.recorded.get(digest)
        if known is None:
            return "pending"
        return "invalid" if digest in self.wrong and not self.keeps else _STATUS[known.status]

    def take(self, index: int) -> _Taken:
        digest = self.digests[index]
        first = digest in self.fresh
        if first:
            self.fresh.remove(digest)
        return _Taken(self.results.get(digest), first, None if self.keeps else self.wrong.get(digest))


def _known(digests: Sequence[RequestDigest], judged: Judged, world: World, tally: Tally | None) -> _Known:
    _, recorded, wrong = judged.decide(digests)
    results = world.ledger.results(digests)
    fresh = set() if tally is None else tally.fresh(digests, results)
    return _Known(digests, recorded, results, fresh, wrong, judged.keeps)


class _Records:
    """Makes the records of one spec: rows and answers whole, or the columns that it declares."""

    def __init__(self, loaded: LoadedSpec, sink: DiagnosticSink, tally: Tally | None) -> None:
        self._tally = tally
        self._ends: Counter[str | None] = Counter()
        self._columns = loaded.columns
        self._answer_text = endpoint_at(loaded.spec.endpoint).answer_text
        self._sink = sink
        self._shown: tuple[InputRow | None, JsonText] = (None, JsonText())
        declared = _WHOLE if self._columns is None else self._columns.names
        self._forms = loaded.renderer.forms
        self._matrix = {form: encode(form.combination.shown) for form in self._forms}
        self._with_matrix = loaded.spec.has_matrix
        self._with_replicate = loaded.spec.replicates > 1
        extra = (*(("matrix",) if self._with_matrix else ()), *(("replicate",) if self._with_replicate else ()))
        self.names = ("custom_id", "model", *extra, "status", *declared, "error")

    def record(self, row: RenderedRow, target: Target, status: str, taken: _Taken) -> Record:
        """Return the record of a row and a target; its result is of no account while the row is pending."""
        result = taken.result
        body: JsonText | None = None
        value: object = None
        error: dict[str, object] | None = None
        if result is not None and status != "pending":
            if result.body is not None:
                body = JsonText(result.body)
                value = parse(result.body)
            if result.error is not None:
                error = {"status_code": result.status_code, "message": result.error}
            elif taken.wrong is not None:
                error = {"status_code": result.status_code, "message": taken.wrong}
            self._ends[finish_reason(value)] += body is not None
            if taken.first and self._tally is not None:
                self._tally.add(target.model, result, value)
        text = None if body is None else self._answer_text(value)
        usage = value.get("usage") if isinstance(value, dict) else None
        head = self._head(row.custom_id, row.form, target)
        if self._columns is None:
            return (*head, status, self._row(row.row), text, body, cell(usage), cell(error))
        names = {**self._names(row.row, row.form, target), "custom_id": row.custom_id, "status": status}
        answered = Answered(row.row.place, names, value, text, usage, error)
        return (*head, status, *self._columns.cells(answered, self._sink), cell(error))

    @property
    def ends(self) -> Counter[str]:
        """How many answers ended for each reason, of those that give one."""
        return Counter({reason: count for reason, count in self._ends.items() if reason is not None and count})

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
                    yield absence.status, (*head, absence.status, self._row(row), None, None, None, cell(error))
                    continue
                names = {**self._names(row, form, target), "custom_id": absence.custom_id, "status": absence.status}
                answered = Answered(row.place, names, None, None, None, error)
                cells = self._columns.cells(answered, self._sink)
                yield absence.status, (*head, absence.status, *cells, cell(error))

    def _head(self, custom_id: str, form: Form, target: Target) -> list[Cell]:
        head: list[Cell] = [custom_id, target.model]
        if self._with_matrix:
            head.append(JsonText(self._matrix[form]))
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

    def _row(self, row: InputRow) -> JsonText:
        """Return the row itself, encoded once for all that is made of it."""
        if self._shown[0] is not row:
            self._shown = (row, JsonText(encode(row.values)))
        return self._shown[1]
