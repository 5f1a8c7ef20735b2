"""Values that fit a schema are known without jsonschema, and it is never contradicted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.core.schema.fault import UnusableSchemaError
from batchspec.core.schema.fitting import fits
from batchspec.core.schema.validators import Judge
from batchspec.project.packaged import packaged_schema

NAMES = ("a", "b", "ab\n", "x-1")
NUMBERS = st.sampled_from([0, 1, 1.0, -1, 0.5, 2, True, False])
TEXTS = st.sampled_from(["", "a", "ab", "ab\n", "b", "x-1"])
VALUES = st.recursive(
    st.none() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
UNSURE = ("uniqueItems", "$ref", "multipleOf", "const", "enum")
TYPES = st.sampled_from(["object", "array", "string", "boolean", "null", "number", "integer"])


def keywords(inner: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Return schemas of every keyword that is understood, and one that is not, over these parts."""
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
    listed = st.lists(inner, min_size=1, max_size=3)
    limits = st.sampled_from([0, 1, 2, 1.5])
    patterns = st.sampled_from(["^a", "b$", "^ab$", "x"])
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2),
            "enum": st.lists(TEXTS | st.none() | NUMBERS, min_size=1, max_size=3),
            "const": TEXTS | NUMBERS | st.none() | st.just([1]),
            "properties": named,
            "required": st.lists(st.sampled_from(NAMES), max_size=2),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(patterns, inner, max_size=2),
            "propertyNames": inner,
            "items": inner,
            "uniqueItems": st.booleans(),
            "anyOf": listed,
            "oneOf": listed,
            "allOf": listed,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two", "#/$defs/none"]),
            "pattern": patterns,
            "minimum": limits,
            "maximum": limits,
            "exclusiveMinimum": limits,
            "exclusiveMaximum": limits,
            "minLength": limits,
            "maxLength": limits,
            "minItems": limits,
            "maxItems": limits,
            "minProperties": limits,
            "maxProperties": limits,
            "multipleOf": st.just(2),
            "description": st.just("words"),
            "format": st.just("date"),
        },
    )


PARTS: st.SearchStrategy[object] = st.recursive(st.booleans(), keywords, max_leaves=8)
ROOTS = st.builds(lambda root, one, two: {**root, "$defs": {"one": one, "two": two}}, keywords(PARTS), PARTS, PARTS)


def judged(schema: dict[str, object], value: object) -> bool | None:
    """Tell whether jsonschema finds nothing wrong; None where it cannot use the schema."""
    try:
        return next(iter(Judge(schema).faults(value)), None) is None
    except UnusableSchemaError:
        return None


@settings(max_examples=200)
@given(schema=ROOTS, values=st.lists(VALUES, min_size=3, max_size=3))
def test_what_is_said_to_fit_is_what_jsonschema_finds_nothing_wrong_with(
    schema: dict[str, object], values: list[object]
) -> None:
    fit = fits(schema)
    for value in values:
        if fit(value):
            assert judged(schema, value)
        elif judged(schema, value):
            # Unsure is no lie.
            assert any(f"'{keyword}'" in str(schema) for keyword in UNSURE)


def unfit(value: object) -> Iterator[object]:
    """Yield a value of a spec, each time with one thing changed in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: each for name, each in value.items() if name != key}
            yield {**value, f"{key}x": inner}
            yield from ({**value, key: each} for each in unfit(inner))
    elif isinstance(value, list):
        yield [*value, *value]
        for place, inner in enumerate(value):
            yield from ([*value[:place], each, *value[place + 1 :]] for each in unfit(inner))
    yield from (None, "", 0, -1.5, True, [], {}, [value], "x" * 2000)


def test_a_spec_with_one_thing_changed_is_judged_alike() -> None:
    schema = packaged_schema("batchspec.schema.json")
    fit, judge = fits(schema), Judge(schema)
    spec = {
        "batchspec": 1,
        "name": "demo",
        "model": "mistral-small-latest",
        "inputs": [{"a": "1"}],
        "prompt": {"system": "s", "user": "{{ row.a }}"},
        "body": {"temperature": 0, "stop": ["x"]},
        "matrix": {"tone": ["dry", "warm"]},
        "metadata": {"owner": "me"},
        "limits": {"requests_per_job": 10},
    }
    assert fit(spec)
    for changed in unfit(spec):
        assert fit(changed) == (next(iter(judge.faults(changed)), None) is None), changed


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"properties": {"a": {"$id": "urn:b"}}},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://example.org/schema"},
        {"$dynamicRef": "#x"},
        {"unevaluatedProperties": False},
        {"properties": {"a": {"prefixItems": [True]}}},
        {"properties": {"a": {"pattern": "("}}},
        {"type": "text"},
        {"minimum": "1"},
    ],
    ids=str,
)
def test_a_schema_that_is_not_understood_is_left_to_jsonschema(schema: dict[str, object]) -> None:
    assert not fits(schema)({"a": [1, "2"]})


ROUTE: dict[str, object] = {
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
def test_answers_that_fit_a_usual_schema_are_known_without_jsonschema(value: object, sure: bool) -> None:
    assert fits(ROUTE)(value) is sure
