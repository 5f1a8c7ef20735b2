"""The API's OpenAPI document where it is at hand, and what a schema says about each place of a body, as facts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
TAGS = ("type", "role")
COMPARED = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "const",
    "format",
)

REQUESTS = {
    "/v1/chat/completions": "ChatCompletionRequest",
    "/v1/embeddings": "EmbeddingRequest",
    "/v1/fim/completions": "FIMCompletionRequest",
    "/v1/moderations": "ClassificationRequest",
    "/v1/chat/moderations": "ChatModerationRequest",
    "/v1/ocr": "OCRRequest",
    "/v1/classifications": "ClassificationRequest",
    "/v1/chat/classifications": "ChatClassificationRequest",
    "/v1/conversations": "ConversationRequest",
    "/v1/audio/transcriptions": "AudioTranscriptionRequest",
}
"""The document's name for each endpoint's body."""


def openapi() -> Mapping[str, object]:
    named = os.environ.get("MISTRAL_OPENAPI")
    places = [Path(named)] if named else sorted(ROOT.parent.glob("*/reference/mistral-openapi.json"))
    if not places:
        pytest.skip("the API's OpenAPI document is not at hand (MISTRAL_OPENAPI names it)")
    document = json.loads(places[0].read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def request_schema(endpoint: str, document: Mapping[str, object]) -> dict[str, object]:
    """Return a schema of an endpoint's bodies that holds all that it refers to."""
    return {"$ref": f"#/components/schemas/{REQUESTS[endpoint]}", "components": document["components"]}


class Fact(NamedTuple):
    """One thing that a schema says about one place; alternatives with a tag are places of their own."""

    place: str
    keyword: str
    value: object


def facts(part: object, root: Mapping[str, object], place: str = "") -> Iterator[Fact]:
    if not isinstance(part, dict):
        return
    part = resolved(part, root)
    for branch in branches(part, root):
        tag = tag_of(branch, root)
        yield from facts(branch, root, f"{place}<{tag}>" if tag else place)
    for branch in part.get("allOf", []):
        yield from facts(branch, root, place)
    yield from (Fact(place, keyword, part[keyword]) for keyword in COMPARED if keyword in part)
    yield from (Fact(place, "enum", value) for value in part.get("enum", []) if value is not None)
    yield from (Fact(place, "required", key) for key in part.get("required", []))
    yield from (Fact(place, "type", name) for name in types(part))
    if part.get("additionalProperties") is False:
        yield Fact(place, "closed", True)
    yield from facts(part.get("items"), root, f"{place}[]")
    for key, inner in part.get("properties", {}).items():
        yield Fact(place, "property", key)
        if key not in TAGS or not tag_of(part, root):
            yield from facts(inner, root, f"{place}.{key}")


def branches(part: Mapping[str, Any], root: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return the alternatives of a schema; where one is any text at all, a list of texts beside it says nothing."""
    found = [resolved(branch, root) for branch in [*part.get("anyOf", []), *part.get("oneOf", [])]]
    free = {"type": "string"} in found
    return [branch for branch in found if not (free and branch.get("type") == "string" and "enum" in branch)]


def types(part: Mapping[str, Any]) -> list[str]:
    """Return the types that a schema names, or that its values have."""
    if "type" in part:
        named = part["type"]
        return list(named) if isinstance(named, list) else [named]
    values = [part["const"]] if "const" in part else part.get("enum", [])
    words = {str: "string", bool: "boolean", type(None): "null"}
    return [words[type(value)] for value in values]


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
