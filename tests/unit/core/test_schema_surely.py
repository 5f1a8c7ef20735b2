"""What is told to fit surely fits by the validator's word, too; doubt is never an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from batchspec.core.schema.surely import surely

NAMES = st.sampled_from("abc")
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.5, 1.0, -2.0, 2**70]),
        st.sampled_from(["", "x", "yes", "no", "1"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
SIZES = st.sampled_from([0, 1, 2, 1.0, 2.5])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keywords = {
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "enum": st.lists(st.sampled_from(["x", "yes", 1, True, None, 1.0]), min_size=1, max_size=3),
        "const": st.sampled_from(["x", "no", 0, False, None]),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": inner,
        "items": inner,
        "title": st.just("a title"),
        "pattern": st.just("^y"),
        "not": inner,
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"), SIZES),
    }
    return st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: keywords[name] for name in names})
    )


SCHEMAS = st.recursive(st.booleans(), _schemas, max_leaves=6).filter(lambda schema: isinstance(schema, dict))


@given(SCHEMAS, st.lists(VALUES, min_size=5, max_size=20))
def test_what_fits_surely_fits_by_the_validators_word(schema: dict[str, Any], values: list[Any]) -> None:
    test = surely(schema)
    for value in values:
        if test is not None and test(value):
            assert list(Draft202012Validator(schema).iter_errors(value)) == []


ROUTE = {
    "type": "object",
    "properties": {
        "queue": {"type": "string", "enum": ["billing", "other"]},
        "why": {"type": ["string", "null"], "maxLength": 5, "description": "in short"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    },
    "required": ["queue"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "sure"),
    [
        ({"queue": "billing"}, True),
        ({"queue": "billing", "why": None, "score": 0.5, "tags": ["a", "b"]}, True),
        ({"queue": "billing", "score": 1}, True),
        ({}, False),
        ([], False),
        ({"queue": "lost"}, False),
        ({"queue": "other", "why": "too long"}, False),
        ({"queue": "other", "score": 2}, False),
        ({"queue": "other", "score": True}, False),
        ({"queue": "other", "tags": ["a", 1]}, False),
        ({"queue": "other", "tags": ["a", "b", "c"]}, False),
        ({"queue": "other", "more": 1}, False),
    ],
)
def test_answers_that_fit_a_usual_schema_are_known_without_the_validator(value: object, sure: bool) -> None:
    test = surely(ROUTE)
    assert test is not None
    assert test(value) is sure


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a"},
        {"$ref": "#/$defs/a"},
        {"properties": {"a": {"type": "string"}}},
        {"type": "array", "items": [{"type": "string"}]},
        {"type": "something"},
        {"type": "object", "required": "a"},
        {"type": "string", "maxLength": "1"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"},
        {"type": "array", "items": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}},
    ],
)
def test_a_schema_that_says_more_is_left_to_the_validator(schema: dict[str, object]) -> None:
    assert surely(schema) is None
