"""The shape that completions share, and where an emulated one ends."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.tokens import count_tokens, cut

_CREATED_FROM = 1_700_000_000
_CREATED_SPAN = 31_536_000


def created(asked: Asked) -> int:
    """Return the Unix time at which the answer claims to be made: one of the request's own."""
    return _CREATED_FROM + int.from_bytes(asked.seed[:4], "big") % _CREATED_SPAN


def completion(asked: Asked, choices: list[object], prompt_tokens: int, completion_tokens: int) -> dict[str, object]:
    """Return the answer that holds these choices."""
    return {
        "id": asked.id,
        "object": "chat.completion",
        "created": created(asked),
        "model": asked.model,
        "choices": choices,
        "usage": usage(prompt_tokens, completion_tokens),
    }


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, object]:
    """Return what was used."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def cut_short(content: str, max_tokens: int | None, stops: Sequence[str]) -> tuple[str, int, str]:
    """Return the content up to the first stop and to so many tokens, its tokens, and why it ended."""
    if stops:
        ends = [at for stop in stops if (at := content.find(stop)) >= 0]
        content = content[: min(ends)] if ends else content
    tokens = count_tokens(content)
    if max_tokens is not None and tokens > max_tokens:
        return cut(content, max_tokens), max_tokens, "length"
    return content, tokens, "stop"
