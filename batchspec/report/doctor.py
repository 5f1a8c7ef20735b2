"""What `doctor` has found, as text and as a document."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.commands.doctor import Finding, Grade
from batchspec.report.documents import FORMAT_VERSION, Document
from batchspec.report.safe_text import safe
from batchspec.report.style import Style

_SIGNS = {Grade.OK: ("=", "green"), Grade.NOTICE: ("!", "yellow"), Grade.ERROR: ("x", "red"), Grade.LIMIT: ("-", "dim")}


def examined_text(findings: Sequence[Finding], style: Style) -> str:
    """Return a line for each finding, with what to do below it."""
    width = max(len(finding.subject) for finding in findings)
    lines = []
    for finding in findings:
        sign, colour = _SIGNS[finding.grade]
        head = style(f"{sign} {finding.grade.value:<6}  {finding.subject:<{width}}", colour)
        lines.append(f"{head}  {safe(finding.summary)}")
        if finding.hint:
            lines.append(f"{'':<{width + 12}}{style(safe(finding.hint), 'dim')}")
    return style.fold("\n".join(lines))


def examined_document(findings: Sequence[Finding]) -> Document:
    """Return the document of `doctor --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "sound": all(finding.grade is not Grade.ERROR for finding in findings),
        "findings": [
            {
                "grade": finding.grade.value,
                "subject": finding.subject,
                "summary": finding.summary,
                "hint": finding.hint,
                "numbers": dict(finding.numbers),
            }
            for finding in findings
        ],
    }
