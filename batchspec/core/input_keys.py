"""Reads the key `inputs` of a spec: rows in the spec itself, files of rows, a list of files, a query, another spec.

What the schema cannot say of it is said here; no file is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from batchspec.core.canonical import Pointer
from batchspec.core.errors import FileProblemError
from batchspec.core.model import FileList, InlineRows, InputFiles, InputRow, Inputs, SpecResults, SqlQuery
from batchspec.core.origin import Origin, TemplateText
from batchspec.core.ports import ProjectFiles
from batchspec.core.row_shape import RowShape, TypedColumn
from batchspec.core.row_values import ColumnType
from batchspec.core.source import SourceDocument

_SOURCES = ("path", "files", "sql", "spec")
_HOW_TO_READ = ("format", "encoding", "delimiter")
_ONE = ("inputs",)


class Report(Protocol):
    """Where a fault of a spec is reported."""

    def __call__(
        self,
        pointer: Pointer,
        code: str,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        on_key: bool = False,
    ) -> None:
        """Report a fault at a place of the spec."""
        ...


def read_inputs(document: SourceDocument, files: ProjectFiles, report: Report) -> Inputs | None:
    """Return a spec's inputs, one empty row where it has none; None where something was reported."""
    if not document.has(_ONE):
        return InlineRows(rows=(InputRow({}, document.path, 1),))
    written = document.value_at(_ONE)
    if isinstance(written, list):
        return InlineRows(rows=tuple(_inline(document, index, row) for index, row in enumerate(written)))
    if not isinstance(written, dict):
        return _files(document, files, report, _ONE, {"path": written})
    return _by_options(document, files, report, written)


def _by_options(
    document: SourceDocument, files: ProjectFiles, report: Report, written: Mapping[str, object]
) -> Inputs | None:
    given = [key for key in _SOURCES if key in written]
    if not given:
        hint = "add `path:` with a file or a glob, `files:` with a glob for a row per file, `sql:`, or `spec:`"
        report(_ONE, "missing-key", "`inputs` names no source of rows", hint=hint)
        return None
    if len(given) > 1:
        summary = f"`{given[0]}` and `{given[1]}` are both given"
        report((*_ONE, given[1]), "two-inputs", summary, hint="keep one", on_key=True)
        return None
    if _refuse_options(written, report):
        return None
    if given == ["spec"]:
        return _results(document, written)
    if given == ["sql"]:
        return SqlQuery(sql=str(written["sql"]), place=_place_of_value(document, (*_ONE, "sql")))
    return _files(document, files, report, (*_ONE, given[0]), written)


def read_shape(document: SourceDocument, origin: Callable[[Pointer], Origin]) -> RowShape:
    """Return which rows a spec takes of its inputs; `origin` says where a text of the spec stands."""
    written = document.value_at(_ONE) if document.has(_ONE) else None
    if not isinstance(written, dict):
        return RowShape()
    where, limit, columns = written.get("where"), written.get("limit"), written.get("columns", {})
    assert isinstance(columns, dict), "the schema lets only mappings through here"
    return RowShape(
        where=None if where is None else TemplateText(text=_braced(str(where)), origin=origin((*_ONE, "where"))),
        limit=limit if isinstance(limit, int) else None,
        columns=tuple(
            TypedColumn(name, ColumnType(str(kind)), _place(document, (*_ONE, "columns", name)))
            for name, kind in columns.items()
        ),
    )


def _as_a_word(name: str) -> str:
    """Return a spec's name as templates can write it after a dot."""
    word = name.replace("-", "_").replace(".", "_")
    return f"_{word}" if word[0].isdigit() else word


def _braced(expression: str) -> str:
    stripped = expression.strip()
    return stripped if stripped.startswith("{{") and stripped.endswith("}}") else f"{{{{ {expression} }}}}"


def _place_of_value(document: SourceDocument, pointer: Pointer) -> tuple[str, int, int]:
    span = document.value_span(pointer)
    return document.path_at(pointer), span.line, span.column


def _place(document: SourceDocument, pointer: Pointer) -> tuple[str, int, int]:
    span = document.key_span(pointer)
    return document.path_at(pointer), span.line, span.column


def _inline(document: SourceDocument, index: int, row: object) -> InputRow:
    assert isinstance(row, dict), "the schema lets only mappings through here"
    place = (*_ONE, index)
    return InputRow(row, document.path_at(place), document.value_span(place).line)


def _refuse_options(written: Mapping[str, object], report: Report) -> bool:
    unfit = [key for key in _HOW_TO_READ if key in written and "path" not in written]
    for key in unfit:
        hint = "remove it; `path` reads files of rows"
        summary = f"`{key}` says how to read rows, and here no file of rows is read"
        report((*_ONE, key), "option", summary, hint=hint, on_key=True)
    if "as" in written and "spec" not in written:
        hint = "remove it; it names the column of another spec's answers"
        report((*_ONE, "as"), "option", "`as` goes with `spec`", hint=hint, on_key=True)
        return True
    return bool(unfit)


def _results(document: SourceDocument, written: Mapping[str, object]) -> SpecResults:
    name = str(written["spec"])
    alias = _text(written.get("as")) or _as_a_word(name)
    return SpecResults(spec=name, alias=alias, place=_place_of_value(document, (*_ONE, "spec")))


def _files(
    document: SourceDocument, files: ProjectFiles, report: Report, pointer: Pointer, options: Mapping[str, object]
) -> Inputs | None:
    listed = pointer[-1] == "files"
    named = str(options["files" if listed else "path"])
    remote = "://" in named and not listed
    try:
        pattern = named if remote else files.join(document.path_at(pointer), named)
    except FileProblemError as error:
        report(pointer, "file", error.summary, detail=error.why, hint=error.hint)
        return None
    place = _place_of_value(document, pointer)
    if listed:
        return FileList(pattern=pattern, place=place, spec=document.path)
    return InputFiles(
        pattern=pattern,
        place=place,
        format=_text(options.get("format")),
        encoding=_text(options.get("encoding")) or "utf-8",
        delimiter=_text(options.get("delimiter")),
        remote=remote,
        format_place=_place_of_value(document, (*_ONE, "format")) if "format" in options else None,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
