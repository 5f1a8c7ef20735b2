"""What `doctor` has found, as text and as a document."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.commands.doctor import Finding, Grade
from batchspec.report.documents import FORMAT_VERSION, Document
from batchspec.report.safe_text import safe
from batchspec.report.style import Style

_NARROW = 72
"""Columns; with fewer, what was found stands below what it is about."""

_STACKED = "    "
_SIGNS = {Grade.OK: ("=", "green"), Grade.NOTICE: ("!", "yellow"), Grade.ERROR: ("x", "red"), Grade.LIMIT: ("-", "dim")}


def examined_text(findings: Sequence[Finding], style: Style) -> str:
    """Return each finding, what to do below it, and at the end in a sentence whether anything must be mended."""
    subjects = max(len(finding.subject) for finding in findings)
    narrow = style.width is not None and style.width < _NARROW
    indent = _STACKED if narrow else f"{'':<{subjects + 12}}"
    lines = []
    for finding in findings:
        sign, colour = _SIGNS[finding.grade]
        head = style(f"{sign} {finding.grade.value:<6}  {finding.subject:<{0 if narrow else subjects}}", colour)
        lines += [head, f"{indent}{safe(finding.summary)}"] if narrow else [f"{head}  {safe(finding.summary)}"]
        if finding.hint:
            lines.append(f"{indent}help: {safe(finding.hint)}")
    return style.fold("\n".join([*lines, "", _in_a_sentence(findings, style)]))


def _in_a_sentence(findings: Sequence[Finding], style: Style) -> str:
    faults = dict.fromkeys(finding.subject for finding in findings if finding.grade is Grade.ERROR)
    notices = dict.fromkeys(finding.subject for finding in findings if finding.grade is Grade.NOTICE)
    known = f" To know of: {', '.join(notices)}." if notices else ""
    if faults:
        return f"{style('To be mended', 'bold', 'red')}: {', '.join(faults)}.{known}"
    return f"{style('Sound', 'bold', 'green')}: nothing must be mended.{known}"


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
