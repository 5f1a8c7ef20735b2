"""Requests as they would be sent, by the row or by the column: whoever goes through a million should take columns."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar, overload

from batchspec.core.forms import Form, FormColumns
from batchspec.core.json_text import encode_read
from batchspec.core.model import BodyDigest, InputRow
from batchspec.core.row_blocks import RowBlock

_T = TypeVar("_T")


class RenderedRow(NamedTuple):
    """One request as it would be sent: the row it is made from, its custom_id, its canonical body and that's digest."""

    row: InputRow
    custom_id: str
    body: bytes
    digest: BodyDigest
    form: Form


# Skips the function that a NamedTuple has for its keywords, which a million rows would feel.
_new = tuple.__new__


class RenderedRows(Sequence[RenderedRow]):
    """Consecutive requests in columns, each of which has as many items as there are requests.

    `block` are the rows that they are made from, and `origins` the index of each one's row there.
    """

    __slots__ = ("_asked", "_rows", "block", "bodies", "custom_ids", "digests", "forms", "origins")

    def __init__(
        self,
        block: RowBlock,
        origins: Sequence[int],
        custom_ids: Sequence[str],
        bodies: Sequence[bytes],
        digests: list[BodyDigest],
        forms: Sequence[Form],
        *,
        asked: bytes | None = None,
    ) -> None:
        self.block = block
        self.origins = origins
        self.custom_ids = custom_ids
        self.bodies = bodies
        self.digests = digests
        self.forms = forms
        self._asked = asked
        self._rows: Sequence[InputRow] | None = None

    def __len__(self) -> int:
        return len(self.digests)

    @overload
    def __getitem__(self, index: int) -> RenderedRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[RenderedRow]: ...

    def __getitem__(self, index: int | slice) -> RenderedRow | Sequence[RenderedRow]:
        """Return a request, or a list of some."""
        if isinstance(index, slice):
            return [*self][index]
        row = self._of_block()[self.origins[index]]
        return RenderedRow(row, self.custom_ids[index], self.bodies[index], self.digests[index], self.forms[index])

    def __iter__(self) -> Iterator[RenderedRow]:
        rows = self._of_block()
        made_from = [rows[origin] for origin in self.origins]
        columns = zip(made_from, self.custom_ids, self.bodies, self.digests, self.forms, strict=True)
        return (_new(RenderedRow, parts) for parts in columns)

    def _of_block(self) -> Sequence[InputRow]:
        if self._rows is None:
            self._rows = [*self.block]
        return self._rows

    def asked(self) -> bytes:
        """Return what these requests ask for, digested: their ids and their bodies, in their order."""
        if self._asked is None:
            state = hashlib.sha256(encode_read(self.custom_ids))
            state.update(b"".join(self.digests))
            self._asked = state.digest()
        return self._asked

    def places(self) -> list[tuple[str, int]]:
        """Return the path and the line of each request's row."""
        places = [*self.block.places()]
        return places if _is_all(self.origins, len(places)) else [places[origin] for origin in self.origins]

    def by_form(self) -> Sequence[tuple[Form, RenderedRows]]:
        """Return the requests of each form; most specs have one."""
        if not self.forms:
            return ()
        first = self.forms[0]
        if self.forms.count(first) == len(self.forms):
            return [(first, self)]
        indices: dict[Form, list[int]] = {}
        for index, form in enumerate(self.forms):
            indices.setdefault(form, []).append(index)
        return [(form, self.some(listed)) for form, listed in indices.items()]

    def some(self, indices: Sequence[int]) -> RenderedRows:
        """Return the requests at these indices."""
        if _is_all(indices, len(self)):
            return self
        return RenderedRows(
            self.block,
            [self.origins[index] for index in indices],
            [self.custom_ids[index] for index in indices],
            [self.bodies[index] for index in indices],
            [self.digests[index] for index in indices],
            [self.forms[index] for index in indices],
        )

    def without(self, indices: Collection[int]) -> RenderedRows:
        """Return the requests that are not at these indices."""
        return self.some([index for index in range(len(self)) if index not in indices]) if indices else self


def in_turn(columns: Sequence[FormColumns], block: RowBlock) -> RenderedRows:
    """Return the requests of some rows, each row's in every form before the next row's."""
    count = len(block)
    if len(columns) == 1:
        [(form, custom_ids, bodies, digests)] = columns
        return RenderedRows(block, range(count), custom_ids, bodies, digests, [form] * count)
    return RenderedRows(
        block,
        [origin for origin in range(count) for _ in columns],
        _alternating([each.custom_ids for each in columns]),
        _alternating([each.bodies for each in columns]),
        _alternating([each.digests for each in columns]),
        [each.form for each in columns] * count,
    )


def _alternating(columns: Sequence[Sequence[_T]]) -> list[_T]:
    return [item for items in zip(*columns, strict=True) for item in items]


def _is_all(indices: Sequence[int], count: int) -> bool:
    return isinstance(indices, range) and indices == range(count)


def rendered_rows(rows: Sequence[RenderedRow], block: RowBlock, origins: Sequence[int]) -> RenderedRows:
    """Return requests in columns that were made one by one."""
    return RenderedRows(
        block,
        origins,
        [row.custom_id for row in rows],
        [row.body for row in rows],
        [row.digest for row in rows],
        [row.form for row in rows],
    )
