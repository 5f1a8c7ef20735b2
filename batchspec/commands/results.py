"""`results`: the declared rows joined to their answers, in input order, one record per row and model."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from batchspec.commands.desired import RowsDigest, rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loading import LoadedSpec
from batchspec.commands.sources import combined
from batchspec.commands.world import World
from batchspec.core.canonical import RequestIdentity
from batchspec.core.columns import Answered
from batchspec.core.diagnostics import Diagnostic, DiagnosticSink
from batchspec.core.endpoints import endpoint_at
from batchspec.core.json_text import encode, parse
from batchspec.core.ledger import Recorded, RecordedResult, RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.core.records import JsonText, OutputFormat, Record, cell
from batchspec.core.rendering import RenderedRow

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
_WITHOUT_ANSWER = frozenset({"failed", "held", "lost"})


@dataclass(slots=True, kw_only=True)
class Output:
    """A written results file: its path relative to the project's root, its lines by status, the rows it is of.

    `warnings` are columns that are null for a row that has its answer, since their template failed.
    """

    spec: str
    path: str
    rows_digest: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    warnings: Sequence[Diagnostic] = ()


def write_results(
    loaded: LoadedSpec,
    stream: BinaryIO,
    world: World,
    *,
    path: str,
    form: OutputFormat | None = None,
    failed_only: bool = False,
) -> Output:
    """Write a spec's rows with their answers to `stream`, in its own format or in `form`.

    Raises InvalidInputError when a row cannot be rendered.
    """
    spec = loaded.spec
    output = Output(spec=spec.name, path=path)
    findings, warnings = Findings(), Findings()
    identities = {model: RequestIdentity(spec.endpoint, model) for model in spec.models}
    records = _Records(loaded, warnings)
    writer = world.open_writer(form or spec.output_format, stream, records.names)
    world.progress.start("results")
    rows_digest = RowsDigest()
    for rows in rendered_chunks(loaded, findings, world.progress, world.stop):
        rows_digest.add(rows)
        columns = [_answers(identity, rows, world) for identity in identities.values()]
        chunk: list[Record] = []
        for index, row in enumerate(rows):
            for model, (digests, recorded, results) in zip(spec.models, columns, strict=True):
                digest = digests[index]
                known = recorded.get(digest)
                status = "pending" if known is None else _STATUS[known.status]
                output.counts[status] += 1
                if not failed_only or status in _WITHOUT_ANSWER:
                    chunk.append(records.record(row, model, status, results.get(digest)))
        writer.write(chunk)
    world.progress.finish()
    findings.raise_if_errors()
    writer.finish()
    output.rows_digest = rows_digest.told()
    output.warnings = warnings.diagnostics()
    return output


def export(specs: Sequence[LoadedSpec], world: World) -> list[Output]:
    """Write the output file of each spec, whole or not at all."""
    outputs = []
    for loaded in specs:
        path = loaded.spec.output_path
        with world.open_output(path) as stream:
            outputs.append(write_results(loaded, stream, world, path=path))
        world.ledger.save_output(path, _fingerprint(loaded, outputs[-1].rows_digest, world))
    return outputs


def is_current(loaded: LoadedSpec, rows_digest: str, world: World) -> bool:
    """Tell whether a spec's output file is the one written last, by this state and this spec, of these rows."""
    return world.ledger.saved_output(loaded.spec.output_path) == _fingerprint(loaded, rows_digest, world)


def _fingerprint(loaded: LoadedSpec, rows_digest: str, world: World) -> str:
    spec = loaded.spec
    made_of = encode([combined(loaded.sources.texts), spec.variables, spec.models])
    return f"{world.fingerprint(spec.output_path)} {rows_digest} {hashlib.sha256(made_of).hexdigest()}"


_Column = tuple[list[RequestDigest], Mapping[RequestDigest, Recorded], Mapping[RequestDigest, RecordedResult]]


def _answers(identity: RequestIdentity, rows: Sequence[RenderedRow], world: World) -> _Column:
    digests = [identity.digest(row.digest) for row in rows]
    return digests, world.ledger.recorded(digests), world.ledger.results(digests)


class _Records:
    """Makes the records of one spec: rows and answers whole, or the columns that it declares."""

    def __init__(self, loaded: LoadedSpec, sink: DiagnosticSink) -> None:
        self._columns = loaded.columns
        self._answer_text = endpoint_at(loaded.spec.endpoint).answer_text
        self._sink = sink
        self._shown: tuple[RenderedRow | None, JsonText] = (None, JsonText())
        declared = _WHOLE if self._columns is None else self._columns.names
        self.names = ("custom_id", "model", "status", *declared, "error")

    def record(self, row: RenderedRow, model: str, status: str, result: RecordedResult | None) -> Record:
        """Return the record of a row and a model; `result` is of no account while the row is pending."""
        body: JsonText | None = None
        value: object = None
        error: dict[str, object] | None = None
        if result is not None and status != "pending":
            if result.body is not None:
                body = JsonText(result.body)
                value = parse(result.body)
            if result.error is not None:
                error = {"status_code": result.status_code, "message": result.error}
        text = None if body is None else self._answer_text(value)
        usage = value.get("usage") if isinstance(value, dict) else None
        if self._columns is None:
            return (row.custom_id, model, status, self._row(row), text, body, cell(usage), cell(error))
        names = {"row": row.row.values, "custom_id": row.custom_id, "model": model, "status": status}
        answered = Answered(row.row.place, names, value, text, usage, error)
        return (row.custom_id, model, status, *self._columns.cells(answered, self._sink), cell(error))

    def _row(self, row: RenderedRow) -> JsonText:
        """Return the row itself, encoded once for all its models."""
        if self._shown[0] is not row:
            self._shown = (row, JsonText(encode(row.row.values)))
        return self._shown[1]
