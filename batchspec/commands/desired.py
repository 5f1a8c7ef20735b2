"""The requests that a spec declares, in chunks: rendered, checked, and compared with the rows before them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from batchspec.commands.findings import Findings
from batchspec.commands.loading import LoadedSpec
from batchspec.core.diagnostics import Diagnostic, Location, Severity
from batchspec.core.json_text import encode
from batchspec.core.ports import Progress, Scratch
from batchspec.core.rendering import RenderedRow

CHUNK = 2_000

Stop = Callable[[], None]
"""Called between steps; raises Interrupted once a signal has asked to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredChunk:
    """Consecutive rows of a spec. `repeated` are the indices of rows whose body an earlier row has already."""

    rows: list[RenderedRow]
    repeated: set[int]


class RowsDigest:
    """What an output is made of beside the answers: the rows as they are, in their order, and what each asks for."""

    def __init__(self) -> None:
        self._state = hashlib.blake2b(digest_size=16)

    def add(self, rows: Iterable[RenderedRow]) -> None:
        """Go on with these rows."""
        for row in rows:
            self._state.update(b"%s\0%s\0%s\n" % (encode(row.custom_id), encode(row.row.values), row.digest))

    def told(self) -> str:
        """Return the digest of all rows so far in hexadecimal."""
        return self._state.hexdigest()


def rendered_chunks(
    loaded: LoadedSpec, findings: Findings, progress: Progress, stop: Stop
) -> Iterator[list[RenderedRow]]:
    """Yield a spec's rows, rendered, in chunks; what cannot be rendered goes to `findings`."""
    stream = loaded.renderer.render(loaded.rows.rows(findings), findings)
    while rows := list(islice(stream, CHUNK)):
        stop()
        yield rows
        progress.advance(len(rows))


def desired_chunks(
    loaded: LoadedSpec, scratch: Scratch, findings: Findings, progress: Progress, stop: Stop
) -> Iterator[DesiredChunk]:
    """Yield what a spec declares, each chunk knowing its repeats; a custom_id given twice goes to `findings`."""
    spec = loaded.spec
    for rows in rendered_chunks(loaded, findings, progress, stop):
        repeated = scratch.add_bodies(spec.name, [row.digest for row in rows])
        if loaded.renderer.names_its_ids:
            listed = [(row.custom_id, row.digest, row.row.place) for row in rows]
            for index, place in scratch.add_ids(spec.name, listed).items():
                findings(_repeated_id(rows[index], place))
        else:
            # An id that follows from the body repeats with it, and means the same request.
            fresh = (row for index, row in enumerate(rows) if index not in repeated)
            scratch.add_ids(spec.name, [(row.custom_id, row.digest, "") for row in fresh])
        yield DesiredChunk(rows=rows, repeated=repeated)


def drain(chunks: Iterable[object]) -> None:
    """Go through chunks for their findings alone."""
    for _ in chunks:
        pass


def _repeated_id(row: RenderedRow, place: str) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code="repeated-custom-id",
        location=Location.at(row.row.path, row.row.line),
        summary=f"the custom_id `{row.custom_id}` is taken",
        detail=f"the row at {place} has it already; answers are told apart by it",
        hint="use a column that is unique, or join two: custom_id: '{{ row.a }}-{{ row.b }}'",
    )
