"""The columns of an output: templates over a row and its answer, compiled once and rendered row by row.

A column of a row that has no answer is null where it needs one. One that fails for an answered row is null, too, and
is told: an answer that was paid for is never kept from its file by a template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from batchspec.core.answer_json import answer_json
from batchspec.core.diagnostics import Diagnostic, DiagnosticSink, Location, Severity
from batchspec.core.errors import InvalidInputError
from batchspec.core.origin import TemplateText
from batchspec.core.ports import ProjectFiles
from batchspec.core.records import Cell, cell
from batchspec.core.spec import Spec
from batchspec.core.template import Absent, Compiled, TemplateCompiler, TemplateError, absent

_OF_THE_ANSWER = ("response", "text", "json", "usage")
_MAY_BE_ABSENT = (*_OF_THE_ANSWER, "error")
NAMES = ("row", "vars", "spec", "custom_id", "model", "matrix", "replicate", "status", *_MAY_BE_ABSENT)
"""What a column's template may read."""


class Answered(NamedTuple):
    """A row as columns see it: `place` names it in findings; `response` is None where there is no answer."""

    place: str
    values: Mapping[str, object]
    """The names that are the row's own: `row`, `custom_id`, `model`, `status`, …"""
    response: object
    text: str | None
    usage: object
    error: object


class Columns:
    """The columns of one spec. Raises InvalidInputError when a template does not compile."""

    def __init__(self, spec: Spec, files: ProjectFiles) -> None:
        self._spec = spec
        compiler = TemplateCompiler(_reader(spec, files), dict.fromkeys(NAMES))
        constants = {"spec": {"name": spec.name}, "vars": spec.variables}
        self._scope: dict[str, object] = dict(compiler.globals) | constants
        self._absent = {name: absent(name) for name in _MAY_BE_ABSENT}
        self._columns: dict[str, Compiled | Cell] = {}
        findings: list[Diagnostic] = []
        for name, written in spec.columns.items():
            try:
                self._columns[name] = compiler.compile(written) if isinstance(written, TemplateText) else cell(written)
            except TemplateError as error:
                findings.append(self._finding(name, error, Severity.ERROR, error.message))
        if findings:
            raise InvalidInputError(f"{spec.path} has columns that do not compile", findings)
        self.names = tuple(self._columns)
        templates = [column for column in self._columns.values() if isinstance(column, Compiled)]
        self._reads_json = any("json" in template.reads for template in templates)

    def cells(self, answered: Answered, sink: DiagnosticSink) -> list[Cell]:
        """Return a row's cells in the order of `names`; what fails is null, and told to `sink` as a warning."""
        scope = self._enter(answered)
        cells: list[Cell] = []
        for name, column in self._columns.items():
            if not isinstance(column, Compiled):
                cells.append(column)
                continue
            try:
                cells.append(_checked(column.render(scope)))
            except TemplateError as error:
                cells.append(None)
                if not any(isinstance(scope.get(read), Absent) for read in column.reads):
                    sink(self._failed(name, error, answered, "json" in column.reads and scope["json"] is None))
        return cells

    def _enter(self, answered: Answered) -> dict[str, object]:
        scope = self._scope
        scope.update(answered.values)
        if answered.response is None:
            scope.update(self._absent)
        else:
            scope["response"], scope["text"], scope["usage"] = answered.response, answered.text, answered.usage
            if self._reads_json:
                found = None if answered.text is None else answer_json(answered.text)
                scope["json"] = None if found is None else found.value
        scope["error"] = self._absent["error"] if answered.error is None else answered.error
        return scope

    def _failed(self, name: str, error: TemplateError, answered: Answered, no_json: bool) -> Diagnostic:
        summary = f"column `{name}` is null: {error.message}"
        detail = "the answer's text holds no JSON" if no_json else error.detail
        return self._finding(name, error, Severity.WARNING, summary, detail=detail, row=answered.place)

    def _finding(
        self,
        name: str,
        error: TemplateError,
        severity: Severity,
        summary: str,
        *,
        detail: str | None = None,
        row: str | None = None,
    ) -> Diagnostic:
        if error.origin is None:
            location: Location = self._spec.document.diagnostic(("output", "columns", name), "", "").location
            source_line = None
        else:
            location, source_line = error.origin.place(error.line, error.name)
        return Diagnostic(
            severity=severity,
            code=error.code if severity is Severity.ERROR else "null-cell",
            location=location,
            summary=summary,
            detail=detail or error.detail,
            hint=error.hint,
            source_line=source_line,
            row=row,
        )


def _checked(value: object) -> Cell:
    """Return a rendered value as a cell. Raises TemplateError for what no file could hold."""
    try:
        if isinstance(value, str):
            value.encode("utf-8")
        return cell(value)
    except ValueError as error:
        unwritable = (
            "text with a lone surrogate is not Unicode" if isinstance(error, UnicodeEncodeError) else str(error)
        )
        raise TemplateError("null-cell", unwritable) from None


def _reader(spec: Spec, files: ProjectFiles) -> Callable[[str], tuple[str, str]]:
    def read(path: str) -> tuple[str, str]:
        at = files.join(spec.path, path)
        return files.read_text(at), at

    return read
