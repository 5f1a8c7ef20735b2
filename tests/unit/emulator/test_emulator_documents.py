from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from batchspec.emulator.answers import AnswerError
from batchspec.emulator.answers.patterns import sample
from batchspec.emulator.answers.schema_documents import document

SCALARS = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(
        lambda low, span, step: {"type": "integer", "minimum": low, "maximum": low + span, **step},
        st.integers(-1000, 1000),
        st.integers(5, 50),
        st.sampled_from([{}, {"multipleOf": 5}, {"exclusiveMinimum": -2000}]),
    ),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 1}, st.integers(-9, 9)),
    st.builds(
        lambda least, span: {"type": "string", "minLength": least, "maxLength": least + span},
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    st.sampled_from(["date", "date-time", "email", "uuid"]).map(lambda form: {"type": "string", "format": form}),
    st.lists(st.sampled_from(["a", 1, None, False, 2.5]), min_size=1, unique_by=repr).map(lambda some: {"enum": some}),
    st.sampled_from(["x", 0, None, [1], {"a": 1}]).map(lambda value: {"const": value}),
    st.sampled_from(["^[a-z]{3,5}$", "^\\d{4}-\\d{2}$", "^(yes|no)$", "^[A-F0-9]+$"]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
    st.just({"type": ["string", "null"]}),
)


def _object(properties: dict[str, object], take: int, rest: object) -> dict[str, object]:
    required = sorted(properties)[:take]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": rest}


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(
            _object,
            st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4),
            st.integers(0, 4),
            st.sampled_from([False, True]),
        ),
        st.builds(
            lambda items, least, span: {"type": "array", "items": items, "minItems": least, "maxItems": least + span},
            inner,
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
        inner.map(lambda schema: {"allOf": [schema], "title": "wrapped"}),
    ),
    max_leaves=8,
)


@given(SCHEMAS, st.integers(0, 2**63))
def test_a_document_fits_its_schema(schema: dict[str, object], draw: int) -> None:
    made = document(schema, draw)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(made)
    assert made == document(schema, draw)


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "required": ["a"],
            "$defs": {"A": {"enum": [7]}},
        },
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}},
        {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                    },
                    "required": ["name", "next"],
                }
            },
        },
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"oneOf": [{"type": "number", "multipleOf": 3}, {"type": "number", "multipleOf": 2}], "minimum": 1},
        {
            "oneOf": [
                {"properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"]},
                {"properties": {"kind": {"const": "b"}, "y": {"type": "string"}}, "required": ["kind", "y"]},
            ],
            "type": "object",
        },
        {"allOf": [{"type": "integer", "minimum": 3}, {"type": "number", "maximum": 4}]},
        {"allOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "integer"}]}]},
        {"enum": ["a", 1, None], "type": "string"},
        {"not": {"type": "string"}, "type": ["string", "integer"]},
        {
            "type": "object",
            "properties": {"a": {"type": "boolean"}, "b": {"type": "string"}},
            "required": ["a"],
            "if": {"properties": {"a": {"const": True}}},
            "then": {"required": ["b"]},
        },
        {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "string"}, "minItems": 4, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
        {"type": "array", "contains": {"const": 7}, "items": {"type": "integer"}},
        {"type": "object", "minProperties": 3, "additionalProperties": {"type": "integer"}},
        {"type": "object", "required": ["a", "b"]},
        {"type": "number", "multipleOf": 0.1, "minimum": 0.25, "maximum": 0.9},
        {"type": "number", "minimum": 1e300},
        {"type": "string", "pattern": "^[a-z]+$", "minLength": 12},
        {"minimum": 3, "maximum": 3},
        True,
        {},
    ],
)
@pytest.mark.parametrize("draw", [0, 1, 12345])
def test_a_document_fits_a_schema_of_every_kind(schema: Any, draw: int) -> None:
    Draft202012Validator(schema).validate(document(schema, draw))


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 4, "maximum": 3},
        {"enum": []},
        {"allOf": [{"const": 1}, {"const": 2}]},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/$defs/none"},
        {"$ref": "#"},
        {"type": "nothing"},
        {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}] * 3}}, "$ref": "#/$defs/A"},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "minItems": 10**9},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "integer", "oneOf": [{"const": 1}, {"$ref": "#"}, {"$ref": "#"}]},
        {"type": "array", "items": {"type": "string", "minLength": 90_000}, "minItems": 900},
        {"type": "number", "multipleOf": 1e-300, "minimum": 1e10},
        {"type": "number", "minimum": 10**400},
        {"anyOf": [False] * 2000, "oneOf": [False] * 2000},
    ],
)
def test_a_schema_that_nothing_fits_is_refused_in_little_time(schema: object) -> None:
    with pytest.raises(AnswerError, match="no document that fits"):
        document(schema, 0)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{2}\d{3}$",
        r"^(?:red|green|blue)$",
        r"^a{2,4}b?c*d+$",
        r"^[^0-9]+$",
        r"^\+?[1-9]\d{1,14}$",
        r"^[\w.]+@[\w-]+\.[a-z]{2,}$",
        r"^(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])$",
        r"^[]a-c-]{3}$",
        r"^\S+ \D\W$",
        r"^\x41\u0042$",
        r"^((a|b){2}){3}$",
        r"^a+?b{2}?$",
        r"x{y}",
    ],
)
@pytest.mark.parametrize("draw", [0, 1, 99])
def test_a_text_is_made_after_its_pattern(pattern: str, draw: int) -> None:
    assert re.search(pattern, sample(pattern, draw)), sample(pattern, draw)
    assert re.search(pattern, sample(pattern, draw, stretch=8)), sample(pattern, draw, stretch=8)


@given(st.text(st.sampled_from("ab01()[]{}|?*+^$\\-.,:<>=!PdwsDx"), max_size=40), st.integers(0, 9))
def test_no_pattern_is_too_odd_to_be_read(pattern: str, draw: int) -> None:
    assert len(sample(pattern, draw)) <= 4000


@pytest.mark.parametrize("pattern", ["((a{9999}){9999}){9999}", "(" * 5000, "[" * 5000, "a{999999999999}", "\\"])
def test_a_hostile_pattern_costs_little(pattern: str) -> None:
    assert len(sample(pattern, 1, stretch=9)) <= 4000
