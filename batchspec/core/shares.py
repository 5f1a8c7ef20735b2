"""A spec's rows cut into chunks that several workers render, each its share, and the form in which chunks travel.

Chunks are cut by input rows alone, so that they are the same however many workers there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

from batchspec.core.diagnostics import Diagnostic, DiagnosticSink
from batchspec.core.hashed_reading import Readings
from batchspec.core.json_text import encode
from batchspec.core.model import Absence, BodyDigest, InputRow
from batchspec.core.ports import ProjectFiles, RowSource
from batchspec.core.rendering import RenderedRow, SpecRenderer
from batchspec.core.spec import Spec

CHUNK = 2_000
"""About how many requests are planned, compared and written at a time."""


# Skips the function that a NamedTuple has for its keywords, which a million rows would feel.
_new = tuple.__new__


class Share(NamedTuple):
    """Which chunks a worker renders: of every `workers` chunks the one at `position`."""

    position: int
    workers: int


class RowWorkers(Protocol):
    """Renders in several processes. `inputs` are the files that the rows are read from."""

    def count(self, inputs: Sequence[str]) -> int:
        """Return how many processes are worth it; 1 is this one."""
        ...

    def render(self, recipe: Recipe, inputs: Sequence[str], processes: int) -> Generator[Parcel, None, None]:
        """Yield a spec's chunks, rendered, in order. Raises BatchspecError where that cannot be done."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that another process needs to render a spec: the spec, its files, its body's schema and its rows.

    `readings` are where the files of the rows are hashed to while they are read, if that is wanted.
    """

    spec: Spec
    files: ProjectFiles
    schema: Mapping[str, object] | None
    rows: RowSource
    readings: Readings | None = None


class Parcel(NamedTuple):
    """One chunk, rendered, without the values of its rows: for each request its parts, and the index of its form.

    `told` is the chunk's part of what an output is known by, `rows` counts input rows, `findings` are those about them.
    After the `last` chunk there is none.
    """

    custom_ids: list[str]
    bodies: list[bytes]
    digests: list[BodyDigest]
    forms: list[int]
    places: list[tuple[str, int]]
    told: bytes
    rows: int
    findings: list[Diagnostic]
    last: bool


def rows_a_chunk(renderer: SpecRenderer) -> int:
    """Return how many input rows make a chunk; each makes a request in every form."""
    return max(1, CHUNK // len(renderer.forms))


def chunks_of(rows: Iterable[InputRow], size: int) -> Iterator[list[InputRow]]:
    """Yield the rows in chunks; the last one is shorter than `size`, and may be empty."""
    iterator = iter(rows)
    while len(chunk := list(islice(iterator, size))) == size:
        yield chunk
    yield chunk


def told_by(rows: Sequence[RenderedRow], absences: Sequence[Absence] = ()) -> bytes:
    """Return what an output is made of beside the answers, as far as this chunk goes, digested.

    That is the rows as they are, in their order, and what each asks for.
    """
    # A row in several forms comes once for each, in their order; which they are is not of the rows.
    told = encode([*map(list, absences), *[(row.custom_id, row.row.values) for row in rows]])
    state = hashlib.sha256(b"%d\n%s\n" % (len(absences), told))
    state.update(b"".join([row.digest for row in rows]))
    return state.digest()


def asked_by(rows: Sequence[RenderedRow]) -> bytes:
    """Return what a chunk asks for, digested: the ids and the bodies of its requests, in their order."""
    state = hashlib.sha256(encode([row.custom_id for row in rows]))
    state.update(b"".join([row.digest for row in rows]))
    return state.digest()


def render_share(recipe: Recipe, renderer: SpecRenderer, share: Share) -> Iterator[Parcel]:
    """Read all rows, render those of one share, and yield its chunks in order.

    What is found while reading a chunk's rows goes with the chunk; so each finding is told by one worker.
    """
    findings: list[Diagnostic] = []
    sink: DiagnosticSink = findings.append
    size = rows_a_chunk(renderer)
    place = {form: index for index, form in enumerate(renderer.forms)}
    for number, chunk in enumerate(chunks_of(recipe.rows.rows(sink), size)):
        if number % share.workers == share.position:
            rows = list(renderer.render(chunk, sink))
            yield Parcel(
                custom_ids=[row.custom_id for row in rows],
                bodies=[row.body for row in rows],
                digests=[row.digest for row in rows],
                forms=[place[row.form] for row in rows],
                places=[(row.row.path, row.row.line) for row in rows],
                told=told_by(rows),
                rows=len(chunk),
                findings=findings.copy(),
                last=len(chunk) < size,
            )
        findings.clear()


def unpacked(parcel: Parcel, renderer: SpecRenderer) -> list[RenderedRow]:
    """Return the requests of a chunk that another process has rendered; their rows have a place and no values."""
    forms = renderer.forms
    rows = [_new(InputRow, ({}, path, line, None)) for path, line in parcel.places]
    told = zip(rows, parcel.custom_ids, parcel.bodies, parcel.digests, [forms[at] for at in parcel.forms], strict=True)
    return [_new(RenderedRow, parts) for parts in told]
