"""Findings for GitHub and for readers of SARIF: each with its place, and nothing that ends the form early."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from batchspec.core.diagnostics import Diagnostic, Location, Severity, Span
from batchspec.report.annotations import code_quality, github_annotations, sarif

FOUND = (
    Diagnostic(
        severity=Severity.ERROR,
        code="unknown-key",
        location=Location("specs/a,b:c.yaml", Span(3, 1, 3, 6)),
        summary="unknown key `modle`",
        detail="100% sure\nreally",
        hint="did you mean `model`?",
    ),
    Diagnostic(
        severity=Severity.WARNING, code="null-cell", location=Location("x y#1.yaml"), summary="s", row="r.csv:7"
    ),
)


def same(path: str) -> str:
    return path


def test_github_gets_a_command_of_one_line_for_each_finding() -> None:
    first, second = github_annotations(FOUND, same)
    place = "file=specs/a%2Cb%3Ac.yaml,line=3,col=1,endLine=3,endColumn=5"
    message = "unknown key `modle`%0Awhy: 100%25 sure%0Areally%0Ahelp: did you mean `model`?"
    assert first == f"::error {place},title=unknown-key::{message}"
    assert second == "::warning file=x y#1.yaml,title=null-cell::s%0Arow r.csv:7"


def test_a_range_over_lines_has_no_end_column_since_github_refuses_it() -> None:
    found = Diagnostic(severity=Severity.ERROR, code="c", location=Location("a", Span(1, 4, 2, 1)), summary="s")
    assert github_annotations([found], same) == ["::error file=a,line=1,col=4,endLine=2,title=c::s"]


def one_run(log: dict[str, Any]) -> dict[str, Any]:
    run: dict[str, Any]
    (run,) = log["runs"]
    return run


def test_sarif_has_a_result_for_each_finding_and_each_code_once_as_a_rule() -> None:
    told: dict[str, Any] = sarif([*FOUND, FOUND[0]], same)
    (run,) = told["runs"]
    assert told["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["null-cell", "unknown-key"]
    first = run["results"][0]
    assert (first["ruleId"], first["level"]) == ("unknown-key", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 3, "startColumn": 1, "endLine": 3, "endColumn": 6}
    assert run["results"][-1]["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "x%20y%231.yaml"}}


def test_gitlab_gets_an_issue_for_each_finding_with_its_place_and_its_weight() -> None:
    second, first = code_quality(FOUND, same)
    assert first["location"] == {"path": "x y#1.yaml", "lines": {"begin": 1}}
    assert (first["severity"], second["severity"]) == ("minor", "major")
    assert second["check_name"] == "unknown-key"
    assert second["location"] == {"path": "specs/a,b:c.yaml", "lines": {"begin": 3}}
    assert str(second["description"]).startswith("unknown key `modle`\nwhy: ")


def test_a_fingerprint_outlives_an_edit_above_and_tells_equal_findings_apart() -> None:
    moved = replace(FOUND[0], location=Location("specs/a,b:c.yaml", Span(9, 1, 9, 6)))
    (before,) = code_quality(FOUND[:1], same)
    (after,) = code_quality([moved], same)
    both = {str(issue["fingerprint"]) for issue in code_quality([FOUND[0], moved], same)}
    assert before["fingerprint"] == after["fingerprint"]
    assert len(both) == 2
    assert before["fingerprint"] in both
