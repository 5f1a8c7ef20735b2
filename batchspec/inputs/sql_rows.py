"""Rows of a query over the project's files, run by an in-memory DuckDB that may open those files and nothing else.

Rows are fetched as they come. A row's place is its number, from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from batchspec.core.diagnostics import Diagnostic, DiagnosticSink, Location, Severity
from batchspec.core.model import InputRow, SqlQuery
from batchspec.core.ports import ProjectFiles
from batchspec.inputs.findings import FileFindings
from batchspec.inputs.matching import SpecFindings
from batchspec.inputs.plain_values import NoPlainValueError, plain
from batchspec.inputs.sql_text import ReadyQuery, first_lines, ready_query

_FETCHED_ROWS = 2_000
_MEMORY = "1GB"
_UNSUPPORTED = re.compile(r"\b(BLOB|INTERVAL|TIMESTAMP_NS|TIME WITH TIME ZONE|UNION|GEOMETRY)\b")
_PLAIN = frozenset(
    {"VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "JSON"}
    | {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)

# Nothing is opened but the files that the query names, nothing is installed, nothing is written, not even what does
# not fit into memory; times do not depend on the machine; Python's variables are no tables.
_SETTINGS = (
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET temp_directory = ''",
    f"SET memory_limit = '{_MEMORY}'",
    "SET threads = 1",
    "SET TimeZone = 'UTC'",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRows:
    """The rows of one query. `place` is where the spec holds it."""

    query: ReadyQuery
    place: tuple[str, int, int]
    root: Path

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        """Yield the rows as DuckDB gives them; what is wrong with the query is told at its place in the spec."""
        if not self.query.ordered:
            self._tell(
                sink,
                Severity.WARNING,
                code="row-order",
                summary="without ORDER BY the order of rows is not fixed",
                hint="end the query in ORDER BY; order changes no request, only the output",
            )
        findings = FileFindings(f"{self.place[0]}#inputs.sql", sink)
        try:
            with closing(duckdb.connect(":memory:")) as connection:
                paths = ", ".join("'" + path.replace("'", "''") + "'" for path in self.query.paths)
                connection.execute(f"SET allowed_paths = [{paths}]")
                for setting in _SETTINGS:
                    connection.execute(setting)
                self._warn_of_change(connection, sink)
                connection.execute(self.query.sql)
                yield from self._fetched(connection, findings)
        except (duckdb.Error, OverflowError, ValueError) as error:
            hint = "try the query in DuckDB, and mend it"
            self._tell(sink, Severity.ERROR, code="sql", summary=self._words(error), hint=hint)
        findings.close()

    def _fetched(self, connection: Any, findings: FileFindings) -> Iterator[InputRow]:
        names = [str(column[0]) for column in connection.description]
        kinds = [str(column[1]) for column in connection.description]
        if not _are_good(names, kinds, findings):
            return
        converted = [number for number, kind in enumerate(kinds) if kind not in _PLAIN]
        number = 0
        while rows := connection.fetchmany(_FETCHED_ROWS):
            for row in rows:
                number += 1
                values = dict(zip(names, row, strict=True))
                try:
                    for index in converted:
                        name = names[index]
                        values[name] = plain(row[index])
                except NoPlainValueError as error:
                    summary = f"`{name}` holds {error}"
                    findings.error("value-unsupported", summary, line=number, hint="convert it in the query")
                    continue
                yield InputRow(values, findings.path, number)

    def _warn_of_change(self, connection: Any, sink: DiagnosticSink) -> None:
        """Warn of functions that give something else each time: the requests would change with them."""
        found = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
        ).fetchall()
        changing = sorted(self.query.calls & {str(name) for (name,) in found})
        if changing:
            self._tell(
                sink,
                Severity.WARNING,
                code="sql-changes",
                summary=f"`{changing[0]}` gives something else each time",
                hint="use a fixed value: rows that change are requests that are paid for again",
            )

    def _words(self, error: Exception) -> str:
        return first_lines(error).replace(f"{self.root}/", "")

    def _tell(self, sink: DiagnosticSink, severity: Severity, *, code: str, summary: str, hint: str) -> None:
        path, line, column = self.place
        sink(
            Diagnostic(
                severity=severity, code=code, location=Location.at(path, line, column), summary=summary, hint=hint
            )
        )


def query_rows(inputs: SqlQuery, files: ProjectFiles, root: Path, findings: SpecFindings) -> QueryRows | None:
    """Return the rows of a query; None where something is wrong with it, which is reported."""
    ready = ready_query(inputs.sql, inputs.place[0], root, files, findings)
    return None if ready is None else QueryRows(query=ready, place=inputs.place, root=root)


def _are_good(names: Sequence[str], kinds: Sequence[str], findings: FileFindings) -> bool:
    seen: set[str] = set()
    for name, kind in zip(names, kinds, strict=True):
        if not name.strip():
            findings.error("empty-column-name", "a column has no name", hint="name it by AS")
        elif name in seen:
            findings.error("duplicate-column", f"two columns are named `{name}`", hint="name one of them by AS")
        if _UNSUPPORTED.search(kind):
            hint = f"convert it in the query, as by CAST({name} AS VARCHAR)"
            findings.error(
                "column-unsupported", f"the column `{name}` is {kind}, and a row holds what JSON can", hint=hint
            )
        seen.add(name)
    return not findings.has_errors
