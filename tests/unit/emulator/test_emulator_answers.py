from __future__ import annotations

import base64
import json
import math
import re
import struct
from typing import Any, cast

import pytest
from emulator_client import CHAT, chat_body
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from batchspec.emulator.answers import AnswerError, answer
from batchspec.emulator.answers.patterns import sample
from batchspec.emulator.answers.schema_documents import document

EMBEDDINGS = "/v1/embeddings"


def chat(model: str = "m", /, **body: object) -> Any:
    return answer(CHAT, model, {**chat_body("What is it?"), **body})


def content(**body: object) -> str:
    return cast(str, chat(**body)["choices"][0]["message"]["content"])


def structured(schema: object) -> Any:
    named = {"name": "answer", "schema": schema}
    return json.loads(content(response_format={"type": "json_schema", "json_schema": named}))


def embed(**body: object) -> Any:
    return answer(EMBEDDINGS, "mistral-embed", body)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.sampled_from([CHAT, EMBEDDINGS]), texts, texts)
def test_an_answer_depends_on_the_request_alone(endpoint: str, model: str, text: str) -> None:
    body = chat_body(text) if endpoint == CHAT else {"input": text}
    again = json.loads(json.dumps(body))
    assert answer(endpoint, model, body) == answer(endpoint, model, again)


def test_an_answer_has_the_shape_of_a_completion_and_its_golden_value() -> None:
    assert chat("mistral-small-latest") == {
        "id": "emulated-79bd3624d47c2ed0c37eb59f",
        "object": "chat.completion",
        "created": 1724139300,
        "model": "mistral-small-latest",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "[emulated mistral-small-latest] What is it?",
                    "tool_calls": None,
                },
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 11, "total_tokens": 14},
    }


def test_other_requests_have_other_ids() -> None:
    ids = {chat()["id"], chat("other")["id"], chat(temperature=0.5)["id"], embed(input="What is it?")["id"]}
    assert len(ids) == 4


def test_the_echo_is_of_the_last_user_message_its_chunks_joined() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {
            "role": "user",
            "content": [{"type": "text", "text": "one"}, {"type": "image_url"}, {"type": "text", "text": "two"}],
        },
        {"role": "tool", "content": "42"},
    ]
    assert content(messages=messages) == "[emulated m] one\ntwo"


def test_several_choices_are_told_apart_and_counted() -> None:
    told = chat(n=3)
    assert [choice["index"] for choice in told["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in told["choices"]}) == 3
    one = told["choices"][0]["message"]["content"]
    assert told["usage"]["completion_tokens"] == 3 * math.ceil(len(one) / 4)


def test_max_tokens_cuts_the_answer_and_says_so() -> None:
    cut = chat(max_tokens=3)
    assert cut["choices"][0]["message"]["content"] == "[emulated m]"
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 3
    assert chat(max_tokens=6)["choices"][0]["finish_reason"] == "stop"


def test_json_mode_gives_an_object_that_says_what_it_is() -> None:
    told = json.loads(content(response_format={"type": "json_object"}))
    assert told["emulated"] is True
    assert told["text"] == "What is it?"


def test_a_tool_that_must_be_called_is_called_with_arguments_that_fit() -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in ("weather", "time")]
    for choice, name in (("any", "weather"), ({"type": "function", "function": {"name": "time"}}, "time")):
        told = chat(tools=tools, tool_choice=choice)["choices"][0]
        assert told["finish_reason"] == "tool_calls"
        (call,) = told["message"]["tool_calls"]
        assert call["function"]["name"] == name
        Draft202012Validator(parameters).validate(json.loads(call["function"]["arguments"]))
    assert chat(tools=tools, tool_choice="auto")["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "body",
    [
        {"messages": None},
        {"messages": []},
        {"messages": ["text"]},
        {"messages": [{"role": "king", "content": "x"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": ["x"]}]},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
        {"messages": [{"role": "system", "content": "x"}]},
        {"stream": True},
        {"max_tokens": -1},
        {"max_tokens": "many"},
        {"n": 0},
        {"response_format": "json"},
        {"response_format": {"type": "xml"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": False}}},
        {"tools": 1, "tool_choice": "any"},
        {"tool_choice": "any"},
    ],
)
def test_a_body_that_the_endpoint_would_refuse_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(AnswerError) as refused:
        chat(**body)
    told = refused.value.body()
    assert (told["object"], told["raw_status_code"]) == ("error", 400)
    assert told["message"]


def test_an_assistants_prefix_may_come_last() -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "prefix": True}]
    assert content(messages=messages) == "[emulated m] x"


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


def test_a_structured_answer_varies_with_the_request() -> None:
    schema = {"type": "object", "properties": {"label": {"enum": ["a", "b", "c"]}}, "required": ["label"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    labels = {content(messages=chat_body(str(n))["messages"], response_format=form) for n in range(50)}
    assert len(labels) == 3
    assert structured(schema)["label"] in {"a", "b", "c"}


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


@given(texts, st.one_of(st.none(), st.integers(1, 300)))
def test_embeddings_are_unit_vectors_of_the_size_asked_for(text: str, dimension: int | None) -> None:
    told = embed(input=text, output_dimension=dimension)
    (entry,) = told["data"]
    assert len(entry["embedding"]) == (dimension or 1024)
    assert math.sqrt(sum(value * value for value in entry["embedding"])) == pytest.approx(1, abs=1e-4)
    assert all(round(value, 6) == value for value in entry["embedding"])


def test_every_text_of_a_list_has_its_own_vector() -> None:
    told = embed(input=["one", "two", "one"])
    vectors = [entry["embedding"] for entry in told["data"]]
    assert [entry["index"] for entry in told["data"]] == [0, 1, 2]
    assert vectors[0] == vectors[2]
    assert abs(sum(a * b for a, b in zip(vectors[0], vectors[1], strict=True))) < 0.2
    assert told["usage"] == {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}
    assert (told["object"], told["model"]) == ("list", "mistral-embed")


def test_a_texts_vector_does_not_depend_on_its_neighbours() -> None:
    assert embed(input="one")["data"][0]["embedding"] == embed(input=["two", "one"])["data"][1]["embedding"]


@pytest.mark.parametrize(
    ("dtype", "size", "low", "high"),
    [("int8", 64, -128, 127), ("uint8", 64, 0, 255), ("binary", 8, -128, 127), ("ubinary", 8, 0, 255)],
)
def test_embeddings_come_as_whole_numbers_or_bits(dtype: str, size: int, low: int, high: int) -> None:
    vector = embed(input="x", output_dimension=64, output_dtype=dtype)["data"][0]["embedding"]
    assert len(vector) == size
    assert all(isinstance(value, int) and low <= value <= high for value in vector)
    coded = embed(input="x", output_dimension=64, output_dtype=dtype, encoding_format="base64")["data"][0]["embedding"]
    assert [byte % 256 for byte in base64.b64decode(coded)] == [value % 256 for value in vector]


def test_embeddings_come_as_base64() -> None:
    plain = embed(input="x", output_dimension=5)["data"][0]["embedding"]
    coded = embed(input="x", output_dimension=5, encoding_format="base64")["data"][0]["embedding"]
    assert struct.unpack("<5f", base64.b64decode(coded)) == pytest.approx(plain)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": []},
        {"input": [1]},
        {"input": "x", "output_dimension": 0},
        {"input": "x", "output_dimension": 10**9},
        {"input": "x", "output_dtype": "complex"},
        {"input": "x", "encoding_format": 3},
    ],
)
def test_a_body_that_embeddings_would_refuse_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(AnswerError):
        embed(**body)
