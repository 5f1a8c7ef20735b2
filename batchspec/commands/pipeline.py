"""The rows of a spec that goes on from another spec's results: each with what was answered to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from batchspec.commands.judging import Answers, Judged
from batchspec.commands.loaded import LoadedSpec
from batchspec.core.answer_json import answer_json
from batchspec.core.canonical import RequestIdentity
from batchspec.core.columns import Answered
from batchspec.core.diagnostics import Diagnostic, DiagnosticSink, Location, Severity
from batchspec.core.endpoints import endpoint_at
from batchspec.core.json_text import parse
from batchspec.core.ledger import RecordedResult
from batchspec.core.model import Absence, InputRow, RequestDigest, SpecResults, Target
from batchspec.core.planning import Action
from batchspec.core.records import JsonText
from batchspec.core.rendered import RenderedRow

_CHUNK = 500
_STATUS = {Action.FAILED: "failed", Action.HELD: "held", Action.LOST: "lost", Action.INVALID: "invalid"}


def rows_of(loaded: LoadedSpec, answers: Answers | None, sink: DiagnosticSink) -> Iterator[InputRow]:
    """Yield a spec's rows; of one that goes on from another spec also the rows that have no answer to go on from.

    Without `answers` there are none of the latter spec's.
    """
    if loaded.upstream is None:
        yield from loaded.rows.rows(sink)
    elif answers is not None:
        joined = _JoinedRows(loaded.upstream, _results_of(loaded), answers)
        yield from loaded.shape(joined).rows(sink)


def _results_of(loaded: LoadedSpec) -> SpecResults:
    inputs = loaded.spec.inputs
    assert isinstance(inputs, SpecResults), "only such a spec has one upstream"
    return inputs


@dataclass(frozen=True, slots=True)
class _JoinedRows:
    """The rows of a spec with its answers. Fills `core.ports.RowSource`."""

    upstream: LoadedSpec
    wanted: SpecResults
    answers: Answers

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield a row for each request of each row, in order; what is wrong with the other spec goes to `sink`."""
        join = _Join(self.upstream, self.wanted, sink)
        stream = self._requests(sink)
        judged = Judged(self.upstream, self.answers, remember=False)
        while chunk := list(islice(stream, _CHUNK)):
            asked = [digest for _, _, digest in chunk if digest is not None]
            decided, _, _ = judged.decide(asked)
            actions, results = iter(decided), self.answers.results(asked)
            for row, target, digest in chunk:
                if isinstance(row, InputRow) or target is None or digest is None:
                    assert isinstance(row, InputRow), "what has no request is a row without an answer"
                    yield row
                    continue
                action = next(actions)
                result = results.get(digest)
                if action is Action.DONE and result is not None:
                    yield from join.joined(row, target, result)
                else:
                    status = _STATUS.get(action, "pending")
                    absent = Absence(self.upstream.spec.name, row.custom_id, status)
                    yield row.row._replace(absent=absent)

    def _requests(
        self, sink: DiagnosticSink
    ) -> Iterator[tuple[RenderedRow | InputRow, Target | None, RequestDigest | None]]:
        spec, renderer = self.upstream.spec, self.upstream.renderer
        identities = {target: RequestIdentity.of(spec.endpoint, target) for target in spec.targets}
        ways = sum(len(form.targets) for form in renderer.forms)
        for row in rows_of(self.upstream, self.answers, sink):
            if row.absent is not None:
                yield row._replace(absent=row.absent._replace(rows=row.absent.rows * ways)), None, None
                continue
            for rendered in renderer.render((row,), sink):
                for target in rendered.form.targets:
                    yield rendered, target, identities[target].digest(rendered.digest)


class _Join:
    """Puts an answer beside the row that it is of."""

    def __init__(self, upstream: LoadedSpec, wanted: SpecResults, sink: DiagnosticSink) -> None:
        self._upstream = upstream
        self._alias = wanted.alias
        self._place = wanted.place
        self._sink = sink
        self._text = endpoint_at(upstream.spec.endpoint).answer_text
        self._told = False

    def joined(self, row: RenderedRow, target: Target, result: RecordedResult) -> Iterator[InputRow]:
        """Yield the row with its answer; none, and a finding, where a column has the answer's name already."""
        if self._alias in row.row.values:
            if not self._told:
                self._told = True
                self._sink(self._taken(row))
            return
        answer = self._answer(row, target, result)
        yield row.row._replace(values={**row.row.values, self._alias: answer})

    def _answer(self, row: RenderedRow, target: Target, result: RecordedResult) -> dict[str, object]:
        response = None if result.body is None else parse(result.body)
        text = None if response is None else self._text(response)
        found = None if text is None else answer_json(text)
        answer: dict[str, object] = {"custom_id": row.custom_id, "model": target.model}
        spec = self._upstream.spec
        if spec.has_matrix:
            answer["matrix"] = dict(row.form.combination.shown)
        if spec.replicates > 1:
            answer["replicate"] = target.replicate
        usage = response.get("usage") if isinstance(response, dict) else None
        columns = self._upstream.columns
        if columns is not None:
            names: dict[str, object] = {"row": row.row.values, "custom_id": row.custom_id, "model": target.model}
            names |= {"matrix": row.form.combination.shown, "replicate": target.replicate, "status": "succeeded"}
            cells = columns.cells(Answered(row.row.place, names, response, text, usage, None), _told_elsewhere)
            answer |= {
                name: parse(cell) if isinstance(cell, JsonText) else cell
                for name, cell in zip(columns.names, cells, strict=True)
            }
        answer |= {"text": text, "json": None if found is None else found.value, "response": response, "usage": usage}
        return answer

    def _taken(self, row: RenderedRow) -> Diagnostic:
        path, line, column = self._place
        return Diagnostic(
            severity=Severity.ERROR,
            code="column-taken",
            location=Location.at(path, line, column),
            summary=f"the rows of `{self._upstream.spec.name}` have a column `{self._alias}` already",
            detail="what was answered would stand under the same name",
            hint="give it another: inputs: {spec: …, as: answer}",
            row=row.row.place,
        )


def _told_elsewhere(_found: Diagnostic) -> None:
    """Say nothing: a column that fails is told where its own spec's output is written."""
