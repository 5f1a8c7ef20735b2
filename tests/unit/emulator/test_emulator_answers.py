from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any, cast

import pytest
from emulator_client import CHAT, chat_body
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from batchspec.emulator.answers import AnswerError, answer

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
        "usage": {"prompt_tokens": 5, "completion_tokens": 11, "total_tokens": 16},
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
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
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
        {"messages": [{"role": "system", "content": None}]},
        {"messages": [{"role": "user", "content": 1}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "smell", "smell": "x"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file_id": "none"}]}]},
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
        {"tool_choice": "often"},
        {"tool_choice": {"type": "function"}},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": [{"type": "hammer"}]},
        {"stop": [1]},
        {"temperature": 1.6},
        {"top_p": 0},
        {"random_seed": -1},
        {"reasoning_effort": "heroic"},
        {"safe_prompt": 1},
    ],
)
def test_a_body_that_the_endpoint_would_refuse_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(AnswerError) as refused:
        chat(**body)
    told = refused.value.body()
    assert (told["object"], told["raw_status_code"]) == ("error", refused.value.status)
    assert refused.value.status in {400, 404}
    assert told["message"]


def test_an_assistants_prefix_may_come_last() -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "prefix": True}]
    assert content(messages=messages) == "[emulated m] x"


def test_a_structured_answer_varies_with_the_request() -> None:
    schema = {"type": "object", "properties": {"label": {"enum": ["a", "b", "c"]}}, "required": ["label"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    labels = {content(messages=chat_body(str(n))["messages"], response_format=form) for n in range(50)}
    assert len(labels) == 3
    assert structured(schema)["label"] in {"a", "b", "c"}


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
    assert told["usage"] == {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}
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
