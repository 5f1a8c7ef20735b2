"""Bodies that the API takes: every key, every chunk, every tool; what is refused is in the golden files."""

from __future__ import annotations

import pytest

from batchspec.core.endpoints import endpoint_at
from batchspec.core.model import ENDPOINTS
from batchspec.core.schema import SchemaChecker, SchemaProblem
from batchspec.project.packaged import packaged_schema

FILE_ID = "6f2a4c1e-0d3b-4a9a-9a57-3f6c1b2d4e5f"


def check(endpoint: str, body: object) -> list[SchemaProblem]:
    return SchemaChecker(packaged_schema(endpoint_at(endpoint).schema)).check(body)


CHAT: dict[str, object] = {
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": "data:image/png;base64,AA=="},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
                {"type": "document_url", "document_url": "https://example.org/a.pdf", "document_name": None},
                {"type": "file", "file_id": "6f2a4c1e-0d3b-4a9a-9a57-3f6c1b2d4e5f"},
                {"type": "input_audio", "input_audio": "AAAA"},
                {"type": "reference", "reference_ids": [1, "two"]},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": False}],
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": None, "tool_call_id": "c1", "name": "f"},
        {"role": "assistant", "content": "{", "prefix": True},
    ],
    "temperature": 1.5,
    "top_p": 1,
    "top_k": 40,
    "max_tokens": 0,
    "min_tokens": 0,
    "stop": ["a", "b"],
    "random_seed": 0,
    "metadata": {"any": {"thing": 1}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True, "description": None},
    },
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}},
        {"function": {"name": "g", "parameters": {}}},
        {"type": "web_search"},
        {"type": "web_search_premium", "tool_configuration": None},
        {"type": "code_interpreter", "tool_configuration": {"exclude": ["x"]}},
        {"type": "image_generation"},
        {"type": "document_library", "library_ids": ["l"]},
        {"type": "connector", "connector_id": "c", "authorization": {"type": "api-key", "value": "v"}},
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "presence_penalty": -2,
    "frequency_penalty": 2,
    "n": 1,
    "prediction": {"type": "content", "content": "x"},
    "parallel_tool_calls": False,
    "reasoning_effort": "max",
    "prompt_mode": "reasoning",
    "guardrails": [{"block_on_error": True, "moderation_llm_v2": {"custom_category_thresholds": {"pii": 0.1}}}],
    "prompt_cache_key": "k",
    "service_tier": "standard_only",
    "safe_prompt": True,
    "logprobs": True,
    "stream": False,
}

MESSAGES = CHAT["messages"]
FORMAT = CHAT["response_format"]
WHOLE: dict[str, dict[str, object]] = {
    "/v1/chat/completions": CHAT,
    "/v1/embeddings": {
        "input": ["a", "b"],
        "metadata": None,
        "output_dimension": 3,
        "output_dtype": "int8",
        "encoding_format": "base64",
    },
    "/v1/fim/completions": {
        "prompt": "def f(",
        "suffix": "return x",
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 64,
        "min_tokens": 1,
        "stream": False,
        "stop": "def",
        "random_seed": 7,
        "metadata": {"a": 1},
        "prompt_cache_key": "k",
    },
    "/v1/moderations": {"input": ["a", "b"], "metadata": {"a": 1}},
    "/v1/chat/moderations": {"input": MESSAGES},
    "/v1/ocr": {
        "document": {"type": "document_url", "document_url": "https://example.org/a.pdf", "document_name": "a.pdf"},
        "pages": [0, 1],
        "include_image_base64": True,
        "image_limit": 2,
        "image_min_size": 20,
        "bbox_annotation_format": FORMAT,
        "document_annotation_format": FORMAT,
        "document_annotation_prompt": "Who signed?",
        "table_format": "html",
        "extract_header": True,
        "extract_footer": True,
        "include_blocks": False,
        "confidence_scores_granularity": "word",
    },
    "/v1/classifications": {"input": "a", "metadata": None},
    "/v1/chat/classifications": {"input": {"messages": MESSAGES}},
    "/v1/conversations": {
        "inputs": [
            {"role": "user", "content": "Hi"},
            {
                "object": "entry",
                "type": "message.input",
                "id": "e1",
                "created_at": "2026-01-01T00:00:00Z",
                "completed_at": None,
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Well"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": None}},
                    {"type": "tool_file", "tool": "code_interpreter", "file_id": "f", "file_name": "a.png"},
                    {"type": "document_url", "document_url": "https://example.org/a.pdf"},
                    {"type": "thinking", "thinking": [], "signature": "s"},
                ],
                "prefix": True,
            },
            {
                "type": "message.output",
                "role": "assistant",
                "model": "m",
                "agent_id": None,
                "content": [{"type": "tool_reference", "tool": "web_search", "title": "t", "url": None}],
            },
            {
                "type": "function.call",
                "tool_call_id": "c",
                "name": "f",
                "arguments": {},
                "confirmation_status": "denied",
            },
            {"type": "function.result", "tool_call_id": "c", "result": "found"},
            {"type": "tool.execution", "name": "web_search", "arguments": "{}", "info": {"any": 1}},
            {
                "type": "agent.handoff",
                "previous_agent_id": "a",
                "previous_agent_name": "A",
                "next_agent_id": "b",
                "next_agent_name": "B",
            },
        ],
        "instructions": "Be brief.",
        "tools": CHAT["tools"],
        "completion_args": {
            "stop": None,
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "temperature": 1,
            "top_p": 0,
            "max_tokens": 10,
            "random_seed": 1,
            "prediction": None,
            "response_format": FORMAT,
            "tool_choice": "any",
            "reasoning_effort": "high",
        },
        "guardrails": None,
        "stream": None,
        "store": False,
        "handoff_execution": "server",
        "name": "n",
        "description": "d",
        "metadata": {"a": 1},
        "agent_id": "ag",
        "agent_version": 2,
    },
    "/v1/audio/transcriptions": {
        "file_url": "https://example.org/a.mp3",
        "file_id": None,
        "language": "en",
        "temperature": 0,
        "stream": False,
        "diarize": True,
        "context_bias": ["JSONL"],
        "timestamp_granularities": ["segment", "word"],
    },
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_body_with_every_key_fits(endpoint: str) -> None:
    assert check(endpoint, WHOLE[endpoint]) == []
    properties = packaged_schema(endpoint_at(endpoint).schema)["properties"]
    assert isinstance(properties, dict)
    assert set(properties) - set(WHOLE[endpoint]) == {"model"} | ({"file"} if "audio" in endpoint else set())


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_is_required_is_missed_by_name(endpoint: str) -> None:
    (problem,) = check(endpoint, {})
    assert (problem.kind, problem.pointer) == ("missing-key", ())


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/embeddings", {"input": "a"}),
        ("/v1/moderations", {"input": "a"}),
        ("/v1/classifications", {"input": []}),
        ("/v1/fim/completions", {"prompt": "", "suffix": None, "stop": ["a"]}),
        ("/v1/chat/moderations", {"input": []}),
        ("/v1/chat/moderations", {"input": [MESSAGES, []]}),
        ("/v1/chat/classifications", {"input": [{"messages": MESSAGES}, {"messages": []}]}),
        ("/v1/ocr", {"document": {"document_url": "https://example.org/a.pdf"}}),
        ("/v1/ocr", {"document": {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}}),
        ("/v1/ocr", {"document": {"image_url": "https://example.org/a.png"}, "pages": "0-5,7"}),
        ("/v1/ocr", {"document": {"type": "file", "file_id": FILE_ID}, "pages": None, "table_format": None}),
        ("/v1/conversations", {"inputs": "Hi", "completion_args": None, "tools": None}),
        ("/v1/audio/transcriptions", {"file_id": "f"}),
        ("/v1/audio/transcriptions", {"file_id": "f", "file_url": None, "language": None}),
    ],
)
def test_every_form_of_a_body_fits(endpoint: str, body: object) -> None:
    assert check(endpoint, body) == []


def asked(content: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "text", "text": ""},
        {"type": "image_url", "image_url": "https://example.org/a.png"},
        {"type": "image_url", "image_url": "data:image/png;base64,AA=="},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "high"}},
        {"type": "document_url", "document_url": "https://example.org/a.pdf"},
        {"type": "document_url", "document_url": "data:application/pdf;base64,AA==", "document_name": "a"},
        {"type": "file", "file_id": FILE_ID},
        {"type": "input_audio", "input_audio": "AAAA"},
        {"type": "reference", "reference_ids": []},
        {"type": "reference", "reference_ids": [1, "two"]},
        {"type": "thinking", "thinking": [{"type": "reference", "reference_ids": [1]}]},
        {"type": "thinking", "thinking": [{"type": "tool_reference", "tool": "mine", "title": "t"}]},
    ],
)
def test_every_chunk_fits(chunk: object) -> None:
    assert check("/v1/chat/completions", asked([chunk])) == []
    assert check("/v1/chat/moderations", {"input": asked([chunk])["messages"]}) == []


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": [{"type": "thinking", "thinking": []}]},
        {"role": "user", "content": None},
        {"role": "assistant", "content": "{", "prefix": True},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "index": 0,
            "function": {"name": "f", "arguments": {"city": "Bergen"}}}]},
        {"role": "tool", "content": "found", "tool_call_id": "c", "name": "f"},
        {"role": "tool", "content": [{"type": "text", "text": "found"}], "tool_call_id": None},
    ],
)  # fmt: skip
def test_every_message_fits(message: object) -> None:
    assert check("/v1/chat/completions", {"messages": [message]}) == []


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("tool_choice", ["auto", "none", "any", "required", {"function": {"name": "f"}}]),
        ("response_format", [{"type": "text"}, {"type": "json_object"}, FORMAT, {}]),
        ("reasoning_effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max", None]),
        ("prediction", [{"type": "content", "content": "x"}, {"content": "x"}, {}]),
        ("n", [1, 100, None]),
        ("safe_prompt", [True, False]),
        ("random_seed", [0, 2**31, None]),
        ("stop", ["a", ["a", "b"], [], None]),
        ("temperature", [0, 1.5, None]),
        ("top_p", [0.001, 1, None]),
        ("logprobs", [True, 5, None]),
    ],
)
def test_every_value_of_an_option_fits(key: str, values: list[object]) -> None:
    for value in values:
        assert check("/v1/chat/completions", {**asked("hi"), key: value}) == [], value


def test_what_may_be_null_may_be_null() -> None:
    nullable = ["temperature", "top_p", "max_tokens", "stop", "random_seed", "metadata", "tools", "presence_penalty"]
    nullable += ["frequency_penalty", "n", "reasoning_effort", "prompt_mode", "guardrails", "prompt_cache_key"]
    assert check("/v1/chat/completions", {"messages": [], **dict.fromkeys(nullable)}) == []


@pytest.mark.parametrize(
    "endpoint", ["/v1/chat/completions", "/v1/fim/completions", "/v1/conversations", "/v1/audio/transcriptions"]
)
def test_a_body_that_streams_is_refused(endpoint: str) -> None:
    (problem,) = check(endpoint, {**WHOLE[endpoint], "stream": True})
    assert (problem.kind, problem.message) == ("not-allowed-value", "a batch cannot stream")


def test_an_unknown_key_deep_in_a_body_is_just_that() -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache": 1}], "nmae": "n"}]}
    assert [(each.kind, each.pointer) for each in check("/v1/chat/completions", body)] == [
        ("unknown-key", ("messages", 0, "content", 0, "cache")),
        ("unknown-key", ("messages", 0, "nmae")),
    ]
