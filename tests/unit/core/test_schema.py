from __future__ import annotations

import socket
from collections.abc import Mapping

import pytest

from batchspec.core.diagnostics import Diagnostic, Severity, Span
from batchspec.core.schema import (
    ProblemKind,
    SchemaChecker,
    SchemaProblem,
    document_diagnostics,
    is_valid_schema,
    problem_diagnostic,
)
from batchspec.core.source import load_source

Schema = Mapping[str, object]

PERSON: Schema = {
    "type": "object",
    "required": ["name", "age"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "description": "What they are called.", "examples": ["Ann"]},
        "age": {"type": "integer", "minimum": 0},
        "mail": {"type": "string"},
    },
}


def problems(schema: Schema, value: object) -> list[SchemaProblem]:
    return SchemaChecker(schema).check(value)


def only(schema: Schema, value: object) -> SchemaProblem:
    (problem,) = problems(schema, value)
    return problem


def told(schema: Schema, value: object) -> tuple[str, str, str | None]:
    problem = only(schema, value)
    return problem.kind.value, problem.message, problem.hint


def test_what_fits_has_no_problems() -> None:
    assert problems(PERSON, {"name": "Ann", "age": 3, "x-note": [1]}) == []


def test_every_unknown_key_is_a_problem_with_the_nearest_name() -> None:
    found = problems(PERSON, {"name": "Ann", "age": 3, "mial": 1, "qqq": 2})
    assert [(each.kind, each.key, each.pointer, each.on_key) for each in found] == [
        (ProblemKind.UNKNOWN_KEY, "mial", ("mial",), True),
        (ProblemKind.UNKNOWN_KEY, "qqq", ("qqq",), True),
    ]
    assert found[0].hint == "did you mean `mail`?"
    assert found[1].hint == "known here: `age`, `mail`, `name`"


def test_a_missing_key_is_named_with_what_it_is_for() -> None:
    problem = only(PERSON, {"age": 3})
    assert (problem.kind, problem.pointer, problem.key, problem.on_key) == ("missing-key", (), "name", False)
    assert problem.message == "`name` is missing"
    assert problem.detail == "`name`: What they are called."
    assert problem.hint == "add `name`, for example `name: Ann`"


def test_a_misspelt_required_key_is_one_problem_and_not_two() -> None:
    problem = only(PERSON, {"nmae": "Ann", "age": 3})
    assert problem.kind is ProblemKind.UNKNOWN_KEY
    assert problem.detail == "only keys of the schema are allowed, and `name` is missing"


def test_a_key_that_belongs_into_another_one_is_led_there() -> None:
    keys = {"additionalProperties": False, "properties": {"body": {}, "response": {}}}
    schema: Schema = {**keys, "x-batchspec-elsewhere": {"body": ["response_format"]}}
    assert only(schema, {"response_format": 1}).hint == "put it under `body:`"
    assert only(schema, {"respons": 1}).hint == "did you mean `response`?"


def test_a_key_that_something_else_asks_for_may_be_the_one_that_is_missing() -> None:
    keys = {"additionalProperties": False, "properties": {"model": {}, "models": {}}}
    schema: Schema = {**keys, "x-batchspec-expected": ["model", "models"]}
    missing = "only keys of the schema are allowed, and `model` is missing"
    assert only(schema, {"modle": 1}).detail == missing
    assert only(schema, {"modle": 1, "models": 2}).detail == "only keys of the schema are allowed"


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, 3.1, ("wrong-type", "the value must be text, not the number 3.1", 'quote it: "3.1"')),
        ({"type": "string"}, True, ("wrong-type", "the value must be text, not true", 'quote it: "true"')),
        (
            {"type": "string"},
            None,
            ("wrong-type", "the value must be text, not null", "give a value, or remove the key"),
        ),
        (
            {"type": "integer"},
            "12",
            ("wrong-type", "the value must be a whole number, not text", "remove the quotes: 12"),
        ),
        ({"type": "integer"}, 1.5, ("wrong-type", "the value must be a whole number, not the number 1.5", None)),
        ({"type": "integer"}, True, ("wrong-type", "the value must be a whole number, not true", None)),
        (
            {"type": "boolean"},
            "yes",
            ("wrong-type", "the value must be true or false, not text", "write true, without quotes"),
        ),
        ({"type": "array"}, "a", ("wrong-type", "the value must be a list, not text", "write a list: [a]")),
        ({"type": "object"}, [1], ("wrong-type", "the value must be a mapping, not a list", None)),
        (
            {"type": ["number", "null"]},
            {},
            ("wrong-type", "the value must be a number or null, not a mapping", None),
        ),
        (
            {"enum": ["auto", "none"]},
            "atuo",
            ("not-allowed-value", "the value cannot be `atuo`", "did you mean `auto`?"),
        ),
        ({"enum": [1, 2]}, 3, ("not-allowed-value", "the value cannot be `3`", "one of 1, 2")),
        ({"const": "x"}, "y", ("not-allowed-value", "the value cannot be `y`", "write `x`")),
        ({"const": 1}, "1", ("wrong-type", "the value must be a whole number, not text", "remove the quotes: 1")),
        ({"minimum": 1}, 0, ("out-of-range", "the value must be at least 1, and is 0", None)),
        ({"maximum": 1.5}, 2, ("out-of-range", "the value must be at most 1.5, and is 2", None)),
        ({"exclusiveMinimum": 0}, 0, ("out-of-range", "the value must be more than 0, and is 0", None)),
        ({"exclusiveMaximum": 0}, 0, ("out-of-range", "the value must be less than 0, and is 0", None)),
        ({"multipleOf": 2}, 3, ("out-of-range", "the value must be a multiple of 2, and is 3", None)),
        ({"minLength": 3}, "ab", ("too-short", "the value must have at least 3 characters, and has 2", None)),
        ({"maxLength": 1}, "ab", ("too-long", "the value must have at most 1 character, and has 2", None)),
        ({"minItems": 1}, [], ("too-short", "the value is empty", "give it a value, or remove the key")),
        ({"maxItems": 1}, [1, 2], ("too-long", "the value must have at most 1 item, and has 2", None)),
        ({"minProperties": 2}, {"a": 1}, ("too-short", "the value must have at least 2 keys, and has 1", None)),
        ({"pattern": "^a$", "x-batchspec-hint": "write a"}, "b", ("pattern", "the value cannot be `b`", "write a")),
        (
            {"not": {"const": 1}, "x-batchspec-message": "not this one"},
            1,
            ("not-allowed-value", "not this one", None),
        ),
        ({"contains": {"const": 1}}, [2], ("invalid", "the value does not fit `contains` of its schema", None)),
    ],
)
def test_each_kind_of_problem_has_its_words(schema: Schema, value: object, expected: tuple[str, str, str]) -> None:
    assert told(schema, value) == expected


def test_a_pattern_without_a_hint_is_shown() -> None:
    assert only({"pattern": "^a+$"}, "b").detail == "it must match the pattern ^a+$"


def test_the_end_of_a_pattern_is_the_end_of_the_text() -> None:
    assert problems({"pattern": "^a$"}, "a") == []
    assert only({"pattern": "^a$"}, "a\n").kind is ProblemKind.PATTERN
    assert problems({"pattern": "a\\$"}, "a$b") == []


def test_of_a_wrong_type_nothing_else_is_said() -> None:
    assert only({"type": "integer", "minimum": 1}, 0.5).kind is ProblemKind.WRONG_TYPE


def test_an_item_that_is_listed_twice_is_pointed_at() -> None:
    schema: Schema = {"uniqueItems": True}
    problem = only(schema, ["a", "b", "a"])
    assert (problem.pointer, problem.message) == ((2,), "`a` is listed twice")
    assert problems(schema, [1, True, "1", [1], {"a": 1}, {"a": "1"}]) == []
    assert only(schema, [{"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}]).pointer == (1,)


def test_a_key_that_has_the_wrong_form_is_pointed_at() -> None:
    schema: Schema = {"propertyNames": {"maxLength": 3}}
    problem = only({"properties": {"m": schema}}, {"m": {"abcd": 1, "a": 2}})
    assert (problem.pointer, problem.on_key, problem.key) == (("m", "abcd"), True, "abcd")
    assert problem.message == "the key `abcd` must have at most 3 characters, and has 4"


def test_a_key_that_is_forbidden_is_pointed_at() -> None:
    schema: Schema = {"properties": {"model": {"not": {}, "x-batchspec-message": "no model here"}}}
    problem = only(schema, {"model": "x"})
    assert (problem.kind, problem.pointer, problem.on_key) == (ProblemKind.NOT_ALLOWED_KEY, ("model",), True)
    assert problem.message == "no model here"


TEXT = {"type": "object", "required": ["type"], "properties": {"type": {"const": "text"}, "text": {"type": "string"}}}
IMAGE = {"type": "object", "required": ["type"], "properties": {"type": {"const": "image"}, "url": {"type": "string"}}}
CHUNK: Schema = {
    "oneOf": [{**TEXT, "additionalProperties": False}, {**IMAGE, "additionalProperties": False}],
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "text", "text": 1}, ("wrong-type", "`text` must be text, not the number 1", 'quote it: "1"')),
        ({"type": "image", "text": "x"}, ("unknown-key", "unknown key `text`", "known here: `type`, `url`")),
        ({"type": "imgae"}, ("not-allowed-value", "`type` cannot be `imgae`", "did you mean `image`?")),
        ({"type": 3}, ("not-allowed-value", "`type` cannot be `3`", "one of text, image")),
        ({"url": "x"}, ("missing-key", "`type` is missing", "add `type: image`")),
        (3, ("wrong-type", "the value must be a mapping, not the number 3", None)),
    ],
)
def test_an_alternative_is_told_by_its_tag(value: object, expected: tuple[str, str, str]) -> None:
    assert told(CHUNK, value) == expected


TEXT_OR_CHUNKS: Schema = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": CHUNK}]}


@pytest.mark.parametrize(
    ("value", "kind", "pointer"),
    [
        ("", "too-short", ()),
        ([{"type": "txet"}], "not-allowed-value", (0, "type")),
        ([{"type": "text"}, {"type": "text", "text": None}], "wrong-type", (1, "text")),
        ({}, "wrong-type", ()),
    ],
)
def test_an_alternative_is_told_by_its_type(value: object, kind: str, pointer: tuple[str | int, ...]) -> None:
    problem = only(TEXT_OR_CHUNKS, value)
    assert (problem.kind, problem.pointer) == (kind, pointer)


def test_alternatives_within_alternatives_are_followed() -> None:
    schema: Schema = {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 3}]}, {"type": "null"}]}
    assert only(schema, 1).kind is ProblemKind.OUT_OF_RANGE
    assert told(schema, [])[1] == "the value must be text, a whole number or null, not a list"
    tagged: Schema = {"anyOf": [CHUNK, {"type": "null"}]}
    assert told(tagged, {"type": "x"})[1] == "`type` cannot be `x`"


def test_keys_of_the_other_alternatives_are_known() -> None:
    def keys(*names: str) -> Schema:
        return {"type": "object", "additionalProperties": False, "properties": {name: {} for name in names}}

    schema: Schema = {"anyOf": [keys("system", "user"), {**keys("file"), "required": ["file"]}]}
    assert only(schema, {"usr": 1}).hint == "did you mean `user`?"
    assert only(schema, {"flie": 1}).hint == "did you mean `file`?"
    both = only(schema, {"file": 1, "user": 2})
    assert (both.kind, both.message) == ("not-allowed-key", "`file` cannot stand beside `user`")


def test_two_alternatives_that_both_fit_are_a_problem_of_oneof() -> None:
    assert only({"oneOf": [{}, {"type": "string"}]}, "x").kind is ProblemKind.INVALID


def test_problems_come_in_a_steady_order_and_in_bounded_number() -> None:
    schema: Schema = {"additionalProperties": {"type": "string"}}
    first = problems(schema, {str(number): number for number in range(100)})
    assert [each.pointer for each in first] == sorted(each.pointer for each in first)
    assert len(problems({"items": {"type": "string"}}, list(range(5000)))) == 200


def test_nothing_is_ever_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        problem = only({"$ref": address}, 1)
        assert [each.message for each in is_valid_schema({"$ref": address})] == [
            f"the schema refers to `{address}`, which is not in it"
        ]
        with pytest.raises(BlockingIOError):
            server.accept()
    assert problem.message == "the schema cannot be used"
    assert address in (problem.detail or "")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/gone"},
        {"$ref": "#"},
        {"pattern": "("},
        {"type": "strin"},
        {"minimum": "three"},
        {"multipleOf": 0.5},
    ],
)
def test_a_schema_that_cannot_be_used_is_a_problem_and_no_crash(schema: Schema) -> None:
    value = "text" if "pattern" in schema else 10**400
    assert only(schema, value).detail


def diagnostics(text: str, schema: Schema, *warnings: str) -> list[Diagnostic]:
    return document_diagnostics(load_source(text, "p.yaml"), SchemaChecker(schema), as_warnings=warnings)


def test_a_documents_problems_have_places() -> None:
    found = diagnostics("name: Ann\nage: -1\nmial: a\n", PERSON, "unknown-key")
    assert [(each.code, each.severity, each.location.span) for each in found] == [
        ("out-of-range", Severity.ERROR, Span(2, 6, 2, 8)),
        ("unknown-key", Severity.WARNING, Span(3, 1, 3, 5)),
    ]
    assert found[0].source_line == "age: -1"


def test_the_hint_to_quote_shows_what_is_written() -> None:
    (found,) = diagnostics("name: 3.10\nage: 1\n", PERSON)
    assert found.hint == 'quote it: "3.10"'
    assert found.detail == "without quotes, YAML reads `3.10` as the number 3.1"
    (plain,) = diagnostics("name: 3\nage: 1\n", PERSON)
    assert (plain.hint, plain.detail) == ('quote it: "3"', None)


def test_a_missing_key_is_shown_at_the_mapping_that_misses_it() -> None:
    (found,) = diagnostics("a: 1\nperson:\n  name: Ann\n", {"properties": {"person": PERSON}})
    assert found.location.span == Span(2, 1, 2, 7)
    (root,) = diagnostics("name: Ann\n", PERSON)
    assert root.location.span is not None
    assert root.location.span[:2] == (1, 1)


def test_a_part_of_a_document_can_be_checked() -> None:
    document = load_source("people:\n  - {name: Ann, age: x}\n", "p.yaml")
    (found,) = document_diagnostics(document, SchemaChecker(PERSON), at=("people", 0))
    assert found.location.span == Span(2, 22, 2, 23)
    problem = only(PERSON, {"name": "Ann", "age": "x"})
    assert problem_diagnostic(document, problem, at=("people", 0)) == found


def test_a_good_schema_of_any_draft_is_valid() -> None:
    assert is_valid_schema(PERSON) == []
    assert is_valid_schema(True) == []
    assert is_valid_schema({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}) == []
    assert (
        is_valid_schema({"$defs": {"a": {"$anchor": "x"}}, "items": {"$ref": "#x"}, "not": {"$ref": "#/$defs/a"}}) == []
    )
    assert is_valid_schema({"$id": "https://example.org/s", "$defs": {"a": {}}, "$ref": "#/$defs/a"}) == []
    assert is_valid_schema({"properties": {"$ref": {"type": "string"}}, "const": {"$ref": "no reference"}}) == []


@pytest.mark.parametrize(
    ("schema", "pointer", "message"),
    [
        ([], (), "a JSON Schema is a mapping"),
        ({"type": "strin"}, ("type",), "`type` cannot be `strin`"),
        (
            {"properties": {"a": {"minLength": "1"}}},
            ("properties", "a", "minLength"),
            "`minLength` must be a whole number, not text",
        ),
        ({"pattern": "("}, ("pattern",), "`(` is not a valid regular expression"),
        (
            {"$schema": "https://example.org/mine"},
            ("$schema",),
            "`https://example.org/mine` is no draft of JSON Schema that is known here",
        ),
        ({"items": {"$ref": "#/$defs/x"}}, (), "the schema refers to `#/$defs/x`, which is not in it"),
    ],
)
def test_a_bad_schema_is_told_what_is_wrong(schema: object, pointer: tuple[str, ...], message: str) -> None:
    (problem,) = is_valid_schema(schema)
    assert (problem.pointer, problem.message) == (pointer, message)
