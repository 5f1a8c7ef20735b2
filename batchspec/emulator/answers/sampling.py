"""What a body may ask of a completion and an echo has no use for: checked as the service checks it, then let be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from batchspec.emulator.answers import fields
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.fields import Body

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The OpenAPI document's, and `max`, which newer clients know."""


def _not_streamed(body: Body) -> None:
    if fields.flag(body, "stream"):
        raise AnswerError("`stream` cannot be true in a batch")


def _penalty(body: Body, name: str) -> object:
    return fields.number(body, name, -2, 2)


_CHECKS: dict[str, Callable[[Body], object]] = {
    "stream": _not_streamed,
    "temperature": lambda body: fields.number(body, "temperature", 0, 1.5),
    "top_p": lambda body: fields.number(body, "top_p", 0, 1, above=True),
    "random_seed": lambda body: fields.whole(body, "random_seed"),
    "min_tokens": lambda body: fields.whole(body, "min_tokens"),
    "metadata": lambda body: fields.members(body, "metadata"),
    "presence_penalty": partial(_penalty, name="presence_penalty"),
    "frequency_penalty": partial(_penalty, name="frequency_penalty"),
    "prediction": lambda body: fields.members(body, "prediction"),
    "parallel_tool_calls": lambda body: fields.flag(body, "parallel_tool_calls"),
    "safe_prompt": lambda body: fields.flag(body, "safe_prompt"),
    "reasoning_effort": lambda body: fields.one_of(body, "reasoning_effort", EFFORTS),
    "prompt_mode": lambda body: fields.one_of(body, "prompt_mode", ("reasoning",)),
    "service_tier": lambda body: fields.one_of(body, "service_tier", ("auto", "standard_only")),
    "guardrails": lambda body: fields.items(body, "guardrails"),
    "prompt_cache_key": lambda body: fields.text(body, "prompt_cache_key"),
}


def check(body: Body) -> None:
    """Check every field of the kind that the body has. Raises AnswerError."""
    for name in body:
        if name in _CHECKS:
            _CHECKS[name](body)
