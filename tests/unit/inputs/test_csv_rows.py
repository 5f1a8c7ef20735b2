"""CSV and TSV: what is read, and which line is blamed."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_inputs import read, read_bytes

from batchspec.core.diagnostics import Severity
from batchspec.inputs import text_lines
from batchspec.inputs.findings import MAX_FINDINGS

# No NUL, which is an error, no half of a surrogate pair, which no file can hold, and plenty of what breaks lines.
_CELLS = st.text(
    st.one_of(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        st.sampled_from('",\r\n;\t \u2028\u2029\x85\x0b\x0c\x1c\ufeff'),
    ),
    max_size=12,
)
_NAMES = _CELLS.filter(lambda name: bool(name.strip()) and not name.startswith("\ufeff"))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    header = draw(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
    row = st.lists(_CELLS, min_size=len(header), max_size=len(header))
    return header, draw(st.lists(row, max_size=6))


def written(header: list[str], rows: list[list[str]], delimiter: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    return text.getvalue()


@given(tables(), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]))
def test_what_a_csv_writer_writes_is_read_back(
    table: tuple[list[str], list[list[str]]], delimiter: str, encoding: str
) -> None:
    header, rows = table
    with tempfile.TemporaryDirectory() as folder:
        data = written(header, rows, delimiter).encode(encoding)
        plain = read_bytes(Path(folder), "t.csv", data, encoding=encoding, delimiter=delimiter)
        packed = read_bytes(Path(folder), "t.csv.gz", gzip.compress(data), encoding=encoding, delimiter=delimiter)
    assert [found for found in plain.findings if found.severity is Severity.ERROR] == []
    assert plain.values == [dict(zip(header, row, strict=True)) for row in rows]
    assert (packed.values, packed.lines) == (plain.values, plain.lines)


@given(tables(), st.integers(1, 40))
def test_where_the_blocks_are_cut_changes_nothing(table: tuple[list[str], list[list[str]]], size: int) -> None:
    data = written(*table, delimiter=",").encode()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        whole = read_bytes(Path(folder), "t.csv", data)
        patch.setattr(text_lines, "BLOCK_BYTES", size)
        assert read(Path(folder), "t.csv") == whole


def test_cells_are_strings_and_a_row_knows_its_file_and_line(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b"id,n\n007,1.50\n,null\n")
    assert reading.values == [{"id": "007", "n": "1.50"}, {"id": "", "n": "null"}]
    assert [row.place for row in reading.rows] == ["t.csv:2", "t.csv:3"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_s_line_is_the_one_on_which_it_begins(tmp_path: Path, end: str) -> None:
    text = end.join(['id,"te', 'xt"', '1,"a', "", 'b"', "", "2,c", "  ", '3,"d', 'e"', ""])
    reading = read_bytes(tmp_path, "t.csv", text.encode())
    assert [row.line for row in reading.rows] == [3, 7, 9]
    assert reading.values[0] == {"id": "1", f"te{end}xt": f"a{end}{end}b"}
    assert not reading.findings


def test_a_crlf_cut_by_a_block_s_end_is_one_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in range(1, 12):
        # Blocks so small that their ends fall on every byte of a short file.
        monkeypatch.setattr(text_lines, "BLOCK_BYTES", size)
        reading = read_bytes(tmp_path, "t.csv", b"id,t\r\n1,a\r\n\r\n2,\0\r\n3,c")
        assert reading.lines == [2, 4, 5]
        assert reading.faults == [("nul", 4)]


def test_blank_lines_and_a_missing_last_line_end_are_no_matter(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b"\n\nid,t\n\n1,a\n   \n\n2,b")
    assert reading.values == [{"id": "1", "t": "a"}, {"id": "2", "t": "b"}]
    assert reading.lines == [5, 8]


def test_a_single_column_keeps_cells_of_white_space(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "t.csv", b'id\n \n""\n\n').values == [{"id": " "}, {"id": ""}]


def test_tsv_is_separated_by_tabs(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "t.tsv", b"a\tb\n1,2\t3\n").values == [{"a": "1,2", "b": "3"}]


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b"id,t\n")
    assert (reading.rows, reading.findings) == ([], [])


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\r\n"])
def test_an_empty_file_has_no_header(tmp_path: Path, data: bytes) -> None:
    assert read_bytes(tmp_path, "t.csv", data).faults == [("no-header", 1)]


def test_ragged_rows_are_errors_with_counts_and_the_others_are_read(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b'id,t\n1,a,b\n2,"c\nd"\n3\n4,e\n')
    assert reading.faults == [("ragged-row", 2), ("ragged-row", 5)]
    assert reading.findings[0].summary == "this row has 3 cells, the header has 2"
    assert "double quotes" in (reading.findings[0].hint or "")
    assert reading.findings[1].summary == "this row has 1 cell, the header has 2"
    assert [row["id"] for row in reading.values] == ["2", "4"]


def test_a_duplicate_column_is_named_with_both_places_and_no_row_is_given(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b"id,t,id,,t\n1,2,3,4,5\n1\n")
    assert [found.summary for found in reading.findings] == [
        "columns 1 and 3 are both named `id`",
        "column 4 has no name",
        "columns 2 and 5 are both named `t`",
        "this row has 1 cell, the header has 5",
    ]
    assert reading.faults[0] == ("duplicate-column", 1)
    assert reading.rows == []


def test_a_quote_that_is_never_closed_is_blamed_where_it_opened(tmp_path: Path) -> None:
    data = b'id,a,b\n1,x,y\n2,"x\n""y""","","z,\n3,x,y\n4,x,y\n'
    reading = read_bytes(tmp_path, "t.csv", data)
    assert reading.faults == [("unclosed-quote", 4)]
    assert reading.lines == [2]


def test_an_unclosed_quote_that_meets_another_is_blamed_on_its_row_and_reading_goes_on(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b'id,t\n1,"open\n2,b\n3,"c"\n4,d\n')
    assert reading.faults == [("malformed-csv", 2)]
    assert reading.findings[0].detail == "the row that begins here goes wrong on line 4"
    assert reading.values == [{"id": "4", "t": "d"}]


def test_an_unclosed_quote_in_the_header_is_blamed_there(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "t.csv", b'id,"t\n1,a\n').faults == [("unclosed-quote", 1)]


def test_an_unclosed_quote_in_a_large_file_is_blamed_where_it_opened_and_later_rows_are_read(tmp_path: Path) -> None:
    body = b"".join(b"%d,some text\n" % number for number in range(1_200_000))
    reading = read_bytes(tmp_path, "t.csv.gz", gzip.compress(b'id,t\n1,"open\n' + body, 1))
    assert reading.faults == [("cell-too-long", 2)]
    assert reading.values[-1] == {"id": "1199999", "t": "some text"}


def test_a_nul_is_an_error_on_its_line_once_a_line(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b'id,t\n1,a\n2,"x\n\0\0"\n\0,b\n')
    assert reading.faults == [("nul", 4), ("nul", 5)]


def test_bytes_of_another_encoding_are_an_error_with_line_and_offset(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", "id,t\r\n1,ok\r\n2,caf\xe9\r\n3,\xfc\r\n".encode("latin-1"))
    assert reading.faults == [("encoding", 3)]
    assert reading.findings[0].summary == "not utf-8 text: byte 0xe9 at offset 17"
    assert "encoding: cp1252" in (reading.findings[0].hint or "")
    assert reading.values[0] == {"id": "1", "t": "ok"}


def test_a_character_cut_off_at_the_end_is_an_error(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "t.csv", b"id,t\n1,\xe2\x82").faults == [("encoding", 2)]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_an_encoding_error_has_its_place_wherever_the_blocks_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # Blocks so small that they are cut within a character.
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", size)
    reading = read_bytes(tmp_path, "t.csv", b"id,t\r\n1,\xe2\x82\xac\r\n2,\xe2\x82x\n")
    assert reading.faults == [("encoding", 3)]
    assert "offset 15" in reading.findings[0].summary


def test_a_named_encoding_is_read(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", "id,t\n1,caf\xe9 \u20ac\n".encode("cp1252"), encoding="cp1252")
    assert reading.values == [{"id": "1", "t": "caf\xe9 \u20ac"}]


def test_a_header_that_looks_separated_otherwise_is_a_warning(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b"id;text\n1;a\n")
    assert [(found.severity, found.code) for found in reading.findings] == [(Severity.WARNING, "delimiter")]
    assert '`delimiter: ";"`' in (reading.findings[0].hint or "")


def test_more_errors_than_anyone_reads_are_counted(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv", b"id,t\n" + b"1\n" * (MAX_FINDINGS + 5) + b"2,b\n")
    assert len(reading.findings) == MAX_FINDINGS + 1
    assert reading.findings[-1].summary == "and 5 more errors in this file"
    assert reading.values == [{"id": "2", "t": "b"}]


def test_a_line_without_end_ends_the_reading(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.csv.gz", gzip.compress(b"id,t\n1,a\n2," + b" " * 2**25, 1))
    assert reading.faults[0] == ("line-too-long", 3)
    assert reading.values == [{"id": "1", "t": "a"}]


def test_the_glosses_of_wordnet_are_all_read() -> None:
    beside = Path(__file__).resolve().parents[4].glob("*/data/wordnet-glosses.csv")
    found = next((path for path in beside if path.stat().st_size == 13_632_807), None)
    if found is None:
        pytest.skip("the glosses of WordNet are not at hand")
    reading = read(found.parent, found.name)
    assert reading.findings == []
    assert len(reading.rows) == 117_659
    assert reading.lines == list(range(2, 117_661))
    assert len({row["synset_id"] for row in reading.values}) == 117_659
