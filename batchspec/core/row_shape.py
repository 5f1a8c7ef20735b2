"""Which rows a spec takes of its inputs, and what their columns are: `columns`, then `where`, then `limit`.

Rows in, rows out: nothing in here opens anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple, NoReturn

from batchspec.core.diagnostics import Diagnostic, DiagnosticSink, Location, Severity, did_you_mean
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.core.model import InputRow
from batchspec.core.origin import TemplateText
from batchspec.core.ports import RowSource
from batchspec.core.row_values import READERS, WORDS, ColumnType
from batchspec.core.template import TemplateCompiler, TemplateError

_LONGEST_SHOWN = 60
_ABSENT = object()


class TypedColumn(NamedTuple):
    """A column and its type, and where the spec says so."""

    name: str
    type: ColumnType
    place: tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """What a spec says of the rows. `where` is the text of one Jinja expression, in braces."""

    where: TemplateText | None = None
    limit: int | None = None
    columns: tuple[TypedColumn, ...] = ()


def shaped(source: RowSource, shape: RowShape, names: Mapping[str, object]) -> RowSource:
    """Return the rows of a source as a spec wants them; `names` is what `where` may read beside `row`.

    Raises InvalidInputError where `where` does not compile.
    """
    if shape == RowShape():
        return source
    rows = ShapedRows(source=source, shape=shape, names=dict(names))
    try:
        rows.condition()
    except TemplateError as error:
        raise InvalidInputError(error.message, [_finding(error)], hint=error.hint) from None
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapedRows:
    """Rows, typed and chosen."""

    source: RowSource
    shape: RowShape
    names: dict[str, object]

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield the rows that are wanted; what is wrong with one goes to `sink`, and the next is read."""
        columns = _Columns(self.shape.columns, sink)
        stream = self.source.rows(sink)
        if self.shape.columns:
            stream = columns.typed(stream)
        condition = self.condition()
        if condition is not None:
            stream = condition.chosen(stream, sink)
        yield from stream if self.shape.limit is None else islice(stream, self.shape.limit)
        columns.report_unseen()

    def condition(self) -> _Condition | None:
        """Compile `where`. Raises TemplateError."""
        return None if self.shape.where is None else _Condition(self.shape.where, self.names)


class _Condition:
    """`where`, compiled. Raises TemplateError."""

    def __init__(self, text: TemplateText, names: Mapping[str, object]) -> None:
        compiler = TemplateCompiler(_include_nothing, {"row": None, **names})
        self._compiled = compiler.compile(text)
        self._names: dict[str, object] = {**compiler.globals, **names}
        if not self._compiled.native:
            raise TemplateError(
                "template-syntax",
                "`where` is not one expression",
                hint="write a condition, such as row.lang == 'en' and row.n > 3",
                origin=text.origin,
            )

    def chosen(self, rows: Iterator[InputRow], sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield the rows for which it holds; one for which it fails is reported."""
        names, render = self._names, self._compiled.render
        for row in rows:
            if row.absent is not None:
                yield row
                continue
            names["row"] = row.values
            try:
                wanted = render(names)
            except TemplateError as error:
                sink(replace(_finding(error), row=row.place))
                continue
            if wanted:
                yield row


class _Columns:
    """The declared columns, and which of them no row has had yet."""

    def __init__(self, columns: tuple[TypedColumn, ...], sink: DiagnosticSink) -> None:
        self._columns = columns
        self._sink = sink
        self._unseen = {column.name: column for column in columns}
        self._known: tuple[str, ...] = ()

    def typed(self, rows: Iterator[InputRow]) -> Iterator[InputRow]:
        """Yield the rows whose columns are of their types; each that is not is reported."""
        readers = [(column.name, READERS[column.type], column.type) for column in self._columns]
        for row in rows:
            if row.absent is not None:
                yield row
                continue
            values = dict(row.values)
            if self._unseen:
                self._see(values)
            good = True
            for name, read, kind in readers:
                value = values.get(name, _ABSENT)
                if value is not _ABSENT:
                    try:
                        values[name] = read(value)
                    except ValueError:
                        good = False
                        self._report(row, name, value, kind)
            if good:
                yield row._replace(values=values)

    def report_unseen(self) -> None:
        """Report the columns that no row had, if there was any row."""
        for column in self._unseen.values() if self._known else ():
            path, line, at = column.place
            self._sink(
                Diagnostic(
                    severity=Severity.ERROR,
                    code="unknown-column",
                    location=Location.at(path, line, at, len(column.name)),
                    summary=f"no row has a column `{column.name}`",
                    hint=did_you_mean(column.name, self._known) or "remove it",
                )
            )

    def _see(self, values: Mapping[str, object]) -> None:
        self._known = self._known or tuple(values)
        for name in values.keys() & self._unseen.keys():
            del self._unseen[name]

    def _report(self, row: InputRow, name: str, value: object, kind: ColumnType) -> None:
        shown = str(value)
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[:_LONGEST_SHOWN] + "…"
        empty = "" if kind is ColumnType.STRING else "; an empty cell is null"
        self._sink(
            Diagnostic(
                severity=Severity.ERROR,
                code="column-type",
                location=Location.at(row.path, row.line),
                summary=f"`{name}` is `{shown}`, and {WORDS[kind]} is wanted",
                detail=f"`columns` declares it as {kind}",
                hint=f"write {WORDS[kind]}{empty}, or declare another type",
            )
        )


def _include_nothing(path: str) -> NoReturn:
    raise FileProblemError(f"`{path}` cannot be included here", hint="`where` is one expression")


def _finding(error: TemplateError) -> Diagnostic:
    assert error.origin is not None, "compiling and rendering both say where"
    location, source_line = error.origin.place(error.line, error.name)
    return Diagnostic(
        severity=Severity.ERROR,
        code=error.code,
        location=location,
        summary=error.message,
        detail=error.detail,
        hint=error.hint or "mend the condition, or the row that is named",
        source_line=source_line,
    )
