"""Findings in the forms that other programs show: GitHub's annotations, GitLab's code quality report, and SARIF.

GitHub's form is that of its workflow commands; GitLab's that of Code Climate's issues, as far as GitLab reads them;
SARIF is OASIS's Static Analysis Results Interchange Format 2.1.0.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable

from batchspec import __version__
from batchspec.core.diagnostics import Diagnostic, Severity, Span, in_order

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
Relative = Callable[[str], str]


def github_annotations(diagnostics: Iterable[Diagnostic], relative: Relative) -> list[str]:
    """Return a workflow command for each finding; GitHub shows it at its line of the pull request."""
    return [_annotation(each, relative) for each in in_order(diagnostics)]


def _annotation(found: Diagnostic, relative: Relative) -> str:
    kind = "error" if found.severity is Severity.ERROR else "warning"
    named = {"file": relative(found.location.path)}
    span = found.location.span
    if span is not None:
        named |= {"line": str(span.line), "col": str(span.column), "endLine": str(span.end_line)}
        # The end of a range is shown on one line alone, and its last column belongs to it.
        if span.end_line == span.line:
            named["endColumn"] = str(max(span.column, span.end_column - 1))
    named["title"] = found.code
    properties = ",".join(f"{name}={_in_property(value)}" for name, value in named.items())
    return f"::{kind} {properties}::{_in_message(_message(found))}"


def _in_message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _in_property(text: str) -> str:
    return _in_message(text).replace(":", "%3A").replace(",", "%2C")


def _message(found: Diagnostic) -> str:
    row = f"row {found.row}" if found.row else None
    why = f"why: {found.detail}" if found.detail else None
    hint = f"help: {found.hint}" if found.hint else None
    return "\n".join(part for part in (found.summary, row, why, hint) if part)


def code_quality(diagnostics: Iterable[Diagnostic], relative: Relative) -> list[dict[str, object]]:
    """Return findings as GitLab's code quality report.

    GitLab tells by the fingerprint which findings a merge request adds. So it is of what was found and not of the line,
    which other edits move; equal findings in a file are counted.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    issues: list[dict[str, object]] = []
    for found in in_order(diagnostics):
        path = relative(found.location.path)
        what = (path, found.code, found.summary, found.detail or "")
        seen[what] += 1
        fingerprint = hashlib.sha256("\0".join((*what, str(seen[what]))).encode("utf-8", "surrogatepass")).hexdigest()
        lines = {"begin": found.location.span.line if found.location.span else 1}
        issues.append(
            {
                "description": _message(found),
                "check_name": found.code,
                "fingerprint": fingerprint,
                "severity": "major" if found.severity is Severity.ERROR else "minor",
                "location": {"path": path, "lines": lines},
            }
        )
    return issues


def sarif(diagnostics: Iterable[Diagnostic], relative: Relative) -> dict[str, object]:
    """Return findings as a SARIF log of one run."""
    found = in_order(diagnostics)
    rules = [{"id": code} for code in sorted({each.code for each in found})]
    driver = {"name": "batchspec", "version": __version__, "rules": rules}
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, relative) for each in found],
            }
        ],
    }


def _result(found: Diagnostic, relative: Relative) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": _uri(relative(found.location.path))}}
    if found.location.span is not None:
        place["region"] = _region(found.location.span)
    return {
        "ruleId": found.code,
        "level": "error" if found.severity is Severity.ERROR else "warning",
        "message": {"text": _message(found)},
        "locations": [{"physicalLocation": place}],
    }


def _region(span: Span) -> dict[str, object]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _uri(path: str) -> str:
    """Return a relative path as a URI reference: only what would end or split it is escaped."""
    escaped = "".join(f"%{ord(sign):02X}" if sign in '%?#"<> ' else sign for sign in path)
    return escaped.replace("\\", "/")
