"""Columns over a row and its answer: typed, null where there is no answer, told where they fail for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from building_specs import Folder

from batchspec.core.columns import Answered, Columns
from batchspec.core.diagnostics import Diagnostic, Severity
from batchspec.core.errors import InvalidInputError
from batchspec.core.records import Cell, JsonText
from batchspec.project.files import RootedFiles

LEAST = "batchspec: 1\nname: triage\nmodel: m\n"
ERROR = {"status_code": 422, "message": "too long"}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def columns(folder: Folder, *lines: str) -> Columns:
    text = LEAST + "output:\n  columns:\n" + "".join(f"    {line}\n" for line in lines)
    return Columns(folder.spec(text), RootedFiles(folder.root))


def succeeded(text: str | None = '{"queue": "billing"}', **values: object) -> Answered:
    row = {"row": {"id": 7, "queue": "x"}, "custom_id": "T-7", "model": "m", "status": "succeeded"}
    response = {"choices": [], "model": "m-2506"}
    return Answered("rows.csv:8", row | values, response, text, {"total_tokens": 3}, None)


def failed() -> Answered:
    row = {"row": {"id": 7}, "custom_id": "T-7", "model": "m", "status": "failed"}
    return Answered("rows.csv:8", row, None, None, None, ERROR)


def cells(of: Columns, answered: Answered) -> tuple[dict[str, Cell], list[Diagnostic]]:
    found: list[Diagnostic] = []
    return dict(zip(of.names, of.cells(answered, found.append), strict=True)), found


def test_a_lone_expression_keeps_its_type_and_the_rest_is_text(folder: Folder) -> None:
    of = columns(
        folder,
        "queue: '{{ json.queue }}'",
        "tokens: '{{ usage.total_tokens }}'",
        "half: '{{ usage.total_tokens / 2 }}'",
        "whole: '{{ json }}'",
        "long: '{{ (text | length) > 3 }}'",
        "nothing: '{{ none }}'",
        "note: '{{ custom_id }} by {{ response.model }} in {{ spec.name }}'",
        "constant: kept",
        "of_row: '{{ row.id }}'",
        "state: '{{ status }}/{{ model }}'",
    )
    got, found = cells(of, succeeded())
    assert found == []
    assert got == {
        "queue": "billing",
        "tokens": 3,
        "half": 1.5,
        "whole": b'{"queue":"billing"}',
        "long": True,
        "nothing": None,
        "note": "T-7 by m-2506 in triage",
        "constant": "kept",
        "of_row": 7,
        "state": "succeeded/m",
    }
    assert isinstance(got["whole"], JsonText)


def test_a_row_without_an_answer_has_null_where_one_is_needed_and_says_nothing(folder: Folder) -> None:
    of = columns(
        folder,
        "queue: '{{ json.queue }}'",
        "shown: 'Queue: {{ text }}'",
        "loud: '{{ text | upper }}'",
        "tokens: '{{ usage.total_tokens }}'",
        "id: '{{ row.id }}'",
        "why: '{{ error.message }}'",
        "either: '{{ text or error.message }}'",
        "has: '{{ text is none }}'",
    )
    got, found = cells(of, failed())
    assert found == []
    assert got == {
        "queue": None,
        "shown": None,
        "loud": None,
        "tokens": None,
        "id": 7,
        "why": "too long",
        "either": "too long",
        "has": True,
    }


def test_an_answered_row_has_no_error_to_read(folder: Folder) -> None:
    of = columns(
        folder,
        "why: '{{ error.message }}'",
        "whole: '{{ error }}'",
        "good: \"{{ 'bad' if error else 'good' }}\"",
        "same: '{{ error == none }}'",
        "different: '{{ error != none }}'",
    )
    got, found = cells(of, succeeded())
    assert found == []
    assert got == {"why": None, "whole": None, "good": "good", "same": True, "different": False}


def test_a_column_that_fails_for_an_answer_is_null_and_told_with_row_and_place(folder: Folder) -> None:
    of = columns(folder, "queue: '{{ json.qeue }}'", "id: '{{ row.id }}'")
    got, found = cells(of, succeeded())
    assert got == {"queue": None, "id": 7}
    [warning] = found
    assert warning.severity is Severity.WARNING
    assert warning.code == "null-cell"
    assert "`queue`" in warning.summary
    assert "`qeue` is not defined" in warning.summary
    assert warning.row == "rows.csv:8"
    assert warning.hint == "did you mean `queue`?"
    assert warning.location.span is not None
    assert (warning.location.path, warning.location.span[:2]) == ("specs/triage.batchspec.yaml", (6, 21))


@pytest.mark.parametrize("template", ["{{ row.id * 1e308 }}", "{{ [row.id, -1e308 * 10] }}", '{{ {"a": 1e308 * 10} }}'])
def test_a_number_that_no_file_can_hold_is_null_and_told(folder: Folder, template: str) -> None:
    got, [warning] = cells(columns(folder, f"far: '{template}'"), succeeded())
    assert got == {"far": None}
    assert "inf is not a JSON number" in warning.summary


def test_an_answer_without_json_is_said_to_have_none(folder: Folder) -> None:
    got, [warning] = cells(columns(folder, "queue: '{{ json.queue }}'"), succeeded("I cannot say."))
    assert got == {"queue": None}
    assert warning.detail == "the answer's text holds no JSON"


def test_a_wrong_name_of_the_rows_own_is_told_also_without_an_answer(folder: Folder) -> None:
    got, [warning] = cells(columns(folder, "id: '{{ row.ide }}'"), failed())
    assert got == {"id": None}
    assert warning.hint == "did you mean `id`?"


def test_one_row_leaves_nothing_to_the_next(folder: Folder) -> None:
    of = columns(folder, "queue: '{{ json.queue }}'", "why: '{{ error.message }}'")
    before = cells(of, failed())
    assert cells(of, succeeded())[0] == {"queue": "billing", "why": None}
    assert cells(of, failed()) == before


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": 1e999}', "[" * 100_000, "{{ row.id }}"])
def test_a_hostile_answer_is_a_null_cell_at_worst(folder: Folder, text: str) -> None:
    got, found = cells(columns(folder, "a: '{{ json.a }}'", "t: '{{ text }}'"), succeeded(text))
    assert got == {"a": None, "t": text}
    assert [each.code for each in found] == ["null-cell"]


@pytest.mark.parametrize(
    "template", ["{{ text * 100000000 }}", "{% for x in range(9999999) %}{{ text }}{% endfor %}", '{{ "\\ud800" }}']
)
def test_a_column_is_bounded_as_a_prompt_is(folder: Folder, template: str) -> None:
    got, found = cells(columns(folder, f"a: '{template}'"), succeeded("long"))
    assert got == {"a": None}
    assert [each.code for each in found] == ["null-cell"]


def test_a_column_may_stand_in_a_file_and_include_others(folder: Folder) -> None:
    folder.write(verdict_j2="{% include 'part.j2' %}: {{ json.queue }}\n", part_j2="to\n")
    assert cells(columns(folder, "verdict: {file: verdict.j2}"), succeeded())[0] == {"verdict": "to: billing"}


def test_templates_that_do_not_compile_are_told_together_at_their_places(folder: Folder) -> None:
    with pytest.raises(InvalidInputError) as caught:
        columns(folder, "a: '{{ jsn.queue }}'", "b: '{{ json.queue'", "c: '{{ text }}'")
    found = caught.value.diagnostics
    assert [each.location.span.line for each in found if each.location.span] == [6, 7]
    assert found[0].hint == "did you mean `json`?"


@pytest.mark.parametrize("name", ["custom_id", "Status", "model", "error", "replicate"])
def test_a_column_has_a_name_of_its_own(folder: Folder, name: str) -> None:
    found = folder.finding(LEAST + "output: {columns: {" + name + ": '{{ text }}'}}\n")
    assert found.code == "column-name"


def test_two_columns_differ_in_more_than_their_case(folder: Folder) -> None:
    found = folder.finding(LEAST + "output: {columns: {queue: '{{ text }}', Queue: x}}\n")
    assert (found.code, found.location.span and found.location.span.column) == ("column-name", 41)


def test_columns_without_a_path_go_where_results_go(folder: Folder) -> None:
    assert folder.spec(LEAST + "output: {columns: {a: b}}\n").output_path == "specs/results/triage.jsonl"
