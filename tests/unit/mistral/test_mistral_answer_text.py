from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.mistral.answer_text import LONGEST_MESSAGE, clean, is_html, read_error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"detail": "Unauthorized"}, "Unauthorized"),
        (
            {
                "detail": [
                    {"loc": ["body", "model"], "msg": "Field required", "type": "missing"},
                    {"loc": ["body", "timeout_hours"], "msg": "Input should be less than 169", "type": "x"},
                ]
            },
            "body.model: Field required; body.timeout_hours: Input should be less than 169",
        ),
        (
            {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
            "Invalid model: x",
        ),
        (
            {"object": "error", "message": {"detail": [{"loc": ["query", "page"], "msg": "bad", "type": "t"}]}},
            "query.page: bad",
        ),
        ({"message": "Service unavailable", "request_id": "req-1"}, "Service unavailable"),
        (
            {
                "detail": "Invalid file format.",
                "description": "Found 1 error in this file.",
                "errors": [{"message": "bad line", "line_number": 4}],
            },
            "Invalid file format. Found 1 error in this file.",
        ),
        ({"error": {"message": "from a gateway"}}, "from a gateway"),
        ({"error": "plain"}, "plain"),
        ("a bare string", "a bare string"),
        ({}, None),
        ([], None),
        (None, None),
        ({"detail": None, "message": 7}, None),
        ({"detail": [[[[[[[[["too deep"]]]]]]]]]}, None),
    ],
)
def test_the_message_is_found_in_every_shape(body: object, message: str | None) -> None:
    assert read_error(json.dumps(body).encode()).message == message


def test_the_request_id_and_the_refused_lines_are_found() -> None:
    assert read_error(b'{"message": "x", "request_id": "req-1"}').request_id == "req-1"
    refused = {
        "errors": [{"message": "no body", "line_number": 4}, {"message": {"detail": "x\x1b[1m"}, "line_number": 9}]
    }
    assert read_error(json.dumps(refused).encode()).lines == ((4, "no body"), (9, "x"))


@pytest.mark.parametrize("errors", ["x", {"a": 1}, [1], [{"line_number": "4"}], [{"line_number": True}], [{}], None])
def test_refused_lines_of_another_shape_are_left_out(errors: object) -> None:
    assert read_error(json.dumps({"detail": "x", "errors": errors}).encode()).lines == ()


def test_text_that_is_not_json_is_its_own_message_and_a_page_is_none() -> None:
    assert read_error(b"upstream connect error\xff").message == "upstream connect error\ufffd"
    assert read_error(b"<html><h1>502</h1>").message is None


@pytest.mark.parametrize(
    ("content_type", "body", "page"),
    [
        ("text/html", b"", True),
        ("application/json", b"\xef\xbb\xbf \n<!doctype html>", True),
        ("", b"<html>", True),
        ("application/json", b'{"a": "<b>"}', False),
        ("application/octet-stream", b"", False),
    ],
)
def test_a_page_is_known_by_its_type_or_its_first_byte(content_type: str, body: bytes, page: bool) -> None:
    assert is_html(content_type, body) is page


def test_terminal_escapes_and_invisible_characters_are_dropped() -> None:
    nasty = "a\x1b[31mred\x1b]8;;http://evil.example\x07link\x9b2J\u202eflip\u2066\x00\r\nb\x1bcd\u2028e"
    assert clean(nasty) == "a red link flip b d e"


@given(st.text())
def test_cleaned_text_is_one_short_visible_line(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= LONGEST_MESSAGE
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in cleaned)
    assert clean(cleaned) == cleaned


@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_no_body_is_an_error_to_read(body: bytes) -> None:
    said = read_error(body)
    assert said.message is None or said.message
