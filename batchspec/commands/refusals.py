"""Leads a provider's refusal of single requests back to the input rows and the spec that made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from batchspec.commands.desired import rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.submit import RequestsRefusedError
from batchspec.commands.world import World
from batchspec.core.diagnostics import Diagnostic, Location, Severity
from batchspec.core.errors import InvalidInputError
from batchspec.core.rendered import RenderedRow
from batchspec.core.spec import Spec


def located(error: RequestsRefusedError, specs: Sequence[LoadedSpec], world: World) -> InvalidInputError:
    """Return the refusal as findings at the rows; the inputs are read once more to find them."""
    findings = []
    for loaded in specs:
        if loaded.spec.name == error.spec:
            rows = _rows(loaded, error.messages, world)
            findings = [_finding(loaded.spec, row, error.messages[row.custom_id]) for row in rows]
    count = len(error.messages)
    summary = f"the provider refused {count} of the requests of {error.spec}; none of them was sent"
    return InvalidInputError(summary, findings, why="; ".join(error.messages.values()), hint="mend them and run again")


def _rows(loaded: LoadedSpec, wanted: Mapping[str, str], world: World) -> Iterator[RenderedRow]:
    left = set(wanted)
    for chunk in rendered_chunks(loaded, world.ledger, Findings(), world.progress, world.stop):
        for row in chunk.rows:
            if row.custom_id in left:
                left.discard(row.custom_id)
                yield row
        if not left:
            return


def _finding(spec: Spec, row: RenderedRow, message: str) -> Diagnostic:
    made_by = spec.finding((), "refused", message).location
    line = f":{made_by.span.line}" if made_by.span else ""
    return Diagnostic(
        severity=Severity.ERROR,
        code="refused",
        location=Location.at(row.row.path, row.row.line),
        summary=f"the provider refused the request `{row.custom_id}`: {message}",
        detail=f"it is made of this row by {made_by.path}{line}; nothing was sent",
        hint=f"`batchspec render --out - --id '{row.custom_id}' {spec.path}` shows it; mend the row or the template",
    )
