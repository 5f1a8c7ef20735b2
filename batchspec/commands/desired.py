"""The requests that a spec declares, in chunks: rendered, checked, and compared with the rows before them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.core.canonical import BODY_DIGEST_BYTES
from batchspec.core.diagnostics import Diagnostic, Location, Severity
from batchspec.core.forms import Form
from batchspec.core.model import Absence, BodyDigest, InputRow
from batchspec.core.ports import Progress, Scratch
from batchspec.core.rendered import RenderedRow, RenderedRows, rendered_rows
from batchspec.core.row_blocks import ListedRows, blocks_of
from batchspec.core.shares import CHUNK, Parcel, rows_a_chunk, told_by, unpacked

if TYPE_CHECKING:
    from batchspec.commands.judging import Answers
    from batchspec.core.ledger import DeclaredRow

Stop = Callable[[], None]
"""Called between steps; raises Interrupted once a signal has asked to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredChunk:
    """Consecutive rows of a spec, each in every form; `repeated` are the indices of requests that came before.

    `absences` are of the rows that cannot be rendered yet, or ever, since they go on from an answer that is not there.
    """

    rows: RenderedRows
    repeated: set[int]
    told: Callable[[], bytes]
    absences: Sequence[Absence] = ()


class RowsDigest:
    """What an output is made of beside the answers, digested chunk by chunk: see `told_by`."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def add(self, told: bytes) -> None:
        """Go on with what a chunk tells."""
        self._state.update(told)

    def told(self) -> str:
        """Return the digest of all rows so far in hexadecimal."""
        return self._state.hexdigest()


class RenderedChunk(NamedTuple):
    """Consecutive requests of a spec, rendered; `absent` rows make none, each with the place before which it stands.

    `parcel` is set where another process has rendered them.
    """

    rows: RenderedRows
    absent: Sequence[tuple[int, InputRow]] = ()
    parcel: Parcel | None = None

    @property
    def absences(self) -> list[Absence]:
        """What is missing of the rows that make no request."""
        return [row.absent for _, row in self.absent if row.absent is not None]

    def told(self) -> bytes:
        """Return what an output is made of beside the answers, as far as this chunk goes, digested."""
        return told_by(self.rows, self.absences) if self.parcel is None else self.parcel.told


def rendered_chunks(
    loaded: LoadedSpec,
    answers: Answers | None,
    findings: Findings,
    progress: Progress,
    stop: Stop,
    *,
    with_values: bool = True,
) -> Iterator[RenderedChunk]:
    """Yield a spec's rows, rendered, in chunks; what cannot be rendered goes to `findings`.

    `answers` are what a spec that goes on from another one is joined to. Where nobody needs the rows `with_values`,
    other processes may render them, and then they have none.
    """
    first = loaded.renderer.forms[0]
    processes = 1 if with_values else loaded.processes()
    if processes > 1:
        chunks = _received(loaded, processes, findings)
    elif loaded.upstream is None:
        chunks = _rendered(loaded, findings)
    else:
        chunks = _joined(loaded, answers, findings)
    with closing(chunks):
        for chunk in chunks:
            stop()
            yield chunk
            progress.advance(chunk.rows.forms.count(first))


def _rendered(loaded: LoadedSpec, findings: Findings) -> Generator[RenderedChunk, None, None]:
    renderer = loaded.renderer
    for block in blocks_of(loaded.rows, rows_a_chunk(renderer), findings):
        yield RenderedChunk(renderer.render_block(block, findings))


def _received(loaded: LoadedSpec, processes: int, findings: Findings) -> Generator[RenderedChunk, None, None]:
    warned: set[Diagnostic] = set()
    with closing(loaded.parcels(processes)) as parcels:
        for parcel in parcels:
            for found in parcel.findings:
                # Each process warns of the same thing once.
                if found.severity is Severity.ERROR or found not in warned:
                    findings(found)
                    warned.add(found)
            yield RenderedChunk(unpacked(parcel, loaded.renderer), parcel=parcel)


def _joined(loaded: LoadedSpec, answers: Answers | None, findings: Findings) -> Generator[RenderedChunk, None, None]:
    # Few specs go on from another one, and none else needs what that takes.
    from batchspec.commands.pipeline import rows_of  # noqa: PLC0415

    rows: list[RenderedRow] = []
    absent: list[tuple[int, InputRow]] = []
    for row in rows_of(loaded, answers, findings):
        if row.absent is None:
            rows.extend(loaded.renderer.render((row,), findings))
        else:
            absent.append((len(rows), row))
        if len(rows) + len(absent) >= CHUNK:
            yield RenderedChunk(_in_columns(rows), absent)
            rows, absent = [], []
    yield RenderedChunk(_in_columns(rows), absent)


def _in_columns(rows: Sequence[RenderedRow]) -> RenderedRows:
    """Return requests that were made one by one; those of one row stand one after the other."""
    listed: list[InputRow] = []
    origins: list[int] = []
    for request in rows:
        if not listed or request.row is not listed[-1]:
            listed.append(request.row)
        origins.append(len(listed) - 1)
    return rendered_rows(rows, ListedRows(listed), origins)


def desired_chunks(
    loaded: LoadedSpec,
    answers: Answers | None,
    scratch: Scratch,
    findings: Findings,
    progress: Progress,
    stop: Stop,
    *,
    with_values: bool = True,
) -> Iterator[DesiredChunk]:
    """Yield what a spec declares, each chunk knowing its repeats; a custom_id given twice goes to `findings`.

    Without `with_values` the rows may have a place and no values.
    """
    for chunk in rendered_chunks(loaded, answers, findings, progress, stop, with_values=with_values):
        rows = chunk.rows
        repeated: set[int] = set()
        for sample, indices in _by_sample(rows):
            # The same body is another request in another replicate, and the same one in another combination.
            taken = scratch.add_bodies(_bodies_of(loaded, sample), rows.some(indices).digests)
            repeated.update(indices[place] for place in taken)
        # An id that follows from the body repeats with it, and means the same request.
        named = rows if loaded.renderer.names_its_ids else rows.without(repeated)
        for form, requests in named.by_form():
            _add_ids(loaded, form, requests, scratch, findings)
        if loaded.upstream is not None and loaded.renderer.names_its_ids:
            _foresee_ids(loaded, rows, [row for _, row in chunk.absent], scratch, findings)
        yield DesiredChunk(rows=rows, repeated=repeated, told=chunk.told, absences=chunk.absences)


def _foresee_ids(
    loaded: LoadedSpec, rows: Sequence[RenderedRow], absent: Sequence[InputRow], scratch: Scratch, findings: Findings
) -> None:
    """Find custom_ids that will be given twice once the answers are there, before anything is paid for those."""
    first = loaded.renderer.forms[0]
    listed = [(row.custom_id, row.row.path, row.row.line) for row in rows if row.form is first]
    for row in absent:
        custom_id = loaded.renderer.custom_id_of(row)
        if custom_id is not None and row.absent is not None:
            # Several answers to a row, and an id that none of them has a part in.
            times = min(row.absent.rows, 2)
            listed += [(custom_id, row.path, row.line)] * times
    known = {(row.custom_id, row.row.place) for row in rows}
    ids = [custom_id for custom_id, _, _ in listed]
    unknown = [BodyDigest(bytes(BODY_DIGEST_BYTES))] * len(listed)
    places = [(path, line) for _, path, line in listed]
    for at, place in scratch.add_ids(f"{loaded.spec.name} foreseen", ids, unknown, places).items():
        custom_id, path, line = listed[at]
        own = f"{path}:{line}"
        # Of two rows that are both there it is told anyway.
        if (custom_id, own) not in known:
            findings(_repeated(custom_id, own, place))


def declared_rows(loaded: LoadedSpec, scratch: Scratch) -> Iterator[DeclaredRow]:
    """Yield what a spec was found to declare, once its chunks were gone through."""
    from batchspec.core.ledger import DeclaredRow  # noqa: PLC0415 - only what keeps a state needs it

    for form in loaded.renderer.forms:
        for custom_id, body in scratch.rows(_ids_of(loaded, form)):
            yield DeclaredRow(form.key, custom_id, body)


def _ids_of(loaded: LoadedSpec, form: Form) -> str:
    return f"{loaded.spec.name} {form.key}"


def _bodies_of(loaded: LoadedSpec, sample: int | None) -> str:
    return loaded.spec.name if sample is None else f"{loaded.spec.name} {sample}"


def _by_sample(requests: RenderedRows) -> Iterable[tuple[int | None, Sequence[int]]]:
    """Return the indices of the requests of each sample; most specs have one."""
    samples = [form.sample for form in requests.forms]
    if len(set(samples)) == 1:
        return [(samples[0], range(len(samples)))]
    indices: dict[int | None, list[int]] = {}
    for index, sample in enumerate(samples):
        indices.setdefault(sample, []).append(index)
    return indices.items()


def _add_ids(
    loaded: LoadedSpec,
    form: Form,
    requests: RenderedRows,
    scratch: Scratch,
    findings: Findings,
) -> None:
    """Remember the custom_ids of requests in one form; a custom_id is unique among them."""
    places = requests.places() if loaded.renderer.names_its_ids else ()
    taken = scratch.add_ids(_ids_of(loaded, form), requests.custom_ids, requests.digests, places)
    for at, place in taken.items():
        findings(_repeated_id(requests[at], place))


def drain(chunks: Iterable[object]) -> None:
    """Go through chunks for their findings alone."""
    for _ in chunks:
        pass


def _repeated_id(row: RenderedRow, place: str) -> Diagnostic:
    return _repeated(row.custom_id, row.row.place, place)


def _repeated(custom_id: str, own: str, place: str) -> Diagnostic:
    path, _, line = own.rpartition(":")
    of_one_row = own == place
    return Diagnostic(
        severity=Severity.ERROR,
        code="repeated-custom-id",
        location=Location.at(path, int(line)),
        summary=f"the custom_id `{custom_id}` is taken",
        detail="another answer to the same row has it already; answers are told apart by it"
        if of_one_row
        else f"the row at {place} has it already; answers are told apart by it",
        hint="join to it what tells the answers apart: '{{ row.id }}-{{ row.other.model }}'"
        if of_one_row
        else "use a column that is unique, or join two: custom_id: '{{ row.a }}-{{ row.b }}'",
    )
