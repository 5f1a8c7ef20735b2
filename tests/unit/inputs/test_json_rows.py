"""A JSON list of rows, read an element at a time."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_inputs import read, read_bytes

from batchspec.inputs import json_rows

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_ROWS = st.lists(st.dictionaries(_TEXT.filter(bool), _VALUES, max_size=4), max_size=5)


@given(_ROWS, st.booleans(), st.sampled_from([None, 0, 2]), st.integers(1, 50))
def test_a_list_is_read_back_wherever_the_blocks_are_cut(
    rows: list[dict[str, object]], escaped: bool, indent: int | None, size: int
) -> None:
    data = json.dumps(rows, ensure_ascii=escaped, indent=indent).encode()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        whole = read_bytes(Path(folder), "t.json", data)
        patch.setattr(json_rows, "BLOCK_BYTES", size)
        in_pieces = read(Path(folder), "t.json")
        packed = read_bytes(Path(folder), "t.json.gz", gzip.compress(data))
    assert whole.findings == []
    assert whole.values == in_pieces.values == packed.values == rows
    assert whole.lines == in_pieces.lines == packed.lines


def test_a_row_s_line_is_the_one_on_which_it_begins(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.json", b'\xef\xbb\xbf\n[\n  {"a": 1,\n   "b": 2},\r\n\n  {"a": 3}, {}\n]\n')
    assert reading.values == [{"a": 1, "b": 2}, {"a": 3}, {}]
    assert reading.lines == [3, 6, 6]


def test_an_empty_list_has_no_rows(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.json", b" [ ] ")
    assert (reading.rows, reading.findings) == ([], [])


def test_an_element_that_is_no_row_is_an_error_and_the_next_is_read(tmp_path: Path) -> None:
    text = b'[\n1,\n"x",\n{"a":1,"a":2},\n{"":1},\n[{}],\n{"n":NaN},\n{"n":123456789012345678901234567890}\n]'
    reading = read_bytes(tmp_path, "t.json", text)
    assert reading.faults == [
        ("row-not-object", 2),
        ("row-not-object", 3),
        ("duplicate-key", 4),
        ("empty-column-name", 5),
        ("row-not-object", 6),
        ("json-syntax", 7),
    ]
    assert reading.values == [{"n": 123456789012345678901234567890}]


@pytest.mark.parametrize(
    ("text", "summary", "place", "rows"),
    [
        ("", "the file is empty", (1, 1), 0),
        ('{"a":\n1}', "the file is an object, and a list of rows is wanted", (1, 1), 0),
        ('\n "x"', "the file is not a list of rows", (2, 2), 0),
        ('[{"a":1}\n {"a":2}]', "the list goes on without a comma", (2, 2), 1),
        ('[{"a":1},\n]', "a comma stands before the end of the list", (2, 1), 1),
        ('[{"a":1}', "the list is never closed", (1, 9), 1),
        ('[{"a":1}]\n  x', "text follows the end of the list", (2, 3), 1),
        ('[{"a":1},\n {"b" 2}]', "not JSON: Expecting ':' delimiter", (2, 7), 1),
        ('[{"a":1},\n {"b": "2]', "not JSON: Unterminated string starting at", (2, 8), 1),
        ('[{"a":1},', "not JSON: Expecting value", (1, 10), 1),
    ],
)
def test_a_fault_of_syntax_is_located_and_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, summary: str, place: tuple[int, int], rows: int
) -> None:
    for size in (1, 5, 2**18):
        # Blocks so small that their ends fall on every byte of a short file.
        monkeypatch.setattr(json_rows, "BLOCK_BYTES", size)
        reading = read_bytes(tmp_path, "t.json", text.encode())
        (found,) = reading.findings
        assert (found.code, found.summary) == ("json-syntax", summary)
        assert found.location.span is not None
        assert found.location.span[:2] == place
        assert len(reading.rows) == rows


def test_an_object_a_line_is_recognised(tmp_path: Path) -> None:
    (found,) = read_bytes(tmp_path, "t.json", b'{"a":1}\n{"a":2}\n').findings
    assert ".jsonl" in (found.hint or "")


def test_bytes_that_are_not_utf8_are_an_error_with_their_line(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.json", b'[{"a":1},\n{"a":"\xff"}]')
    (found,) = reading.findings
    assert found.location.span is not None
    assert found.location.span[:2] == (2, 7)
    assert "0xff" in found.summary


@pytest.mark.parametrize("text", ["[" * 200_000, '[{"a":' + "9" * 5000 + "}]", '[{"a":"\\ud800"}]'])
def test_hostile_text_is_an_error_and_no_traceback(tmp_path: Path, text: str) -> None:
    reading = read_bytes(tmp_path, "t.json", text.encode())
    assert reading.faults == [("json-syntax", 1)]


def test_a_row_over_the_limit_ends_the_reading(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.json.gz", gzip.compress(b'[{"a":1},\n{"a":"' + b"x" * 2**26, 1))
    assert reading.faults == [("json-syntax", 2)]
    assert "a row of more than" in reading.findings[0].summary
    assert reading.values == [{"a": 1}]
