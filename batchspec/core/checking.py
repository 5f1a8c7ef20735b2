"""Checks every rendered body against its endpoint's schema, paying only for what a row can change.

A body's constants never vary, and free text is always text: so a row is judged by its *shape*, in which each free
text is replaced by a placeholder, and a shape that was seen before has its answer already. The verdict is the same as
a full check's of every row; the words about a row that is refused are that row's own, up to a number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchspec.core.body import CompiledBody
from batchspec.core.canonical import Pointer
from batchspec.core.json_text import parse
from batchspec.core.row_blocks import as_texts
from batchspec.core.schema import ProblemKind, SchemaChecker, SchemaProblem, constrains_text

_PLACEHOLDER = "text"
_REMEMBERED_SHAPES = 10_000
_EXPLAINED_ROWS = 1_000


class BodyChecker:
    """Judges the bodies of one compiled template."""

    def __init__(self, schema: Mapping[str, object], body: CompiledBody) -> None:
        self._schema = schema
        self._checker = SchemaChecker(schema)
        self._body = body
        self._free: dict[Pointer, bool] = {}
        self._known: dict[bytes, tuple[SchemaProblem, ...]] = {}
        self._all_text = all(self._is_free(leaf.pointer) for leaf in body.leaves)
        self._text_types = (str,) * len(body.leaves)
        self._text_shape: tuple[SchemaProblem, ...] | None = None
        self._explained = 0

    def check(self, values: Sequence[object]) -> tuple[SchemaProblem, ...]:
        """Return what is wrong with the body that has these values in its leaves; usually nothing."""
        problems = self._verdict(values)
        if not problems or self._explained >= _EXPLAINED_ROWS:
            return problems
        if all(problem.kind is ProblemKind.UNKNOWN_KEY for problem in problems):
            return problems
        # The shape's words may quote the placeholder.
        self._explained += 1
        return tuple(self._checker.check(parse(self._body.encode(values))))

    def verdict_of_all(self, columns: Sequence[Sequence[object]]) -> tuple[SchemaProblem, ...] | None:
        """Return what is wrong with each of the bodies whose leaves have these values; None where they differ in it."""
        if self._all_text and all(as_texts(column) is not None for column in columns):
            return self._verdict_of_texts()
        verdicts = {self._verdict(values) for values in zip(*columns, strict=True)}
        return verdicts.pop() if len(verdicts) == 1 else None

    def _verdict(self, values: Sequence[object]) -> tuple[SchemaProblem, ...]:
        if self._all_text and tuple(map(type, values)) == self._text_types:
            return self._verdict_of_texts()
        return self._judge(self._shape(values))

    def _verdict_of_texts(self) -> tuple[SchemaProblem, ...]:
        """Return the verdict that all rows share whose leaves are free text."""
        if self._text_shape is None:
            self._text_shape = self._judge(self._shape([""] * len(self._text_types)))
        return self._text_shape

    def _shape(self, values: Sequence[object]) -> bytes:
        shaped = [self._placeholder(value, leaf.pointer) for leaf, value in zip(self._body.leaves, values, strict=True)]
        return self._body.encode(shaped)

    def _judge(self, shape: bytes) -> tuple[SchemaProblem, ...]:
        known = self._known.get(shape)
        if known is None:
            if len(self._known) >= _REMEMBERED_SHAPES:
                self._known.clear()
            known = self._known[shape] = tuple(self._checker.check(parse(shape)))
        return known

    def _placeholder(self, value: object, pointer: Pointer) -> object:
        if isinstance(value, str):
            return _PLACEHOLDER if self._is_free(pointer) else value
        if isinstance(value, list | tuple):
            return [self._placeholder(item, (*pointer, index)) for index, item in enumerate(value)]
        if isinstance(value, Mapping):
            return {key: self._placeholder(item, (*pointer, key)) for key, item in value.items()}
        return value

    def _is_free(self, pointer: Pointer) -> bool:
        # Items of a list stand under one schema here, whatever their index.
        key = tuple(0 if isinstance(step, int) else step for step in pointer)
        free = self._free.get(key)
        if free is None:
            free = self._free[key] = not constrains_text(self._schema, pointer)
        return free
