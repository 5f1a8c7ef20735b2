"""Findings of millions of rows, told once each."""

from __future__ import annotations

import pytest

from batchspec.commands.findings import Findings
from batchspec.core.diagnostics import Diagnostic, Location, Severity
from batchspec.core.errors import InvalidInputError


def finding(
    line: int = 1, *, row: str | None = None, severity: Severity = Severity.ERROR, detail: str | None = None
) -> Diagnostic:
    return Diagnostic(
        severity=severity, code="c", location=Location.at("s.yaml", line), summary="s", row=row, detail=detail
    )


def test_the_same_finding_from_many_rows_is_told_once_with_the_first_row() -> None:
    findings = Findings()
    for line in range(2, 1_002):
        findings(finding(row=f"t.csv:{line}", detail="because"))
    [told] = findings.diagnostics()
    assert told.detail == "because; the same in 999 more"
    assert told.row == "t.csv:2"
    assert findings.errors == 1_000


def test_findings_without_rows_are_counted_too() -> None:
    findings = Findings()
    findings(finding())
    assert findings.diagnostics()[0].detail is None
    findings(finding())
    assert findings.diagnostics()[0].detail == "the same in 1 more"


def test_findings_come_in_the_order_of_their_places() -> None:
    findings = Findings()
    for line in (3, 1, 2):
        findings(finding(line))
    assert [told.location.span and told.location.span.line for told in findings.diagnostics()] == [1, 2, 3]


def test_no_more_than_a_few_hundred_are_kept_and_the_rest_is_counted() -> None:
    findings = Findings()
    for line in range(1, 1_001):
        findings(finding(line))
    with pytest.raises(InvalidInputError, match="1,000 errors were found; 800 more are not shown") as caught:
        findings.raise_if_errors()
    assert len(caught.value.diagnostics) == 200


def test_warnings_alone_raise_nothing() -> None:
    findings = Findings()
    findings(finding(severity=Severity.WARNING))
    findings.raise_if_errors()
    assert findings.errors == 0
    assert len(findings.diagnostics()) == 1


def test_warnings_are_told_with_the_errors() -> None:
    findings = Findings()
    findings(finding(1, severity=Severity.WARNING))
    findings(finding(2))
    with pytest.raises(InvalidInputError) as caught:
        findings.raise_if_errors()
    assert [told.severity for told in caught.value.diagnostics] == [Severity.WARNING, Severity.ERROR]
