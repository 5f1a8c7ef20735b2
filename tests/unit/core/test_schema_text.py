from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from batchspec.core.schema import SchemaChecker, constrains_text
from batchspec.project.packaged import packaged_schema

CHAT = packaged_schema("chat-completions.schema.json")
FREE = [
    ("messages", 0, "content"),
    ("messages", 7, "content", 3, "text"),
    ("messages", 0, "content", 0, "image_url"),
    ("messages", 0, "content", 0, "image_url", "url"),
    ("messages", 0, "tool_calls", 0, "function", "arguments"),
    ("messages", 0, "content", 0, "thinking", 0, "text"),
    ("response_format", "json_schema", "schema", "properties", "a", "pattern"),
    ("tools", 0, "function", "description"),
    ("tool_choice", "function", "name"),
    ("stop",),
    ("stop", 0),
    ("metadata", "anything"),
    ("prompt_cache_key",),
    ("a-key-that-is-not-known",),
    ("temperature",),
]
LOOKED_AT = [
    ("messages", 0, "role"),
    ("messages", 0, "content", 0, "type"),
    ("messages", 0, "content", 0, "file_id"),
    ("messages", 0, "content", 0, "image_url", "detail"),
    ("reasoning_effort",),
    ("response_format", "type"),
    ("tool_choice",),
    ("tools", 0, "type"),
    ("stream",),
]


@pytest.mark.parametrize("pointer", FREE, ids=str)
def test_free_text_of_a_chat(pointer: tuple[str | int, ...]) -> None:
    assert not constrains_text(CHAT, pointer)


@pytest.mark.parametrize("pointer", LOOKED_AT, ids=str)
def test_text_of_a_chat_that_is_looked_at(pointer: tuple[str | int, ...]) -> None:
    assert constrains_text(CHAT, pointer)


@pytest.mark.parametrize(
    "schema",
    [
        {"minLength": 1},
        {"maxLength": 1},
        {"pattern": "a"},
        {"format": "uri"},
        {"const": "a"},
        {"type": ["string", "null"], "enum": ["a", None]},
        {"allOf": [{"type": "string"}, {"pattern": "a"}]},
        {"not": {"const": "a"}},
        {"if": {"const": "a"}, "then": {}, "else": False},
        {"$ref": "#/$defs/short", "$defs": {"short": {"maxLength": 1}}},
        {"$ref": "#/$defs/gone"},
        {"$ref": "http://127.0.0.1/other.json"},
        {"$dynamicRef": "#x"},
        {"anyOf": [{"$id": "https://example.org/inner", "type": "string"}]},
    ],
    ids=json.dumps,
)
def test_every_keyword_about_text_counts_and_doubt_does_too(schema: Mapping[str, object]) -> None:
    assert constrains_text(schema, ())


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "integer", "enum": [1, 2]},
        {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]},
        {"$ref": "#"},
        {"minimum": 3},
    ],
    ids=json.dumps,
)
def test_keywords_about_something_else_do_not_count(schema: Mapping[str, object]) -> None:
    assert not constrains_text(schema, ())


@pytest.mark.parametrize(
    ("schema", "pointer", "expected"),
    [
        ({"properties": {"a": {"const": "x"}}}, ("a",), True),
        ({"properties": {"a": {"const": "x"}}}, ("b",), False),
        ({"patternProperties": {"^a": {"minLength": 1}}}, ("ab",), True),
        ({"patternProperties": {"^a": {"minLength": 1}}}, ("ba",), False),
        ({"patternProperties": {"(": {}}}, ("a",), True),
        ({"properties": {"a": {}}, "additionalProperties": {"minLength": 1}}, ("a",), False),
        ({"properties": {"a": {}}, "additionalProperties": {"minLength": 1}}, ("b",), True),
        ({"items": {"minLength": 1}}, (3,), True),
        ({"prefixItems": [{"minLength": 1}], "items": {}}, (0,), True),
        ({"prefixItems": [{"minLength": 1}], "items": {}}, (1,), False),
        ({"items": [{}, {"minLength": 1}]}, (1,), True),
        ({"items": [{}], "additionalItems": {"minLength": 1}}, (1,), True),
        ({"uniqueItems": True}, (0,), True),
        ({"contains": {"const": "a"}}, (0,), True),
        ({"enum": [{"a": "x"}]}, ("a",), True),
        ({"type": "string", "enum": ["x"]}, ("a",), False),
        ({"unevaluatedProperties": {"minLength": 1}}, ("a",), True),
        ({"properties": {"a": {"uniqueItems": True, "items": {"type": "string"}}}}, ("a", 0), True),
        ({"dependentSchemas": {"b": {"properties": {"a": {"minLength": 1}}}}}, ("a",), True),
        ({"oneOf": [{"properties": {"a": {"$ref": "#/$defs/s"}}}], "$defs": {"s": {"maxLength": 1}}}, ("a",), True),
    ],
)
def test_places_are_followed_through_the_schema(
    schema: Mapping[str, object], pointer: tuple[str | int, ...], expected: bool
) -> None:
    assert constrains_text(schema, pointer) is expected


@pytest.mark.parametrize("text", ["", "text", "usr", "x" * 100_000, "\x00\u2028", "{{ row.x }}"])
def test_a_free_place_judges_any_two_texts_alike(text: str) -> None:
    checker = SchemaChecker(CHAT)
    body = {
        "messages": [{"role": "user", "content": text}, {"role": "usr", "content": text}],
        "stop": text,
        "temperature": text,
        "prompt_cache_key": text,
        "unknown": text,
    }
    other = json.loads(json.dumps(body).replace(json.dumps(text), '"placeholder"'))
    assert [(each.kind, each.pointer) for each in checker.check(body)] == [
        (each.kind, each.pointer) for each in checker.check(other)
    ]
