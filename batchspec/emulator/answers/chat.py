"""Emulated chat completions: an echo of the last user message that says what it is, or JSON, or a call of a tool."""

from __future__ import annotations

from typing import NamedTuple

from batchspec.core.json_text import encode
from batchspec.emulator.answers import fields, sampling
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.completions import completion, cut_short
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.messages import conversation
from batchspec.emulator.answers.structured import Format, read_format, written
from batchspec.emulator.answers.tokens import count_tokens, prompt_tokens
from batchspec.emulator.answers.tools import FunctionTool, call, tool_to_call

_MOST_CHOICES = 128


class _Limits(NamedTuple):
    """Where a content ends: after so many tokens, and before any of these texts."""

    max_tokens: int | None
    stops: list[str]


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/chat/completions; raises AnswerError."""
    body = asked.body
    sampling.check(body)
    said = conversation(asked, body.get("messages"))
    _check_order(body["messages"])
    form = read_format(body)
    count = fields.whole(body, "n", 1, _MOST_CHOICES) or 1
    limits = _Limits(fields.whole(body, "max_tokens"), fields.stops(body) if form.kind == "text" else [])
    tool = tool_to_call(body.get("tools"), body.get("tool_choice"))
    choices: list[object] = []
    tokens = 0
    for index in range(count):
        draw = asked.draw + index
        if tool is not None:
            choice, used = _call(tool, index, draw)
        else:
            nth = f", choice {index + 1}" if count > 1 else ""
            choice, used = _content(_told(asked, form, said.last, index, nth), index, limits)
        choices.append(choice)
        tokens += used
    return completion(asked, choices, prompt_tokens("/v1/chat/completions", body, said.tokens), tokens)


def _call(tool: FunctionTool, index: int, draw: int) -> tuple[dict[str, object], int]:
    made = call(tool, draw)
    function = {"name": made.name, "arguments": made.arguments}
    calls = [{"id": made.id, "type": "function", "function": function, "index": 0}]
    message = {"role": "assistant", "content": "", "tool_calls": calls}
    return {"index": index, "message": message, "finish_reason": "tool_calls"}, count_tokens(made.arguments)


def _content(told: str, index: int, limits: _Limits) -> tuple[dict[str, object], int]:
    content, tokens, finish_reason = cut_short(told, limits.max_tokens, limits.stops)
    message = {"role": "assistant", "content": content, "tool_calls": None}
    return {"index": index, "message": message, "finish_reason": finish_reason}, tokens


def _told(asked: Asked, form: Format, last: str, index: int, nth: str) -> str:
    if form.kind == "json_schema":
        return written(form.schema, asked.draw + index)
    if form.kind == "json_object":
        return encode({"emulated": True, "model": asked.model, "choice": index, "text": last}).decode()
    return f"[emulated {asked.model}{nth}] {last}"


def _check_order(messages: object) -> None:
    """Refuse a conversation that leaves nothing to answer."""
    last = messages[-1] if isinstance(messages, list) else {}
    role = last["role"]
    if role in {"system", "developer"} or (role == "assistant" and not last.get("prefix")):
        raise AnswerError(
            f"Expected last role User or Tool (or Assistant with prefix True) for serving but got {role}",
            kind="invalid_request_message_order",
            code="3230",
        )
