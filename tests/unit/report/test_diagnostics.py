from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchspec.core.diagnostics import Diagnostic, Location, Severity, Span
from batchspec.report.diagnostics import diagnostic_json, render_diagnostics
from batchspec.report.safe_text import safe, width


def finding(
    line: str | None = "modle: mistral-small-latest",
    column: int = 1,
    length: int = 5,
    *,
    number: int = 3,
    path: str = "specs/triage.batchspec.yaml",
    severity: Severity = Severity.ERROR,
    summary: str = "unknown key `modle`",
    detail: str | None = None,
    hint: str | None = None,
    row: str | None = None,
) -> Diagnostic:
    return Diagnostic(
        severity=severity,
        code="unknown-key",
        location=Location.at(path, number, column, length),
        summary=summary,
        detail=detail,
        hint=hint,
        source_line=line,
        row=row,
    )


def excerpt(found: Diagnostic) -> tuple[str, str]:
    """Return the source line and the carets as they are shown."""
    _, source, carets, *_ = render_diagnostics([found], colour=False).split("\n")
    return source, carets


def marked(found: Diagnostic) -> str:
    """Return what stands above the carets, by columns of the terminal."""
    source, carets = excerpt(found)
    before, carets_only = len(carets) - len(carets.lstrip(" |")), carets.lstrip(" |")
    columns: list[str] = []
    for character in source:
        if width(character) == 0:
            columns[-1] += character
        else:
            columns += [character, *[""] * (width(character) - 1)]
    return "".join(columns[before : before + len(carets_only)])


def test_the_form_of_a_finding() -> None:
    found = finding(detail="only keys of the schema are allowed, and `model` is missing", hint="did you mean `model`?")
    assert render_diagnostics([found], colour=False) == (
        "specs/triage.batchspec.yaml:3:1: error[unknown-key]: unknown key `modle`\n"
        "  3 | modle: mistral-small-latest\n"
        "    | ^^^^^\n"
        "  why:  only keys of the schema are allowed, and `model` is missing\n"
        "  help: did you mean `model`?\n"
        "\n"
        "1 error in 1 file\n"
    )


def test_no_findings_are_no_text() -> None:
    assert render_diagnostics([], colour=True) == ""


def test_findings_are_sorted_by_place_and_shown_once_and_counted() -> None:
    shown = render_diagnostics(
        [
            finding(path="b.yaml", number=1),
            finding(path="a.yaml", number=10),
            finding(path="a.yaml", number=9, severity=Severity.WARNING),
            finding(path="a.yaml", number=10),
            finding(path="a.yaml", number=10, column=2),
        ],
        colour=False,
    )
    heads = [line.split(": ")[0] for line in shown.split("\n") if "[unknown-key]" in line]
    assert heads == ["a.yaml:9:1", "a.yaml:10:1", "a.yaml:10:2", "b.yaml:1:1"]
    assert "a.yaml:9:1: warning[unknown-key]" in shown
    assert shown.endswith("\n\n3 errors, 1 warning in 2 files\n")


def test_a_limit_shows_the_first_and_counts_all() -> None:
    shown = render_diagnostics([finding(number=number) for number in range(1, 1301)], colour=False, limit=2)
    assert shown.count("[unknown-key]") == 2
    assert shown.endswith("\n\n… and 1,298 more\n\n1,300 errors in 1 file\n")


def test_only_warnings_are_counted_as_such() -> None:
    assert render_diagnostics([finding(severity=Severity.WARNING)], colour=False).endswith("\n1 warning in 1 file\n")


def test_paths_are_shown_as_the_reader_knows_them() -> None:
    shown = render_diagnostics([finding()], colour=False, relative=lambda path: f"../{path}")
    assert shown.startswith("../specs/triage.batchspec.yaml:3:1: ")


def test_a_row_is_named() -> None:
    assert "\n  row:  data/t.csv:12\n" in render_diagnostics([finding(row="data/t.csv:12")], colour=False)


def test_further_lines_of_a_text_stand_below_its_first() -> None:
    assert "\n  why:  one\n        two\n" in render_diagnostics([finding(detail="one\ntwo")], colour=False)


def test_without_a_line_there_is_no_excerpt() -> None:
    assert render_diagnostics([finding(line=None)], colour=False).count("\n") == 3
    assert render_diagnostics([finding(line="  ")], colour=False).count("\n") == 3


def test_without_a_span_only_the_file_is_named() -> None:
    found = Diagnostic(severity=Severity.ERROR, code="x", location=Location("a.csv"), summary="no", source_line="text")
    assert render_diagnostics([found], colour=False) == "a.csv: error[x]: no\n\n1 error in 1 file\n"


def test_the_carets_of_a_value_over_several_lines_end_with_the_first() -> None:
    found = Diagnostic(
        severity=Severity.ERROR,
        code="x",
        location=Location("a.yaml", Span(2, 4, 9, 2)),
        summary="no",
        source_line="a: [1, 2,  ",
    )
    assert excerpt(found) == ("  2 | a: [1, 2,", "    |    ^^^^^^")


def test_a_place_after_the_end_of_a_line_has_a_caret() -> None:
    assert excerpt(finding("ab", 3, 1)) == ("  3 | ab", "    |   ^")
    assert excerpt(finding("ab", 3, 0)) == ("  3 | ab", "    |   ^")
    assert excerpt(finding("ab", 99, 5)) == ("  3 | ab", "    |   ^")


def test_carets_stand_below_wide_and_hidden_characters() -> None:
    line = "名前: \u202e\x1b[31m\t日本 e\u0301x end"
    assert marked(finding(line, line.index("日本") + 1, 2)) == "日本"
    assert marked(finding(line, line.index("end") + 1, 3)) == "end"


@pytest.mark.parametrize("filler", ["x", "日", "\x1b", "e\u0301 "])
@pytest.mark.parametrize(("before", "after"), [(0, 500), (500, 0), (500, 500), (30, 500), (500, 10), (80, 5), (5, 80)])
def test_long_lines_are_cut_around_the_place(filler: str, before: int, after: int) -> None:
    line = filler * before + "HERE" + filler * after
    found = finding(line, len(filler * before) + 1, 4, number=12)
    assert marked(found) == "HERE"
    assert all(width(shown) <= 100 for shown in excerpt(found))


def test_a_line_of_millions_of_characters_is_cut() -> None:
    found = finding("x" * 10_000_000, 5_000_000, 3_000_000)
    assert all(len(shown) <= 100 for shown in excerpt(found))


def test_text_from_files_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x9b2J\u202e"
    found = finding(f"a: {evil}", 4, 3, path=f"a{evil}.yaml", summary=evil, detail=evil, hint=evil, row=evil)
    shown = render_diagnostics([found], colour=False)
    assert not set(shown) & set("\x1b\x07\x9b\u202e")


def test_colour_changes_nothing_but_colour() -> None:
    found = [finding(detail="why", hint="how"), finding(number=4, severity=Severity.WARNING)]
    coloured = render_diagnostics(found, colour=True)
    assert "\x1b[31;1merror[unknown-key]\x1b[0m" in coloured
    assert "\x1b[33;1mwarning[unknown-key]\x1b[0m" in coloured
    for code in ("1", "2", "0", "31;1", "33;1"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == render_diagnostics(found, colour=False)


@example("0" * 22 + "\x80" * 8 + "\u0af2\u0e5c\u0e5c\u0e5c", 35, 0)
@given(st.text(st.characters(exclude_characters="\r\n")), st.integers(-3, 400), st.integers(-3, 400))
def test_any_line_and_any_place_give_an_excerpt(line: str, column: int, length: int) -> None:
    shown = render_diagnostics([finding(line, column, length)], colour=False)
    assert all(line == safe(line) for line in shown.split("\n"))
    assert all(width(line) <= 100 for line in shown.split("\n"))


def test_a_finding_as_json() -> None:
    found = finding("a: \x1b", 4, 1, detail="why", hint="how", row="d.csv:2", severity=Severity.WARNING)
    assert diagnostic_json(found) == {
        "severity": "warning",
        "code": "unknown-key",
        "path": "specs/triage.batchspec.yaml",
        "line": 3,
        "column": 4,
        "end_line": 3,
        "end_column": 5,
        "summary": "unknown key `modle`",
        "detail": "why",
        "hint": "how",
        "source_line": "a: \x1b",
        "row": "d.csv:2",
    }
    assert json.loads(json.dumps(diagnostic_json(found))) == diagnostic_json(found)


def test_a_finding_without_a_place_as_json() -> None:
    found = Diagnostic(severity=Severity.ERROR, code="x", location=Location("a.csv"), summary="no")
    assert {diagnostic_json(found)[key] for key in ("line", "column", "end_line", "end_column")} == {None}
