"""JSON Lines: what is read, and which line and column is blamed."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_inputs import read_bytes

from batchspec.inputs.json_row import RowError, parse_row

_TEXT = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('\u2028\u2029\x85\r\n":\\ \U0001f600')),
    max_size=8,
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
_VALUES = st.recursive(
    _SCALARS | st.just(10**30 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_ROWS = st.dictionaries(_TEXT.filter(bool), _VALUES, max_size=4)


@given(
    st.lists(_ROWS, max_size=5),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\t", "\t:")]),
    st.sampled_from(["\n", "\r\n", "\n\n \n"]),
)
def test_rows_written_by_any_encoder_are_read_back(
    rows: list[dict[str, object]], escaped: bool, separators: tuple[str, str], end: str
) -> None:
    lines = [json.dumps(row, ensure_ascii=escaped, separators=separators) + end for row in rows]
    data = "".join(lines).encode()
    with tempfile.TemporaryDirectory() as folder:
        plain = read_bytes(Path(folder), "t.jsonl", data)
        packed = read_bytes(Path(folder), "t.ndjson.gz", gzip.compress(data))
    assert plain.findings == []
    assert plain.values == rows
    assert plain.lines == [1 + number * end.count("\n") for number in range(len(rows))]
    assert (packed.values, packed.lines) == (plain.values, plain.lines)


def test_a_byte_order_mark_and_a_missing_last_line_end_are_no_matter(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "t.jsonl", b'\xef\xbb\xbf{"a":1}\n{"a":2}').values == [{"a": 1}, {"a": 2}]


def test_a_line_that_is_no_row_is_an_error_and_the_next_is_read(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.jsonl", b'{"a":1}\n[1]\n"x"\nnull\n3\ntrue\n{"a":\n\n{"":1}\n{"a":2}\n')
    assert reading.faults == [
        ("row-not-object", 2),
        ("row-not-object", 3),
        ("row-not-object", 4),
        ("row-not-object", 5),
        ("row-not-object", 6),
        ("json-syntax", 7),
        ("empty-column-name", 9),
    ]
    assert "a list" in reading.findings[0].summary
    assert "a boolean" in reading.findings[4].summary
    assert reading.values == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ['{"é": 1, b}', '{"n": 1234567890123456789, b}'])
def test_a_syntax_error_names_its_column_and_shows_the_line(tmp_path: Path, text: str) -> None:
    (found,) = read_bytes(tmp_path, "t.jsonl", f"{text}\r\n".encode()).findings
    assert found.location.span is not None
    assert text[found.location.span.column - 1] == "b"
    assert found.source_line == text


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":1,"\\u0061":2}',
        '{"a" :1,"b":":", "a"\t:2}',
        '{"b":{"a":1,"c":[{"a":1,"a":1}]}}',
        '{"t":"quoted\\": text", "a":1, "a":1}',
        '{"a":{"x":1,"y":2},"a":3}',
    ],
)
def test_a_key_that_is_there_twice_is_an_error(tmp_path: Path, text: str) -> None:
    (found,) = read_bytes(tmp_path, "t.jsonl", f'{{"a":0}}\n{text}\n'.encode()).findings
    assert (found.code, found.summary) == ("duplicate-key", "the key `a` is there twice")


@given(
    st.lists(st.tuples(st.sampled_from("abc"), _TEXT | st.just('":')), max_size=4), st.sampled_from([":", " :", "\n: "])
)
def test_a_key_is_refused_exactly_where_it_is_there_twice(pairs: list[tuple[str, str]], colon: str) -> None:
    text = "{" + ",".join(f'"{key}"{colon}{json.dumps(value)}' for key, value in pairs) + "}"
    names = [key for key, _ in pairs]
    if len(set(names)) == len(names):
        assert parse_row(text.encode()) == dict(pairs)
    else:
        with pytest.raises(RowError, match="twice"):
            parse_row(text.encode())


@pytest.mark.parametrize(
    "text", ['{"a":NaN}', '{"a":' + "[" * 200_000, '{"a":"\\ud800"}', '{"a":"\xff"}', '{"a":' + "9" * 5000 + "}", "\0"]
)
def test_hostile_lines_are_errors_and_no_traceback(tmp_path: Path, text: str) -> None:
    reading = read_bytes(tmp_path, "t.jsonl", text.encode("latin-1") + b'\n{"b":1}\n')
    assert reading.faults == [("json-syntax", 1)]
    assert reading.values == [{"b": 1}]


def test_nesting_as_deep_as_json_may_be_is_no_traceback(tmp_path: Path) -> None:
    row = b'{"a":":",' + b'"b":' + b"[" * 1000 + b"]" * 1000 + b"}"
    reading = read_bytes(tmp_path, "t.jsonl", row + b'\n{"b":1}\n')
    assert reading.values[-1] == {"b": 1}


def test_a_line_over_the_limit_is_an_error_and_the_next_is_read(tmp_path: Path) -> None:
    data = b'{"a":"' + b"x" * 2**25 + b'"}\n{"b":1}\n'
    reading = read_bytes(tmp_path, "t.jsonl.gz", gzip.compress(data, 1))
    assert reading.faults == [("line-too-long", 1)]
    assert (reading.values, reading.lines) == ([{"b": 1}], [2])
