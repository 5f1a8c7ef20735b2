"""A spec's rows cut into chunks that several workers render, each its share, and the form in which chunks travel.

Chunks are cut by input rows alone, so that they are the same however many workers there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from batchspec.core.diagnostics import Diagnostic, DiagnosticSink
from batchspec.core.hashed_reading import Readings
from batchspec.core.json_text import encode
from batchspec.core.model import Absence, BodyDigest, InputRow
from batchspec.core.ports import ProjectFiles, RowSource
from batchspec.core.rendered import RenderedRows
from batchspec.core.rendering import SpecRenderer
from batchspec.core.row_blocks import ListedRows, blocks_of
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

    `origins` are the indices of their rows, and `places` the paths and lines of those. `told` is the chunk's part of
    what an output is known by, `asked` of what is asked for; `findings` are those about its rows. After the `last`
    chunk there is none.
    """

    custom_ids: Sequence[str]
    bodies: Sequence[bytes]
    digests: list[BodyDigest]
    forms: Sequence[int]
    origins: Sequence[int]
    places: Sequence[tuple[str, int]]
    told: bytes
    asked: bytes
    findings: list[Diagnostic]
    last: bool


def rows_a_chunk(renderer: SpecRenderer) -> int:
    """Return how many input rows make a chunk; each makes a request in every form."""
    return max(1, CHUNK // len(renderer.forms))


def told_by(requests: RenderedRows, absences: Sequence[Absence] = ()) -> bytes:
    """Return what an output is made of beside the answers, as far as this chunk goes, digested.

    That is the rows as they are, in their order, and what each asks for.
    """
    state = hashlib.sha256(requests.asked())
    rows = requests.block.told()
    state.update(b"%d\n%b" % (len(rows), rows))
    state.update(encode([*map(list, absences)]))
    return state.digest()


def render_share(recipe: Recipe, renderer: SpecRenderer, share: Share) -> Iterator[Parcel]:
    """Read all rows, render those of one share, and yield its chunks in order.

    What is found while reading a chunk's rows goes with the chunk; so each finding is told by one worker.
    """
    findings: list[Diagnostic] = []
    sink: DiagnosticSink = findings.append
    size = rows_a_chunk(renderer)
    place = {form: index for index, form in enumerate(renderer.forms)}
    for number, block in enumerate(blocks_of(recipe.rows, size, sink)):
        if number % share.workers == share.position:
            requests = renderer.render_block(block, sink)
            yield Parcel(
                custom_ids=requests.custom_ids,
                bodies=requests.bodies,
                digests=requests.digests,
                forms=[place[form] for form in requests.forms],
                origins=requests.origins,
                places=[*block.places()],
                told=told_by(requests),
                asked=requests.asked(),
                findings=findings.copy(),
                last=len(block) < size,
            )
        findings.clear()


def unpacked(parcel: Parcel, renderer: SpecRenderer) -> RenderedRows:
    """Return the requests of a chunk that another process has rendered; their rows have a place and no values."""
    rows = ListedRows([_new(InputRow, ({}, path, line, None)) for path, line in parcel.places])
    forms = [renderer.forms[at] for at in parcel.forms]
    return RenderedRows(
        rows, parcel.origins, parcel.custom_ids, parcel.bodies, parcel.digests, forms, asked=parcel.asked
    )
