"""`render`: the lines that would be sent, written without a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from batchspec.commands.desired import Stop, desired_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.core.canonical import RequestIdentity
from batchspec.core.ledger import Ledger
from batchspec.core.lines import request_line
from batchspec.core.model import Target
from batchspec.core.planning import decide
from batchspec.core.ports import Progress, Scratch
from batchspec.core.rendered import RenderedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """Which lines: at most `limit` of each spec, one `custom_id` alone, only those that are not satisfied yet."""

    limit: int | None = None
    custom_id: str | None = None
    changed: bool = False


def render_spec(
    loaded: LoadedSpec,
    stream: BinaryIO,
    options: RenderOptions,
    *,
    ledger: Ledger | None,
    scratch: Scratch,
    progress: Progress,
    stop: Stop,
) -> int:
    """Write a spec's distinct lines and return how many. Raises InvalidInputError when a row cannot be rendered.

    `ledger` is what `changed` compares with, and what a spec that goes on from another one is joined to; without one
    everything is new.
    """
    findings = Findings()
    progress.start("rendering")
    written = 0
    for row in _wanted(loaded, options, ledger, findings, scratch=scratch, progress=progress, stop=stop):
        if options.limit is not None and written >= options.limit:
            break
        stream.write(request_line(row.custom_id, row.body))
        written += 1
    progress.finish()
    findings.raise_if_errors()
    return written


def _wanted(
    loaded: LoadedSpec,
    options: RenderOptions,
    ledger: Ledger | None,
    findings: Findings,
    *,
    scratch: Scratch,
    progress: Progress,
    stop: Stop,
) -> Iterator[RenderedRow]:
    spec = loaded.spec
    identities = {target: RequestIdentity.of(spec.endpoint, target) for target in spec.targets}
    named = loaded.renderer.names_its_ids
    for chunk in desired_chunks(
        loaded, ledger, scratch, findings, progress, stop, with_values=options.limit is not None
    ):
        rows = [row for index, row in enumerate(chunk.rows) if index not in chunk.repeated]
        if options.custom_id is not None:
            # A row that names its id is shown by it, though another row's line may be sent for both.
            rows = [row for row in (chunk.rows if named else rows) if row.custom_id == options.custom_id]
        if options.changed and ledger is not None:
            rows = _unsatisfied(rows, identities, ledger, spec.max_attempts)
        yield from rows


def _unsatisfied(
    rows: Sequence[RenderedRow], identities: Mapping[Target, RequestIdentity], ledger: Ledger, max_attempts: int
) -> list[RenderedRow]:
    ways = [(index, target) for index, row in enumerate(rows) for target in row.form.targets]
    digests = [identities[target].digest(rows[index].digest) for index, target in ways]
    recorded = ledger.recorded(digests)
    needed = {
        index
        for (index, _), digest in zip(ways, digests, strict=True)
        if decide(recorded.get(digest), max_attempts).sends
    }
    return [rows[index] for index in sorted(needed)]
