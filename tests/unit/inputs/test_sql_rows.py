"""Queries: what rows they give, which files they may read, and what is told of one that is wrong."""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from reading_inputs import Reading

from batchspec.core.diagnostics import Diagnostic, Severity
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import SqlQuery
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles

pytest.importorskip("duckdb", reason="the extra `duckdb` is not installed")

SPEC = ("specs/t.batchspec.yaml", 4, 8)


def ask(root: Path, sql: str) -> Reading:
    findings: list[Diagnostic] = []
    source = open_rows(SqlQuery(sql=sql, place=SPEC), RootedFiles(root), root)
    rows = list(source.rows(findings.append))
    assert all(found.hint for found in findings)
    return Reading(rows, [found for found in findings if found.code != "row-order"])


def refusal(root: Path, sql: str) -> Diagnostic:
    """Return the first error, found before the query runs or by running it."""
    try:
        reading = ask(root, sql)
    except InvalidInputError as error:
        found = error.diagnostics[0]
    else:
        assert reading.rows == []
        found = reading.findings[0]
    assert found.hint
    return found


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for path, text in {
        "specs/data/t.csv": "id,text\n1,é\n2,two\n",
        "specs/data/u.csv": "id,text\n3,three\n",
        "data/t.csv": "id,text\n9,of the root\n",
        "specs/it's.csv": "id\n7\n",
        ".git/config": "secret = 1\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    (tmp_path / "outside.csv").write_text("id\nsecret\n")
    (root / "specs/data/leak.txt").symlink_to(tmp_path / "outside.csv")
    (root / "specs/same.csv").symlink_to(root / "specs/data/t.csv")
    return root


@pytest.mark.parametrize(
    ("sql", "ids"),
    [
        ("SELECT id FROM 'same.csv' ORDER BY id", [1, 2]),
        ("SELECT * FROM 'data/t.csv' ORDER BY id", [1, 2]),
        ("SELECT t.id FROM 'data/t.csv' AS t WHERE t.text = 'é' ORDER BY 1", [1]),
        ('SELECT id FROM "data/t.csv" ORDER BY id', [1, 2]),
        ("SELECT id FROM 'data/*.csv' ORDER BY id", [1, 2, 3]),
        ("SELECT id FROM read_csv('data/*.csv', delim = ',') ORDER BY id", [1, 2, 3]),
        ("SELECT id FROM read_csv(['data/u.csv', 'data/t.csv']) ORDER BY id DESC", [3, 2, 1]),
        ("SELECT id FROM read_csv('../data/t.csv', types = {'id': 'BIGINT'})", [9]),
        ("FROM 'data/t.csv' JOIN 'data/u.csv' u USING (text) SELECT u.id", []),
        ("WITH a AS (SELECT id FROM 'data/t.csv') -- from 'nowhere.csv'\nSELECT id FROM a ORDER BY id", [1, 2]),
        ("SELECT id, 'from ''data/none.csv''' AS x FROM 'it''s.csv'", [7]),
        ("VALUES (1), (2)", None),
    ],
)
def test_a_query_reads_files_relative_to_its_spec_wherever_it_runs(root: Path, sql: str, ids: list[int] | None) -> None:
    for folder in (root, root / "specs", Path("/")):
        with inside(folder):
            reading = ask(root, sql)
            assert reading.findings == []
            if ids is not None:
                assert [row.get("id") for row in reading.values] == ids


def test_a_rows_place_is_its_number(root: Path) -> None:
    reading = ask(root, "SELECT id FROM 'data/t.csv' ORDER BY id")
    assert [row.place for row in reading.rows] == [f"{SPEC[0]}#inputs.sql:1", f"{SPEC[0]}#inputs.sql:2"]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1),
        ("1.10::DECIMAL(10, 2)", "1.10"),
        ("DATE '2026-01-31'", "2026-01-31"),
        ("TIMESTAMP '2026-01-31 12:00:00.120'", "2026-01-31T12:00:00.12"),
        ("'2026-01-31 13:00:00+01'::TIMESTAMPTZ", "2026-01-31T12:00:00Z"),
        ("TIME '01:02:03'", "01:02:03"),
        ("'00000000-0000-0000-0000-000000000005'::UUID", "00000000-0000-0000-0000-000000000005"),
        ("{'a': [1.5::DECIMAL(3, 1), NULL]}", {"a": ["1.5", None]}),
        ("MAP {'k': DATE '2026-01-31'}", {"k": "2026-01-31"}),
        ("MAP {1: true}", {"1": True}),
        ("NULL", None),
        ("0.5::DOUBLE", 0.5),
    ],
)
def test_a_value_is_what_json_can_hold(root: Path, expression: str, wanted: object) -> None:
    reading = ask(root, f"SELECT {expression} AS x")
    assert (reading.findings, reading.values) == ([], [{"x": wanted}])


@pytest.mark.parametrize(
    ("sql", "code", "told"),
    [
        ("SELECT * FROM '../../outside.csv'", "file", "leaves the project"),
        ("SELECT * FROM '/etc/passwd'", "file", "absolute path"),
        ("SELECT * FROM read_text('data/leak.txt')", "file", "by a symlink"),
        ("SELECT * FROM read_text('data/*')", "file", "by a symlink"),
        ("SELECT * FROM read_text('../.git/config')", "file", "private"),
        ("SELECT * FROM read_text('/proc/self/environ')", "file", "absolute path"),
        ("SELECT * FROM read_text('/proc/' || 'self/environ')", "file", "absolute path"),
        ("SELECT * FROM read_text(concat('/etc/', 'passwd'))", "sql", "disabled"),
        ("SELECT * FROM read_text($$/etc/passwd$$)", "sql", "disabled"),
        ("SELECT * FROM glob('/etc/*')", "sql", "disabled"),
        ("SELECT * FROM query('SELECT * FROM ''/etc/passwd''')", "sql", ""),
        ("SELECT * FROM query_table('/etc/passwd')", "sql", ""),
        ("SELECT * FROM 's3://bucket/t.csv'", "sql", "no file of the project"),
        ("SELECT * FROM read_csv('https://example.com/t.csv')", "sql", "no file of the project"),
        ("COPY (SELECT 1) TO 'x.csv'", "sql", "one SELECT"),
        ("ATTACH 'x.db'", "sql", "one SELECT"),
        ("SET enable_external_access = true", "sql", "one SELECT"),
        ("INSTALL httpfs", "sql", "one SELECT"),
        ("SELECT 1; SELECT 2", "sql", "2 statements"),
        ("", "sql", "0 statements"),
        ("SELEC 1", "sql", "is not SQL"),
        ("SELECT '\ud800'", "sql", "is not SQL"),
        ("SELECT nme FROM 'data/t.csv'", "sql", "nme"),
        ("SELECT 1 FROM 'data/none.csv'", "file", "there is no file"),
        ("SELECT 1 FROM 'data/*.parquet'", "no-files", "no file matches"),
        ("SELECT * FROM sys", "sql", "sys"),
        ("SELECT 'a'::BLOB AS x", "column-unsupported", "BLOB"),
        ("SELECT [INTERVAL 1 DAY] AS x", "column-unsupported", "INTERVAL"),
        ("SELECT 'nan'::DOUBLE AS x", "value-unsupported", "no JSON number"),
        ("SELECT 1 AS a, 2 AS a", "duplicate-column", "`a`"),
        ("SELECT range FROM range(300000000) ORDER BY hash(range)", "sql", "Memory"),
    ],
)
def test_a_query_that_is_wrong_or_reaches_out_of_the_project_is_refused(
    root: Path, sql: str, code: str, told: str
) -> None:
    found = refusal(root, sql)
    assert found.code == code, found
    assert told in found.summary + str(found.detail)
    assert str(root) not in found.summary


def test_a_faulty_query_is_told_at_its_place_in_the_spec(root: Path) -> None:
    for sql in ("SELEC 1", "SELECT nme FROM 'data/t.csv'", "SELECT 1 FROM 'none.csv'"):
        location = refusal(root, sql).location
        assert location.span is not None
        assert (location.path, location.span.line, location.span.column) == SPEC


@pytest.mark.parametrize(
    ("sql", "codes"),
    [
        ("SELECT 1 AS a", ["row-order"]),
        ("SELECT row_number() OVER (ORDER BY a) AS n FROM (SELECT 1 AS a ORDER BY a)", ["row-order"]),
        ("SELECT 1 AS a ORDER BY ALL", []),
        ("SELECT random() AS a ORDER BY a", ["sql-changes"]),
        ("SELECT current_date AS a ORDER BY a", ["sql-changes"]),
    ],
)
def test_what_may_come_out_otherwise_next_time_is_warned_of(root: Path, sql: str, codes: list[str]) -> None:
    findings: list[Diagnostic] = []
    list(open_rows(SqlQuery(sql=sql, place=SPEC), RootedFiles(root), root).rows(findings.append))
    assert [found.code for found in findings] == codes
    assert {found.severity for found in findings} <= {Severity.WARNING}


def test_rows_are_fetched_as_they_come(root: Path) -> None:
    source = open_rows(
        SqlQuery(sql="SELECT range AS n, repeat('x', 300) AS text FROM range(10000000000)", place=SPEC),
        RootedFiles(root),
        root,
    )
    tracemalloc.start()
    try:
        for row in source.rows(lambda _: None):
            if row.line == 30_000:
                break
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_without_the_extra_the_command_that_installs_it_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    found = refusal(root, "SELECT 1")
    assert (found.code, found.hint) == ("missing-extra", "pip install 'batchspec[duckdb]'")
