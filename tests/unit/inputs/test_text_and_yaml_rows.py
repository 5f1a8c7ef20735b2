"""Plain text, a row per line; and YAML lists."""

from __future__ import annotations

import gzip
from pathlib import Path

from reading_inputs import read_bytes

from batchspec.inputs.findings import MAX_FINDINGS


def test_a_text_file_is_a_row_per_line_and_blank_lines_are_none(tmp_path: Path) -> None:
    data = "\ufeff first \r\n\n \t\nsecond\u2028still\x0csecond\nlast".encode()
    reading = read_bytes(tmp_path, "t.txt", data)
    assert reading.values == [{"text": " first "}, {"text": "second\u2028still\x0csecond"}, {"text": "last"}]
    assert reading.lines == [1, 4, 5]
    assert read_bytes(tmp_path, "t.txt.gz", gzip.compress(data)).values == reading.values


def test_text_of_another_encoding_is_read_when_it_is_named_and_an_error_otherwise(tmp_path: Path) -> None:
    data = "eins\nzw\xf6lf\n".encode("utf-16")
    assert read_bytes(tmp_path, "t.txt", data, encoding="utf-16").values == [{"text": "eins"}, {"text": "zw\xf6lf"}]
    assert ("encoding", 1) in read_bytes(tmp_path, "t.txt", data).faults


def test_a_yaml_list_is_a_row_per_mapping(tmp_path: Path) -> None:
    data = b"- id: 1\n  country: NO\n\n- {id: 010, nested: [a, {b: c}]}\n"
    reading = read_bytes(tmp_path, "t.yaml", data)
    assert reading.findings == []
    assert reading.values == [{"id": 1, "country": "NO"}, {"id": 10, "nested": ["a", {"b": "c"}]}]
    assert reading.lines == [1, 4]
    assert read_bytes(tmp_path, "t.yml.gz", gzip.compress(data)).values == reading.values


def test_what_is_wrong_in_a_yaml_list_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.yaml", b"- id: 1\n- just text\n- {id: 2, id: 3}\n- id: 4\n")
    assert [line for _, line in reading.faults] == [2, 3]
    assert [row["id"] for row in reading.values] == [1, 4]


def test_a_yaml_list_of_errors_is_counted(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, "t.yaml", b"- x\n" * (MAX_FINDINGS + 2))
    assert len(reading.findings) == MAX_FINDINGS + 1
    assert reading.findings[-1].code == "more-errors"


def test_a_yaml_file_that_is_no_list_is_an_error(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "t.yaml", b"id: 1\n").findings
    assert read_bytes(tmp_path, "u.yaml", b"- [\n").findings
