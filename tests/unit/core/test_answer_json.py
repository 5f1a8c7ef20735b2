"""JSON in the text of an answer: found wherever a model may put it, and nowhere else; never an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.answer_json import AnswerJson, answer_json
from batchspec.core.json_text import encode

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
_CONTAINERS = st.lists(_VALUES, max_size=4) | st.dictionaries(st.text(), _VALUES, max_size=4)
_PROSE = st.text(st.characters(codec="utf-8", exclude_characters="[]{}`~\n"))
_INDENTS = st.sampled_from([None, 2])


def told(text: str) -> object:
    found = answer_json(text)
    assert found is not None
    return found.value


def written(value: object, indent: int | None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


@given(_VALUES, _INDENTS, st.text(" \t\r\n"))
def test_a_text_that_is_json_is_its_value(value: object, indent: int | None, space: str) -> None:
    assert told(space + written(value, indent) + space) == value


@given(_CONTAINERS, _INDENTS, _PROSE, _PROSE)
def test_an_object_or_a_list_is_found_among_prose(value: object, indent: int | None, before: str, after: str) -> None:
    assert told(f"{before} {written(value, indent)} {after}") == value


@given(
    _VALUES, _INDENTS, _PROSE, st.sampled_from(["```", "~~~~", "  ```"]), st.sampled_from(["json", "JSON", "", "text"])
)
def test_a_fenced_block_is_opened(value: object, indent: int | None, prose: str, fence: str, language: str) -> None:
    assert told(f"{prose}\n{fence}{language}\n{written(value, indent)}\n{fence}\n{prose}") == value


@given(st.text())
def test_any_text_gives_json_or_nothing(text: str) -> None:
    found = answer_json(text)
    if found is not None:
        encode(found.value)


@given(st.text(alphabet='{}[]",:\\ `\njson01-u', max_size=200))
def test_what_looks_like_json_gives_json_or_nothing(text: str) -> None:
    found = answer_json(text)
    if found is not None:
        encode(found.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("42", 42),
        ("\ufeff{}", {}),
        ("12345678901234567890123", 12345678901234567890123),
        ('See [1] and [2]: {"a": [1, 2, 3]}. Done.', {"a": [1, 2, 3]}),
        ('first {"a": 1} then {"b": 2}', {"a": 1}),
        ('[{"a": 1}, {"b": 2}] is the list', [{"a": 1}, {"b": 2}]),
        ('```\nx = 1\n```\n```json\n{"a": 1}\n```\n```json\n{"b": 2}\n```', {"a": 1}),
        ('```\n[0]\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```json\n{"a": "```"}\n```', {"a": "```"}),
        ('````json\n```\n````\nso: {"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}', {"a": 1}),
        ('```json {"a": 1} ```', {"a": 1}),
        ('He said "{" and then {"a": "}"}', {"a": "}"}),
        ('{"a": NaN} or {"a": 1}', {"a": 1}),
        ('{broken: 1} {"a": 1}', {"a": 1}),
    ],
)
def test_the_value_that_is_meant_is_taken(text: str, value: object) -> None:
    assert answer_json(text) == AnswerJson(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON at all",
        "NaN",
        "a [link](there), \\[x^2\\], {x | x > 0}",
        '{"cut": "off',
        '```json\n{"cut": \n```',
        '{"lone": "\\ud800"}',
        "\ud800",
        "1" * 5000,
    ],
)
def test_a_text_without_json_gives_nothing(text: str) -> None:
    assert answer_json(text) is None


# Each would take minutes to hours if work were not bounded by the text's length.
@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        "{" * 300_000,
        '{"a":' * 200_000,
        '["' * 300_000,
        '{"a ' * 200_000,
        '["\\' * 300_000,
        "```json\n" * 200_000,
        "~~~\n```\n" * 100_000,
        ("[" + " " * 900) * 1_000,
        "[" + " " * 1_000_000,
        '["' + "a" * 1_000_000 + "\n",
        "[1," * 200_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_a_hostile_text_ends(text: str) -> None:
    assert answer_json(text) is None


def test_an_answer_after_many_brackets_is_found() -> None:
    assert told("[link](x) " * 50_000 + '{"a": 1}') == {"a": 1}
