"""Reports what is wrong in one input file, up to a cap, so that a broken file of a million rows stays readable."""

from __future__ import annotations

from batchspec.core.diagnostics import Diagnostic, DiagnosticSink, Location, Severity

MAX_FINDINGS = 100
"""How many findings of one file are told one by one."""

_MAX_SHOWN_LINE = 500


class FileFindings:
    """The findings of one file, handed on to a sink as they come."""

    def __init__(self, path: str, sink: DiagnosticSink) -> None:
        self.path = path
        self._sink = sink
        self._errors = 0

    @property
    def has_errors(self) -> bool:
        """Whether any error was reported yet."""
        return self._errors > 0

    def error(
        self,
        code: str,
        summary: str,
        *,
        line: int | None = None,
        column: int = 1,
        detail: str | None = None,
        hint: str | None = None,
        source_line: str | None = None,
    ) -> None:
        """Report an error; without a line it is about the whole file."""
        self.pass_on(
            Diagnostic(
                severity=Severity.ERROR,
                code=code,
                location=Location(self.path) if line is None else Location.at(self.path, line, column),
                summary=summary,
                detail=detail,
                hint=hint,
                source_line=source_line if source_line is None or len(source_line) <= _MAX_SHOWN_LINE else None,
            )
        )

    def warning(self, code: str, summary: str, *, line: int, hint: str) -> None:
        """Report something that is allowed and probably not meant."""
        self._sink(
            Diagnostic(
                severity=Severity.WARNING,
                code=code,
                location=Location.at(self.path, line),
                summary=summary,
                hint=hint,
            )
        )

    def pass_on(self, found: Diagnostic) -> None:
        """Report a finding as it is, unless there were too many."""
        self._errors += 1
        if self._errors <= MAX_FINDINGS:
            self._sink(found)

    def close(self) -> None:
        """Say how many more there were."""
        more = self._errors - MAX_FINDINGS
        if more > 0:
            self._sink(
                Diagnostic(
                    severity=Severity.ERROR,
                    code="more-errors",
                    location=Location(self.path),
                    summary=f"and {more} more error{'' if more == 1 else 's'} in this file",
                    hint="mend those that are shown; they often have one cause",
                )
            )
