"""The schemas that are shipped: complete, valid, and the same as the API's where they should be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from batchspec.core.model import ENDPOINTS
from batchspec.core.schema import SchemaChecker, document_diagnostics, is_valid_schema
from batchspec.core.source import load_source

ROOT = Path(__file__).parents[3]
Schema = dict[str, object]


def schema(name: str) -> Schema:
    read = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


SPEC, CHAT, EMBEDDINGS = schema("batchspec"), schema("chat-completions"), schema("embeddings")
OURS = {"batchspec": SPEC, "chat-completions": CHAT, "embeddings": EMBEDDINGS}

EVERY_KEY = """\
# yaml-language-server: $schema=.batchspec/batchspec.schema.json
batchspec: 1
name: ticket-triage
description: Route support tickets to a queue.
endpoint: /v1/chat/completions
models: [mistral-small-latest, ministral-8b-latest]
inputs: {path: data/*.csv, format: csv, encoding: cp1252, delimiter: ";"}
custom_id: "{{ row.ticket_id }}"
prompt:
  system: {file: prompts/triage.system.md.j2}
  user: "{{ row.text }}"
  assistant: "{"
body:
  temperature: 0
  response_format: {type: json_schema, json_schema: {name: t, schema: {file: schemas/triage.json}}}
metadata: {owner: support-data}
timeout_hours: 168
limits: {max_requests: 1, requests_per_job: 1000000, bytes_per_file: 512000000}
retry: {max_attempts: 100}
output: {path: results/triage.jsonl}
x-anchors: &anchors {anything: [1]}
"""


def mappings(node: object) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from mappings(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from mappings(inner)


@pytest.mark.parametrize("name", OURS)
def test_our_schemas_are_valid_and_have_no_address(name: str) -> None:
    assert is_valid_schema(OURS[name]) == []
    assert str(OURS[name]["$id"]).startswith("urn:batchspec:schema:")


def test_every_key_of_the_language_has_a_title_a_description_and_examples() -> None:
    keys = [
        (key, described)
        for part in mappings(SPEC)
        for holder in ("properties", "patternProperties", "$defs")
        for key, described in (part.get(holder) or {}).items()  # type: ignore[attr-defined]
    ]
    assert len(keys) > 25
    for key, described in keys:
        for wanted in ("title", "description", "examples"):
            assert described.get(wanted), f"{key} has no {wanted}"


def test_every_example_fits_its_own_schema() -> None:
    definitions = SPEC["$defs"]
    for part in mappings(SPEC):
        examples = part.get("examples")
        if isinstance(examples, list) and "title" in part:
            checker = SchemaChecker({**part, "$defs": definitions, "$id": "urn:example"})
            assert [checker.check(example) for example in examples] == [[]] * len(examples), part["title"]


def test_a_spec_with_every_key_fits() -> None:
    assert document_diagnostics(load_source(EVERY_KEY, "s.yaml"), SchemaChecker(SPEC)) == []
    used = {line.split(":")[0] for line in EVERY_KEY.splitlines() if line[0].isalpha()}
    properties = SPEC["properties"]
    assert isinstance(properties, dict)
    assert set(properties) - used == {"model"}


@pytest.mark.parametrize(
    "text",
    [
        "model: mistral-small-latest",
        "inputs: data/tickets.csv",
        "inputs: [{a: 1}, {}]",
        "prompt: '{{ row.text }}'",
        "prompt: {file: p.md}",
        "prompt: {user: x}",
        "custom_id: {file: id.j2}",
        "body: {file: body.json}",
        "output: out.jsonl",
        "metadata: {}",
    ],
)
def test_short_forms_fit(text: str) -> None:
    document = load_source(f"batchspec: 1\nname: a.b_c-9\n{text}\n", "s.yaml")
    assert document_diagnostics(document, SchemaChecker(SPEC)) == []


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", ".a", "a/b", "ä", "a" * 65, "a\n"])
def test_names_that_would_not_make_a_file_are_refused(name: str) -> None:
    assert [each.pointer for each in SchemaChecker(SPEC).check({"batchspec": 1, "name": name})] == [("name",)]


def test_the_schema_knows_every_endpoint() -> None:
    properties = SPEC["properties"]
    assert isinstance(properties, dict)
    assert properties["endpoint"]["enum"] == list(ENDPOINTS)


CONVERSATION = {
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


def test_a_body_with_every_key_fits() -> None:
    assert SchemaChecker(CHAT).check(CONVERSATION) == []
    properties = CHAT["properties"]
    assert isinstance(properties, dict)
    assert set(properties) - set(CONVERSATION) == {"model"}
    for value in ("text", ["a", "b"]):
        body = {"input": value, "output_dimension": 3, "output_dtype": "int8", "encoding_format": "base64"}
        assert SchemaChecker(EMBEDDINGS).check(body) == []


def test_what_may_be_null_may_be_null() -> None:
    nullable = ["temperature", "top_p", "max_tokens", "stop", "random_seed", "metadata", "tools", "presence_penalty"]
    nullable += ["frequency_penalty", "n", "reasoning_effort", "prompt_mode", "guardrails", "prompt_cache_key"]
    assert SchemaChecker(CHAT).check({"messages": [], **dict.fromkeys(nullable)}) == []


@pytest.mark.parametrize("body", [CHAT, EMBEDDINGS], ids=["chat", "embeddings"])
def test_the_model_is_the_jobs(body: Schema) -> None:
    (problem,) = [
        each for each in SchemaChecker(body).check({"model": "m", "messages": [], "input": ""}) if each.key == "model"
    ]
    assert (problem.kind, problem.pointer, problem.on_key) == ("not-allowed-key", ("model",), True)
    assert "the job's model wins" in (problem.hint or "")


def test_a_body_that_streams_is_refused() -> None:
    (problem,) = SchemaChecker(CHAT).check({"messages": [], "stream": True})
    assert (problem.kind, problem.message) == ("not-allowed-value", "a batch cannot stream")


def test_an_unknown_key_deep_in_a_body_is_just_that() -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache": 1}], "nmae": "n"}]}
    assert [(each.kind, each.pointer) for each in SchemaChecker(CHAT).check(body)] == [
        ("unknown-key", ("messages", 0, "content", 0, "cache")),
        ("unknown-key", ("messages", 0, "nmae")),
    ]


class Fact(NamedTuple):
    """One thing that a schema says about one place; alternatives with a tag are places of their own."""

    place: str
    keyword: str
    value: object


RANGES = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
)
TAGS = ("type", "role")


def facts(part: object, root: Mapping[str, object], place: str = "") -> Iterator[Fact]:
    if not isinstance(part, dict):
        return
    part = resolved(part, root)
    for branch in [*part.get("anyOf", []), *part.get("oneOf", [])]:
        tag = tag_of(resolved(branch, root), root)
        yield from facts(branch, root, f"{place}<{tag}>" if tag else place)
    yield from (Fact(place, keyword, part[keyword]) for keyword in RANGES if keyword in part)
    yield from (Fact(place, "enum", value) for value in part.get("enum", []) if value is not None)
    yield from (Fact(place, "required", key) for key in part.get("required", []))
    if part.get("additionalProperties") is False:
        yield Fact(place, "closed", True)
    yield from facts(part.get("items"), root, f"{place}[]")
    for key, inner in part.get("properties", {}).items():
        yield Fact(place, "property", key)
        if key not in TAGS or not tag_of(part, root):
            yield from facts(inner, root, f"{place}.{key}")


def resolved(part: dict[str, Any], root: Mapping[str, object]) -> dict[str, Any]:
    reference = part.get("$ref")
    if not isinstance(reference, str):
        return part
    node: object = root
    for step in reference.removeprefix("#/").split("/"):
        assert isinstance(node, dict)
        node = node[step]
    assert isinstance(node, dict)
    return node


def tag_of(part: Mapping[str, object], root: Mapping[str, object]) -> str | None:
    properties = part.get("properties")
    for tag in TAGS:
        described = properties.get(tag) if isinstance(properties, dict) else None
        if isinstance(described, dict):
            described = resolved(described, root)
            values = [described["const"]] if "const" in described else described.get("enum", [])
            if isinstance(values, list) and len(values) == 1:
                return str(values[0])
    return None


NEWER_KEYS = {Fact("", "property", key) for key in ("top_k", "min_tokens", "logprobs")}
ONLY_OURS = {
    "ChatCompletionRequest": {
        *NEWER_KEYS,
        Fact(".reasoning_effort", "enum", "max"),
        Fact(".top_k", "minimum", 0),
        Fact(".min_tokens", "minimum", 0),
    },
    "EmbeddingRequest": set[Fact](),
}
"""Keys that newer clients know and the document lacks."""

ONLY_THEIRS = {
    "ChatCompletionRequest": {
        # The job names the model.
        Fact("", "required", "model"),
        # Any tool may be named; the built-in ones are examples.
        *(
            Fact(f".messages[]<{role}>.content[]<thinking>.thinking[]<tool_reference>.tool", "enum", tool)
            for role in ("system", "user", "assistant", "tool")
            for tool in ("web_search", "web_search_premium", "code_interpreter", "image_generation", "document_library")
        ),
    },
    "EmbeddingRequest": {Fact("", "required", "model")},
}


def is_tag(fact: Fact) -> bool:
    # The document gives tags a default, and yet tells alternatives apart by them: ours must be written.
    return fact.keyword == "required" and fact.value in TAGS


def openapi() -> Mapping[str, object]:
    named = os.environ.get("MISTRAL_OPENAPI")
    places = [Path(named)] if named else sorted(ROOT.parent.glob("*/reference/mistral-openapi.json"))
    if not places:
        pytest.skip("the API's OpenAPI document is not at hand (MISTRAL_OPENAPI names it)")
    document = json.loads(places[0].read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(("ours", "name"), [(CHAT, "ChatCompletionRequest"), (EMBEDDINGS, "EmbeddingRequest")])
def test_a_body_schema_says_what_the_api_says(ours: Schema, name: str) -> None:
    document = openapi()
    here = {fact for fact in facts(ours, ours) if not is_tag(fact)}
    there = {fact for fact in facts({"$ref": f"#/components/schemas/{name}"}, document) if not is_tag(fact)}
    assert len(there) > 10
    assert here - there == ONLY_OURS[name]
    assert there - here == ONLY_THEIRS[name]
