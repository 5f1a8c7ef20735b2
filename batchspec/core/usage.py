"""What of a request and of its answer is paid for, by endpoint: tokens, pages, seconds of sound.

The one place that reads usage out of bodies for costs. It knows no price.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import add
from typing import NamedTuple


class Used(NamedTuple):
    """What answers have used. `unmetered` counts those of the `answers` that say nothing of it."""

    input_tokens: int = 0
    output_tokens: int = 0
    pages: int = 0
    annotated_pages: int = 0
    audio_seconds: int = 0
    answers: int = 0
    unmetered: int = 0

    def plus(self, other: Used) -> Used:
        """Return both together."""
        return Used(*map(add, self, other))


class SpecUsage(NamedTuple):
    """What the recorded answers to a spec have used with one model."""

    spec: str
    model: str
    used: Used


def used_by(body: object) -> Used:
    """Return what one answer's body says that it has used.

    An OCR answer with an annotation of the document or of an image is charged by annotated pages. What a connector
    has used is charged in a way that no answer tells, so that such an answer counts as unmetered.
    """
    if not isinstance(body, dict):
        return Used(answers=1, unmetered=1)
    told = body.get("usage_info")
    if isinstance(told, dict):
        pages = _count(told.get("pages_processed"))
        return Used(annotated_pages=pages, answers=1) if _annotated(body) else Used(pages=pages, answers=1)
    told = body.get("usage")
    if not isinstance(told, dict):
        return Used(answers=1, unmetered=1)
    return Used(
        input_tokens=_count(told.get("prompt_tokens")),
        output_tokens=_count(told.get("completion_tokens")),
        audio_seconds=_count(told.get("prompt_audio_seconds")),
        answers=1,
        unmetered=int(_count(told.get("connector_tokens")) > 0),
    )


def _annotated(body: Mapping[object, object]) -> bool:
    if body.get("document_annotation") is not None:
        return True
    pages = body.get("pages")
    listed = pages if isinstance(pages, list) else []
    return any(
        isinstance(image, dict) and image.get("image_annotation") is not None
        for page in listed
        if isinstance(page, dict) and isinstance(page.get("images"), list)
        for image in page["images"]
    )


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


_NO_OUTPUT = frozenset(
    {
        "/v1/embeddings",
        "/v1/moderations",
        "/v1/chat/moderations",
        "/v1/classifications",
        "/v1/chat/classifications",
    }
)
BY_TOKENS = _NO_OUTPUT | {"/v1/chat/completions", "/v1/fim/completions", "/v1/conversations"}
"""The endpoints whose requests tell beforehand what of them is paid for."""


def most_output(endpoint: str, body: Mapping[str, object]) -> int | None:
    """Return the most tokens that an answer can have; None where nothing bounds it.

    `body` may hold anything in place of a number: what is no number bounds nothing.
    """
    if endpoint in _NO_OUTPUT:
        return 0
    arguments = body.get("completion_args") if endpoint == "/v1/conversations" else body
    if not isinstance(arguments, Mapping):
        return None
    most, times = arguments.get("max_tokens"), arguments.get("n", 1)
    if not isinstance(most, int) or isinstance(most, bool):
        return None
    times = 1 if times is None else times
    return most * times if isinstance(times, int) and not isinstance(times, bool) else None
