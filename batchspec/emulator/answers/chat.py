"""Emulated chat completions: an echo of the last user message that says what it is, or JSON, or a call of a tool."""

from __future__ import annotations

from dataclasses import dataclass

from batchspec.core.json_text import encode
from batchspec.emulator.answers import fields, sampling
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.completions import completion, cut_short
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.messages import conversation
from batchspec.emulator.answers.structured import Format, read_format, written
from batchspec.emulator.answers.tokens import count_tokens
from batchspec.emulator.answers.tools import FunctionTool, call, tool_to_call

_MOST_CHOICES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What of a body counts for its answer."""

    model: str
    prompt_tokens: int
    text: str
    choices: int
    max_tokens: int | None
    stops: list[str]
    format: Format
    tool: FunctionTool | None


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/chat/completions; raises AnswerError."""
    request = _read(asked)
    choices: list[object] = []
    completion_tokens = 0
    for index in range(request.choices):
        choice, tokens = _choice(request, index, asked.draw + index)
        choices.append(choice)
        completion_tokens += tokens
    return completion(asked, choices, request.prompt_tokens, completion_tokens)


def _choice(request: _Request, index: int, draw: int) -> tuple[dict[str, object], int]:
    if request.tool is not None:
        made = call(request.tool, draw)
        function = {"name": made.name, "arguments": made.arguments}
        calls = [{"id": made.id, "type": "function", "function": function, "index": 0}]
        message: dict[str, object] = {"role": "assistant", "content": "", "tool_calls": calls}
        return {"index": index, "message": message, "finish_reason": "tool_calls"}, count_tokens(made.arguments)
    content, tokens, finish_reason = cut_short(_content(request, index, draw), request.max_tokens, request.stops)
    message = {"role": "assistant", "content": content, "tool_calls": None}
    return {"index": index, "message": message, "finish_reason": finish_reason}, tokens


def _content(request: _Request, index: int, draw: int) -> str:
    if request.format.kind == "json_schema":
        return written(request.format.schema, draw)
    if request.format.kind == "json_object":
        return encode({"emulated": True, "model": request.model, "choice": index, "text": request.text}).decode()
    nth = f", choice {index + 1}" if request.choices > 1 else ""
    return f"[emulated {request.model}{nth}] {request.text}"


def _read(asked: Asked) -> _Request:
    body = asked.body
    sampling.check(body)
    said = conversation(asked, body.get("messages"))
    _check_order(body["messages"])
    form = read_format(body)
    return _Request(
        model=asked.model,
        prompt_tokens=said.tokens,
        text=said.last,
        choices=fields.whole(body, "n", 1, _MOST_CHOICES) or 1,
        max_tokens=fields.whole(body, "max_tokens"),
        stops=fields.stops(body) if form.kind == "text" else [],
        format=form,
        tool=tool_to_call(body.get("tools"), body.get("tool_choice")),
    )


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
