"""Checks values against a schema, and a document with the place of every finding."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from batchspec.core.diagnostics import Diagnostic, Severity
from batchspec.core.schema.fault import UnusableSchemaError
from batchspec.core.schema.fitting import fits
from batchspec.core.schema.problems import Pointer, ProblemKind, SchemaProblem, found_words, shown
from batchspec.core.source import SourceDocument

if TYPE_CHECKING:
    from batchspec.core.schema.validators import Judge

MAX_FAULTS = 200
"""Faults of one value that are explained; whoever mends these sees the rest next time."""


class SchemaChecker:
    """Checks against one schema; nothing that it refers to is ever fetched.

    Where a value fits, that is known without jsonschema, which takes longer to import than most specs to check. Where
    it does not, or that cannot be told, jsonschema judges and says why.
    """

    def __init__(self, schema: Mapping[str, object]) -> None:
        self._schema = schema
        self._fits = fits(schema)
        self._judge: Judge | None = None

    def check(self, value: object) -> list[SchemaProblem]:
        """Return what is wrong with a JSON-like value, in order of its place."""
        if self._fits(value):
            return []
        from batchspec.core.schema.explaining import explain  # noqa: PLC0415 - see above
        from batchspec.core.schema.validators import Judge  # noqa: PLC0415

        if self._judge is None:
            self._judge = Judge(self._schema)
        try:
            found = islice(self._judge.faults(value), MAX_FAULTS)
            problems = dict.fromkeys(problem for fault in found for problem in explain(fault))
        except UnusableSchemaError as error:
            return [_unusable(str(error))]
        mistyped = {problem.pointer for problem in problems if problem.kind is ProblemKind.WRONG_TYPE}
        # Of a value that has the wrong type, nothing else is worth saying.
        telling = (found for found in problems if found.kind is ProblemKind.WRONG_TYPE or found.pointer not in mistyped)
        return sorted(telling, key=_order)


def document_diagnostics(
    document: SourceDocument, checker: SchemaChecker, *, at: Pointer = (), as_warnings: Collection[str] = ()
) -> list[Diagnostic]:
    """Return what is wrong with a document, or with the value at a place in it, as findings with their places.

    Kinds of problem that are named in `as_warnings` do not stop a command.
    """
    problems = checker.check(document.value_at(at))
    return [
        problem_diagnostic(
            document, problem, at=at, severity=Severity.WARNING if problem.kind in as_warnings else Severity.ERROR
        )
        for problem in problems
    ]


def problem_diagnostic(
    document: SourceDocument, problem: SchemaProblem, *, at: Pointer = (), severity: Severity = Severity.ERROR
) -> Diagnostic:
    """Return a problem as a finding in the document whose value at `at` was checked."""
    pointer = (*at, *problem.pointer)
    problem = _as_written(document, pointer, problem)
    return document.diagnostic(
        pointer,
        problem.kind.value,
        problem.message,
        detail=problem.detail,
        hint=problem.hint,
        severity=severity,
        on_key=problem.on_key or (problem.kind is ProblemKind.MISSING_KEY and bool(pointer)),
    )


def _as_written(document: SourceDocument, pointer: Pointer, problem: SchemaProblem) -> SchemaProblem:
    """Quote what stands in the file: `3.10`, where the value says 3.1."""
    if not problem.mended_by_quotes:
        return problem
    written = document.source_text(pointer)
    value = document.value_at(pointer)
    read = f"without quotes, YAML reads `{written}` as {found_words(value)}" if written != shown(value) else None
    return replace(problem, detail=problem.detail or read, hint=f'quote it: "{written}"')


def _unusable(why: str) -> SchemaProblem:
    message = "the schema cannot be used"
    return SchemaProblem(pointer=(), kind=ProblemKind.INVALID, message=message, detail=why, hint="mend the schema")


def _order(problem: SchemaProblem) -> tuple[list[tuple[int, int, str]], str]:
    steps = [(0, step, "") if isinstance(step, int) else (1, 0, step) for step in problem.pointer]
    return steps, problem.message
