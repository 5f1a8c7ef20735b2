"""The requests that a spec declares, in chunks: rendered, checked, and compared with the rows before them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeVar

from batchspec.commands.findings import Findings
from batchspec.commands.judging import Answers
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.pipeline import rows_of
from batchspec.core.canonical import BODY_DIGEST_BYTES
from batchspec.core.diagnostics import Diagnostic, Location, Severity
from batchspec.core.forms import Form
from batchspec.core.json_text import encode
from batchspec.core.ledger import DeclaredRow
from batchspec.core.model import Absence, BodyDigest, InputRow
from batchspec.core.ports import Progress, Scratch
from batchspec.core.rendering import RenderedRow

CHUNK = 2_000
_K = TypeVar("_K")

Stop = Callable[[], None]
"""Called between steps; raises Interrupted once a signal has asked to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredChunk:
    """Consecutive rows of a spec, each in every form; `repeated` are the indices of requests that came before.

    `absences` are of the rows that cannot be rendered yet, or ever, since they go on from an answer that is not there.
    """

    rows: list[RenderedRow]
    repeated: set[int]
    absences: Sequence[Absence] = ()


class RowsDigest:
    """What an output is made of beside the answers: the rows as they are, in their order, and what each asks for.

    The same rows must come in the same chunks.
    """

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def add(self, rows: Sequence[RenderedRow], absences: Sequence[Absence] = ()) -> None:
        """Go on with these rows, and with those of their chunk that make no request."""
        # A row in several forms comes once for each, in their order; which they are is not of the rows.
        told = [*map(list, absences), *[(row.custom_id, row.row.values) for row in rows]]
        self._state.update(b"%d\n%s\n" % (len(absences), encode(told)))
        self._state.update(b"".join([row.digest for row in rows]))

    def told(self) -> str:
        """Return the digest of all rows so far in hexadecimal."""
        return self._state.hexdigest()


class RenderedChunk(NamedTuple):
    """Consecutive requests of a spec, rendered; `absent` rows make none, each with the place before which it stands."""

    rows: list[RenderedRow]
    absent: list[tuple[int, InputRow]]


def rendered_chunks(
    loaded: LoadedSpec, answers: Answers | None, findings: Findings, progress: Progress, stop: Stop
) -> Iterator[RenderedChunk]:
    """Yield a spec's rows, rendered, in chunks; what cannot be rendered goes to `findings`.

    `answers` are what a spec that goes on from another one is joined to.
    """
    first = loaded.renderer.forms[0]
    for chunk in _chunks(loaded, answers, findings):
        stop()
        yield chunk
        progress.advance(sum(row.form is first for row in chunk.rows))


def _chunks(loaded: LoadedSpec, answers: Answers | None, findings: Findings) -> Iterator[RenderedChunk]:
    source = rows_of(loaded, answers, findings)
    if loaded.upstream is None:
        stream = loaded.renderer.render(source, findings)
        while rows := list(islice(stream, CHUNK)):
            yield RenderedChunk(rows, [])
        return
    chunk = RenderedChunk([], [])
    for row in source:
        if row.absent is None:
            chunk.rows.extend(loaded.renderer.render((row,), findings))
        else:
            chunk.absent.append((len(chunk.rows), row))
        if len(chunk.rows) + len(chunk.absent) >= CHUNK:
            yield chunk
            chunk = RenderedChunk([], [])
    if chunk.rows or chunk.absent:
        yield chunk


def desired_chunks(
    loaded: LoadedSpec,
    answers: Answers | None,
    scratch: Scratch,
    findings: Findings,
    progress: Progress,
    stop: Stop,
) -> Iterator[DesiredChunk]:
    """Yield what a spec declares, each chunk knowing its repeats; a custom_id given twice goes to `findings`."""
    for rows, absent in rendered_chunks(loaded, answers, findings, progress, stop):
        repeated: set[int] = set()
        for sample, indices in _grouped(loaded, rows, lambda form: form.sample):
            # The same body is another request in another replicate, and the same one in another combination.
            bodies = [rows[index].digest for index in indices]
            taken = scratch.add_bodies(_bodies_of(loaded, sample), bodies)
            repeated.update(indices[place] for place in taken)
        for form, indices in _grouped(loaded, rows, lambda form: form):
            _add_ids(loaded, form, [(index, rows[index]) for index in indices], repeated, scratch, findings)
        if loaded.upstream is not None and loaded.renderer.names_its_ids:
            _foresee_ids(loaded, rows, [row for _, row in absent], scratch, findings)
        absences = [row.absent for _, row in absent if row.absent is not None]
        yield DesiredChunk(rows=rows, repeated=repeated, absences=absences)


def _foresee_ids(
    loaded: LoadedSpec, rows: Sequence[RenderedRow], absent: Sequence[InputRow], scratch: Scratch, findings: Findings
) -> None:
    """Find custom_ids that will be given twice once the answers are there, before anything is paid for those."""
    first = loaded.renderer.forms[0]
    listed = [(row.custom_id, row.digest, row.row.path, row.row.line) for row in rows if row.form is first]
    for row in absent:
        custom_id = loaded.renderer.custom_id_of(row)
        if custom_id is not None and row.absent is not None:
            # Several answers to a row, and an id that none of them has a part in.
            times = min(row.absent.rows, 2)
            listed += [(custom_id, BodyDigest(bytes(BODY_DIGEST_BYTES)), row.path, row.line)] * times
    known = {(row.custom_id, row.row.place) for row in rows}
    for at, place in scratch.add_ids(f"{loaded.spec.name} foreseen", listed).items():
        custom_id, _, path, line = listed[at]
        own = f"{path}:{line}"
        # Of two rows that are both there it is told anyway.
        if (custom_id, own) not in known:
            findings(_repeated(custom_id, own, place))


def declared_rows(loaded: LoadedSpec, scratch: Scratch) -> Iterator[DeclaredRow]:
    """Yield what a spec was found to declare, once its chunks were gone through."""
    for form in loaded.renderer.forms:
        for custom_id, body in scratch.rows(_ids_of(loaded, form)):
            yield DeclaredRow(form.key, custom_id, body)


def _ids_of(loaded: LoadedSpec, form: Form) -> str:
    return f"{loaded.spec.name} {form.key}"


def _bodies_of(loaded: LoadedSpec, sample: int | None) -> str:
    return loaded.spec.name if sample is None else f"{loaded.spec.name} {sample}"


def _grouped(
    loaded: LoadedSpec, rows: Sequence[RenderedRow], key: Callable[[Form], _K]
) -> Iterable[tuple[_K, Sequence[int]]]:
    """Return the indices of rows by what their forms have in common; most specs have one form."""
    if len(loaded.renderer.forms) == 1:
        return [(key(loaded.renderer.forms[0]), range(len(rows)))]
    groups: dict[_K, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(key(row.form), []).append(index)
    return groups.items()


def _add_ids(
    loaded: LoadedSpec,
    form: Form,
    rows: Sequence[tuple[int, RenderedRow]],
    repeated: set[int],
    scratch: Scratch,
    findings: Findings,
) -> None:
    """Remember the custom_ids of rows in one form; a custom_id is unique among them."""
    if loaded.renderer.names_its_ids:
        listed = [(row.custom_id, row.digest, row.row.path, row.row.line) for _, row in rows]
        for at, place in scratch.add_ids(_ids_of(loaded, form), listed).items():
            findings(_repeated_id(rows[at][1], place))
        return
    # An id that follows from the body repeats with it, and means the same request.
    fresh = [(row.custom_id, row.digest, "", 0) for index, row in rows if index not in repeated]
    scratch.add_ids(_ids_of(loaded, form), fresh)


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
