"""Answers held to the API's own document: to bodies drawn from its request schemas, by its response schemas."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from openapi_document import openapi_with_tags, response_validator
from schemathesis import GenerationMode

from batchspec.core.json_text import encode
from batchspec.emulator.answers import ANSWERERS, AnswerError, Attachment, answer

FILE = Attachment("scan.pdf", 1234, "0" * 64)

MEANT = (
    "`stream` cannot be true in a batch",
    "Expected last role",
    "not empty",
    "16384 at most",
    "128 at most",
    "`tool_choice` asks for a tool that `tools` does not have",
    "the emulator found no document",
    "_format",
    "`pages` must be numbers and ranges",
    "`pages` must be a list of page numbers",
    "`pages` names more than",
    "exactly one of `file_url` and `file_id`",
    "a batch takes no `file`",
    "`context_bias` must be",
)
"""Where the emulator refuses what the document lets pass: the words are those of its refusals."""


def bodies(endpoint: str, mode: GenerationMode) -> SearchStrategy[Any]:
    schema = schemathesis.openapi.from_dict(openapi_with_tags())
    drawn: SearchStrategy[Any] = schema[endpoint]["POST"].as_strategy(generation_mode=mode).map(lambda case: case.body)
    return drawn


def bounded(examples: int) -> settings:
    # What the document's own generator draws is slow to draw, and slower to shrink.
    return settings(
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )


def asked(endpoint: str, body: dict[str, object]) -> tuple[object, str | None]:
    try:
        return answer(endpoint, "m", body, lambda _: FILE), None
    except AnswerError as refused:
        return None, refused.message


@pytest.mark.parametrize("endpoint", ANSWERERS)
def test_bodies_that_the_api_takes_are_answered_in_its_shape(endpoint: str) -> None:
    validator = response_validator(endpoint)

    @bounded(25)
    @given(bodies(endpoint, GenerationMode.POSITIVE))
    def holds(body: Any) -> None:
        if not is_json(body):
            return
        told, refusal = asked(endpoint, {**body, "stream": False})
        if refusal is None:
            validator.validate(told)
        else:
            assert any(words in refusal for words in MEANT), (refusal, body)

    holds()


@pytest.mark.parametrize("endpoint", ANSWERERS)
def test_bodies_that_the_api_refuses_never_break_the_emulator(endpoint: str) -> None:
    validator = response_validator(endpoint)

    @bounded(10)
    @given(bodies(endpoint, GenerationMode.NEGATIVE))
    def holds(body: Any) -> None:
        if not is_json(body):
            return
        told, refusal = asked(endpoint, body)
        if refusal is None:
            validator.validate(told)
        else:
            assert refusal

    holds()


def is_json(body: Any) -> bool:
    """Tell whether a drawn body can be in a line at all: files to upload and lone surrogates cannot."""
    try:
        encode(body)
    except ValueError:
        return False
    return isinstance(body, dict)
