"""Which rows are taken, what their columns become, and where a fault is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from batchspec.core.diagnostics import Diagnostic, DiagnosticSink
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import InputRow
from batchspec.core.row_shape import RowShape, shaped
from batchspec.core.source import load_source
from batchspec.core.spec import build_spec
from batchspec.project.files import RootedFiles

PATH = "t.batchspec.yaml"


@dataclass
class Rows:
    """A source that counts what is read of it."""

    values: list[dict[str, object]]
    read: int = 0

    def rows(self, sink: DiagnosticSink) -> Iterator[InputRow]:
        for number, values in enumerate(self.values, 2):
            self.read += 1
            yield InputRow(values, "t.csv", number)


class Taken(NamedTuple):
    rows: list[Mapping[str, object]]
    findings: list[Diagnostic]

    @property
    def told(self) -> list[tuple[str, str, int, int]]:
        return [
            (found.code, found.location.path, span.line, span.column)
            for found in self.findings
            if (span := found.location.span)
        ]


def take(source: Rows, more: str, names: Mapping[str, object] | None = None) -> Taken:
    text = f"batchspec: 1\nname: t\nmodel: m\ninputs:\n  path: t.csv\n{more}"
    spec = build_spec(load_source(text, PATH), RootedFiles(Path.cwd()), {})
    findings: list[Diagnostic] = []
    rows = list(shaped(source, spec.shape, names or {"vars": {"least": 3}}).rows(findings.append))
    assert all(found.hint for found in findings)
    return Taken([row.values for row in rows], findings)


def numbers(count: int) -> Rows:
    return Rows([{"n": number, "lang": "en" if number % 2 else "de"} for number in range(count)])


def test_without_a_word_rows_are_the_source_itself() -> None:
    source = numbers(2)
    assert shaped(source, build_spec_shape(""), {}) is source


def build_spec_shape(more: str) -> RowShape:
    text = f"batchspec: 1\nname: t\nmodel: m\ninputs:\n  path: t.csv\n{more}"
    return build_spec(load_source(text, PATH), RootedFiles(Path.cwd()), {}).shape


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("row.n > 7", [8, 9]),
        ("row.lang == 'en' and row.n > vars.least", [5, 7, 9]),
        ("row.n in [1, 4]", [1, 4]),
        ("'{{ row.n < 2 }}'", [0, 1]),
        ("'row.lang is defined and row.nothing is not defined and not row.n'", [0]),
        ("row.n in range(2)", [0, 1]),
        ("|\n    row.n == 3\n    or row.n == 5\n", [3, 5]),
        ("'false'", []),
    ],
)
def test_where_takes_the_rows_for_which_it_holds(where: str, wanted: list[int]) -> None:
    taken = take(numbers(10), f"  where: {where}\n")
    assert ([row["n"] for row in taken.rows], taken.findings) == (wanted, [])


def test_limit_comes_after_where_and_the_rest_is_not_read() -> None:
    source = numbers(100)
    taken = take(source, "  where: row.n > 4\n  limit: 3\n")
    assert [row["n"] for row in taken.rows] == [5, 6, 7]
    assert source.read == 8


@pytest.mark.parametrize(
    ("where", "code", "line", "column"),
    [
        ("row.lnag == 'en'", "undefined-name", 6, 10),
        ("langs == 'en'", "undefined-name", 6, 10),
        ("row.n >", "template-syntax", 6, 10),
        ("'row.n }} and {{ row.n'", "template-syntax", 6, 10),
        ("row.n / 0 > 1", "template-failed", 6, 10),
        ("row.n < 'a'", "template-failed", 6, 10),
        ("row.lang * 10 ** 9 == 'x'", "template-refused", 6, 10),
        ("row.__class__", "template-refused", 6, 10),
    ],
)
def test_a_condition_that_fails_is_told_at_its_place_with_the_row(
    where: str, code: str, line: int, column: int
) -> None:
    try:
        taken = take(numbers(1), f"  where: {where}\n")
    except InvalidInputError as error:
        (found,) = error.diagnostics
    else:
        (found,) = taken.findings
        assert taken.rows == []
        assert found.row == "t.csv:2"
    span = found.location.span
    assert span is not None
    assert (found.code, found.location.path, span.line) == (code, PATH, line)
    assert span.column == column


def test_a_misspelt_column_in_a_condition_gets_the_nearest_name() -> None:
    (found,) = take(numbers(1), "  where: row.lnag == 'en'\n").findings
    assert found.hint == "did you mean `lang`?"


def test_columns_become_their_types_before_where_reads_them() -> None:
    source = Rows([{"n": "3", "ok": "true", "tags": '["a"]', "d": "1"}, {"n": "", "ok": "", "tags": "", "d": ""}])
    more = "  columns: {n: integer, ok: boolean, tags: json, d: string}\n  where: row.n is none or row.n > 2\n"
    taken = take(source, more)
    assert taken.findings == []
    assert taken.rows == [
        {"n": 3, "ok": True, "tags": ["a"], "d": "1"},
        {"n": None, "ok": None, "tags": None, "d": ""},
    ]


def test_every_bad_cell_is_told_with_its_row_its_column_its_value_and_what_is_wanted() -> None:
    source = Rows([{"n": "x" * 70, "ok": "1"}, {"n": "1", "ok": "true"}, {"n": "2", "ok": "no"}])
    taken = take(source, "  columns: {n: integer, ok: boolean}\n")
    assert taken.rows == [{"n": 1, "ok": True}]
    assert taken.told == [
        ("column-type", "t.csv", 2, 1),
        ("column-type", "t.csv", 2, 1),
        ("column-type", "t.csv", 4, 1),
    ]
    assert taken.findings[0].summary == f"`n` is `{'x' * 60}…`, and a whole number is wanted"
    assert taken.findings[2].summary == "`ok` is `no`, and `true` or `false` is wanted"


def test_a_column_that_no_row_has_is_told_where_the_spec_names_it() -> None:
    source = Rows([{"name": "a"}, {"name": "b", "n": "1"}])
    taken = take(source, "  columns:\n    nane: string\n    n: integer\n")
    assert taken.told == [("unknown-column", PATH, 7, 5)]
    assert taken.findings[0].hint == "did you mean `name`?"
    assert taken.rows == [{"name": "a"}, {"name": "b", "n": 1}]


def test_a_column_is_not_missed_where_there_are_no_rows() -> None:
    assert take(Rows([]), "  columns: {n: integer}\n") == Taken([], [])


def test_rows_of_the_source_are_not_changed() -> None:
    source = Rows([{"n": "1"}])
    take(source, "  columns: {n: integer}\n")
    assert source.values == [{"n": "1"}]
