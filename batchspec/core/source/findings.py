"""What is wrong with a YAML text, before it is known which file it is in."""

from __future__ import annotations

from dataclasses import dataclass

from batchspec.core.diagnostics import Diagnostic, Location, Severity, Span


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    span: Span
    code: str
    summary: str
    detail: str | None = None
    hint: str | None = None

    def diagnostic(self, path: str, source_line: str | None) -> Diagnostic:
        """Return the finding as an error in a file."""
        return Diagnostic(
            severity=Severity.ERROR,
            code=self.code,
            location=Location(path, self.span),
            summary=self.summary,
            detail=self.detail,
            hint=self.hint,
            source_line=source_line,
        )


class RefusedError(Exception):
    """Reading cannot go on after this finding. Never leaves `core.source`."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.summary)
        self.finding = finding
