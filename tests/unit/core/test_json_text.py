"""JSON text in and out: exact integers, strict reading, errors that are values' errors."""

from __future__ import annotations

import math

import pytest

from batchspec.core.json_text import JsonError, encode, encode_pretty, encode_string, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":[1,2.5,null,true,"\\u00e9"]}', {"a": [1, 2.5, None, True, "é"]}),
        (b"18446744073709551616", 2**64),
        (b'{"id":123456789012345678901234567890}', {"id": 123456789012345678901234567890}),
        (b"-9223372036854775809", -(2**63) - 1),
        (b'"1234567890123456789012345"', "1234567890123456789012345"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b' "\xe2\x80\xa8" \n', "\u2028"),
    ],
)
def test_integers_stay_exact_and_text_stays_text(text: bytes, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1}{"b":2}',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"[1234567890123456789,1e999]",
        b"[1234567890123456789,NaN]",
        b'"\\ud800"',
        b'[1234567890123456789,"\\ud800"]',
        b'[1234567890123456789,"\xed\xa0\x80"]',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"\xef\xbb\xbf[1234567890123456789]",
        "[1234567890123456789]".encode("utf-16"),
        b"[" * 200_000,
        b"[1234567890123456789," + b"[" * 200_000,
        b"1" * 5000,
        b"'a'",
        b"// no\n1",
    ],
)
def test_what_is_not_json_raises_one_kind_of_error(text: bytes) -> None:
    with pytest.raises(JsonError) as caught:
        parse(text)
    assert str(caught.value)
    assert caught.value.offset >= 0


def test_an_error_says_where() -> None:
    with pytest.raises(JsonError) as caught:
        parse(b'{"a": nope}')
    assert caught.value.offset == 6


def test_keys_keep_their_own_order_and_nothing_is_escaped_without_need() -> None:
    assert encode({"b": "é\u2028", "a": 10**30}) == '{"b":"é\u2028","a":1000000000000000000000000000000}'.encode()
    assert encode({"b": "é\u2028", "a": 1}) == '{"b":"é\u2028","a":1}'.encode()


def test_what_was_read_can_be_written_however_deep_it_is() -> None:
    deep = b"[" * 400 + b"]" * 400
    assert encode(parse(deep)) == deep


@pytest.mark.parametrize("value", ["\ud800", {"a": ["\udc00", 2**70]}, object(), {1, 2}, b"x", [2**70, math.nan]])
def test_what_json_lacks_raises_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        encode(value)


def test_a_value_nested_without_end_raises_a_value_error() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        encode(deep)


def test_a_string_with_a_lone_surrogate_is_refused() -> None:
    assert encode_string("é\n") == '"é\\n"'.encode()
    with pytest.raises(ValueError, match="surrogate"):
        encode_string("\ud800")


def test_json_for_people_is_indented_and_readable() -> None:
    assert encode_pretty({"b": "é", "a": [1]}) == '{\n  "b": "é",\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, [1.5, -math.inf], {"a": {"b": (None, math.nan)}}, [[], math.inf]]
)
def test_what_is_no_number_is_refused_at_any_depth(value: object) -> None:
    with pytest.raises(ValueError, match="is not a JSON number"):
        encode(value)


@pytest.mark.parametrize("value", [None, [None, 1.5], {"null": "null", "a": [None, {"b": -0.0}]}])
def test_null_is_null_where_it_was_meant(value: object) -> None:
    assert parse(encode(value)) == value
