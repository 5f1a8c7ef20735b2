"""CSV that every reader takes, and no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.records import Cell, JsonText, OutputFormat
from batchspec.outputs import open_writer
from batchspec.outputs.csv_table import csv_cell

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")


def written(columns: list[str], *records: tuple[Cell, ...]) -> bytes:
    stream = io.BytesIO()
    writer = open_writer(OutputFormat.CSV, stream, columns)
    for record in records:
        writer.write([record])
    writer.finish()
    return stream.getvalue()


def read_back(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


def unmarked(cell: str) -> str:
    """Undo what the reference says is done to text that looks like a formula."""
    return re.sub("^'(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])", "", cell)


def test_a_table_has_a_header_and_a_line_a_record() -> None:
    data = written(["id", "n", "ok", "none", "empty", "json"], ("a", 1.5, True, None, "", JsonText(b'{"a":[1]}')))
    assert data == b'id,n,ok,none,empty,json\na,1.5,true,,"","{""a"":[1]}"\n'


def test_a_table_without_rows_has_its_header() -> None:
    assert written(["id", "a,b"]) == b'id,"a,b"\n'


def test_what_rfc_4180_wants_quoted_is_quoted() -> None:
    data = written(["a", "b"], ('say "hi"', "two\nlines"), ("comma, here", "fünf\u2028"), ("cr\rhere", "é"))
    assert data == ('a,b\n"say ""hi""","two\nlines"\n"comma, here",fünf\u2028\n"cr\rhere",é\n'.encode())


@given(st.lists(st.lists(_TEXT, min_size=3, max_size=3), max_size=5))
def test_every_text_comes_back(rows: list[list[str]]) -> None:
    data = written(["a", "b", "c"], *(tuple(row) for row in rows))
    header, *back = read_back(data)
    assert header == ["a", "b", "c"]
    assert [[unmarked(cell) for cell in row] for row in back] == rows


@given(_TEXT, st.sampled_from(_DANGEROUS), _TEXT)
def test_no_text_begins_like_a_formula_unless_it_is_a_number(head: str, sign: str, tail: str) -> None:
    for text in (head + sign + tail, sign + tail, "'" + sign + tail):
        [[cell]] = read_back((csv_cell(text) + "\n").encode("utf-8")) or [[""]]
        assert not cell.startswith(_DANGEROUS) or re.fullmatch(r"[+-]\d+(\.\d+)?([eE][+-]?\d+)?", cell, re.ASCII)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('=HYPERLINK("http://x")', '"\'=HYPERLINK(""http://x"")"'),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", '"\'\r=1"'),
        ("- a list", "'- a list"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("-5", "-5"),
        ("+49.5e-3", "+49.5e-3"),
        ("-٣", "'-٣"),
        (-5, "-5"),
        (-0.5, "-0.5"),
        (12345678901234567890123, "12345678901234567890123"),
        (None, ""),
        (False, "false"),
    ],
)
def test_formulas_are_made_harmless_and_numbers_are_left(cell: Cell, text: str) -> None:
    assert csv_cell(cell) == text


def test_a_header_is_made_harmless_too() -> None:
    assert written(["=1+1"]) == b"'=1+1\n"
