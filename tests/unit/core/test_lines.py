"""The lines of a batch file, written and read back."""

from __future__ import annotations

import pytest

from batchspec.core.canonical import body_digest, canonical
from batchspec.core.lines import LineError, RequestLine, read_request_line, read_request_lines, request_line


def test_a_line_holds_the_custom_id_and_the_canonical_body_as_it_is() -> None:
    body = canonical({"temperature": 1.0, "messages": [{"role": "user", "content": "é\u2028"}]})
    assert request_line('T"1', body) == b'{"custom_id":"T\\"1","body":' + body + b"}\n"


def test_a_line_of_another_writer_leads_to_the_same_digest() -> None:
    written = b' {"body": {"b": 1.0, "a": "\\u00e9"}, "custom_id": "x", "model": "ignored"} \r\n'
    assert read_request_line(written) == RequestLine("x", body_digest(b'{"a":"\xc3\xa9","b":1}'))


def test_key_order_inside_a_response_schema_survives_the_way_through_a_file() -> None:
    body: object = {"response_format": {"json_schema": {"schema": {"properties": {"z": {}, "a": {}}}}}}
    line = request_line("x", canonical(body))
    assert b'{"z":{},"a":{}}' in line
    assert read_request_line(line).body == body_digest(canonical(body))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"custom_id": "x", "body": {"t": NaN}}', "not JSON"),
        (b"[]", "no object"),
        (b"null", "no object"),
        (b'{"custom_id": "x"}', "no object with a `body`"),
        (b'{"custom_id": "x", "body": "{}"}', "no object with a `body`"),
        (b'{"body": {}}', "no `custom_id`"),
        (b'{"custom_id": 7, "body": {}}', "no `custom_id`"),
        (b'{"custom_id": null, "body": {}}', "no `custom_id`"),
    ],
)
def test_a_line_that_is_none_is_refused_in_words(line: bytes, words: str) -> None:
    with pytest.raises(LineError, match=words):
        read_request_line(line)


def test_a_body_nested_too_deeply_is_refused_and_not_a_crash() -> None:
    line = b'{"custom_id": "x", "body": {"a": ' + b"[" * 1015 + b"]" * 1015 + b"}}"
    with pytest.raises(LineError, match="nested too deeply"):
        read_request_line(line)


def test_a_file_is_read_line_by_line_and_an_error_names_its_line() -> None:
    lines = [request_line(str(number), b"{}") for number in range(3)]
    assert [line.custom_id for line in read_request_lines(lines)] == ["0", "1", "2"]
    with pytest.raises(LineError, match="line 3: not JSON"):
        list(read_request_lines([*lines[:2], b"oops\n"]))


def test_a_custom_id_that_is_no_text_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        request_line("\ud800", b"{}")
