"""The API's own OpenAPI document, where it is at hand, and what it says of an answer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[3]


@lru_cache(maxsize=1)
def _read() -> Any:
    named = os.environ.get("MISTRAL_OPENAPI")
    places = [Path(named)] if named else sorted(ROOT.parent.glob("*/reference/mistral-openapi.json"))
    return json.loads(places[0].read_text(encoding="utf-8")) if places else None


def openapi() -> Any:
    """Return the document, mended where it contradicts the service's answers; skips the test where there is none."""
    document = _read()
    if document is None:
        pytest.skip("the API's OpenAPI document is not at hand (MISTRAL_OPENAPI names it)")
    mended = json.loads(json.dumps(document))
    schemas = mended["components"]["schemas"]
    # No chat completion has `data`, though the document requires it.
    schemas["ChatCompletionResponse"]["allOf"][1]["required"].remove("data")
    # With `encoding_format: base64`, a vector is a text.
    vector = schemas["EmbeddingResponseData"]["properties"]
    vector["embedding"] = {"anyOf": [vector["embedding"], {"type": "string"}]}
    return mended


def openapi_with_tags() -> Any:
    """Return the document with every tag required: the service tells alternatives apart by them, defaulted or not."""
    document = openapi()
    for schema in _objects(document["components"]["schemas"]):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            tags = [name for name, part in properties.items() if isinstance(part, dict) and "const" in part]
            tags += ["type"] if schema.get("title", "").endswith(("Tool", "Connector")) and "type" in properties else []
            schema["required"] = sorted({*schema.get("required", []), *tags})
    return document


def _objects(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from _objects(part)


def response_validator(endpoint: str) -> Draft202012Validator:
    document = openapi()
    answered = document["paths"][endpoint]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    return Draft202012Validator({**answered, "components": document["components"]})
