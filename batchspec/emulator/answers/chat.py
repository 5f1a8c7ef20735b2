"""Emulated chat completions: an echo of the last user message that says what it is, or JSON where JSON is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batchspec.core.json_text import encode
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.schema_documents import document
from batchspec.emulator.answers.tokens import count_tokens, cut

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_MOST_CHOICES = 128
_CREATED_FROM = 1_700_000_000
_CREATED_SPAN = 31_536_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What of a body counts for its answer; `format` is text, json_object or json_schema."""

    model: str
    prompt_tokens: int
    text: str
    choices: int
    max_tokens: int | None
    format: str
    schema: object
    tool: tuple[str, object] | None


def answer(model: str, body: Mapping[str, object], seed: bytes) -> dict[str, object]:
    """Answer /v1/chat/completions; raises AnswerError."""
    request = _read(model, body)
    choices: list[object] = []
    completion_tokens = 0
    for index in range(request.choices):
        choice, tokens = _choice(request, index, seed)
        choices.append(choice)
        completion_tokens += tokens
    return {
        "id": f"emulated-{seed.hex()[:24]}",
        "object": "chat.completion",
        "created": _CREATED_FROM + int.from_bytes(seed[:4], "big") % _CREATED_SPAN,
        "model": model,
        "choices": choices,
        "usage": {
            "prompt_tokens": request.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": request.prompt_tokens + completion_tokens,
        },
    }


def _choice(request: _Request, index: int, seed: bytes) -> tuple[dict[str, object], int]:
    draw = int.from_bytes(seed[8:16], "big") + index
    if request.tool is not None:
        name, schema = request.tool
        arguments = encode(document(schema, draw)).decode()
        call = {"id": f"{draw:09x}"[-9:], "type": "function", "function": {"name": name, "arguments": arguments}}
        message: dict[str, object] = {"role": "assistant", "content": "", "tool_calls": [{**call, "index": 0}]}
        return {"index": index, "message": message, "finish_reason": "tool_calls"}, count_tokens(arguments)
    content = _content(request, index, draw)
    tokens = count_tokens(content)
    finish_reason = "stop"
    if request.max_tokens is not None and tokens > request.max_tokens:
        content, tokens, finish_reason = cut(content, request.max_tokens), request.max_tokens, "length"
    message = {"role": "assistant", "content": content, "tool_calls": None}
    return {"index": index, "message": message, "finish_reason": finish_reason}, tokens


def _content(request: _Request, index: int, draw: int) -> str:
    if request.format == "json_schema":
        return encode(document(request.schema, draw)).decode()
    if request.format == "json_object":
        return encode({"emulated": True, "model": request.model, "choice": index, "text": request.text}).decode()
    nth = f", choice {index + 1}" if request.choices > 1 else ""
    return f"[emulated {request.model}{nth}] {request.text}"


def _read(model: str, body: Mapping[str, object]) -> _Request:
    if body.get("stream"):
        raise AnswerError("`stream` cannot be true in a batch")
    prompt_tokens, text = _messages(body.get("messages"))
    kind, schema = _response_format(body.get("response_format"))
    return _Request(
        model=model,
        prompt_tokens=prompt_tokens,
        text=text,
        choices=_whole(body, "n", 1, _MOST_CHOICES) or 1,
        max_tokens=_whole(body, "max_tokens", 0, None),
        format=kind,
        schema=schema,
        tool=_required_tool(body.get("tools"), body.get("tool_choice")),
    )


def _messages(messages: object) -> tuple[int, str]:
    """Return the tokens of all messages and the text of the user's last one."""
    if not isinstance(messages, list) or not messages:
        raise AnswerError("`messages` must be a list of messages that is not empty")
    tokens = 0
    last = ""
    role: object = None
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise AnswerError("every message must be an object whose `role` is system, user, assistant or tool")
        text = _text(message.get("content"), role)
        tokens += count_tokens(text)
        if role == "user":
            last = text
    if role == "system" or (role == "assistant" and not messages[-1].get("prefix")):
        raise AnswerError(
            f"Expected last role User or Tool (or Assistant with prefix True) for serving but got {role}",
            kind="invalid_request_message_order",
            code="3230",
        )
    return tokens, last


def _text(content: object, role: str) -> str:
    if isinstance(content, str):
        return content
    if content is None and role == "assistant":
        return ""
    if not isinstance(content, list):
        raise AnswerError(f"the `content` of a {role} message must be a text or a list of chunks")
    pieces: list[str] = []
    for chunk in content:
        if not isinstance(chunk, dict):
            raise AnswerError(f"every chunk in the `content` of a {role} message must be an object")
        if isinstance(chunk.get("text"), str):
            pieces.append(chunk["text"])
    return "\n".join(pieces)


def _response_format(given: object) -> tuple[str, object]:
    if given is None:
        return "text", None
    kind = given.get("type", "text") if isinstance(given, dict) else None
    if not isinstance(given, dict) or kind not in {"text", "json_object", "json_schema"}:
        raise AnswerError("`response_format.type` must be text, json_object or json_schema")
    if kind != "json_schema":
        return kind, None
    named = given.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        raise AnswerError("`response_format.json_schema.schema` must be an object, a JSON Schema")
    return kind, schema


def _required_tool(tools: object, choice: object) -> tuple[str, object] | None:
    """Return the name and the parameters of the tool that must be called, or None where none must."""
    functions = _functions(tools)
    wanted: object = None
    if isinstance(choice, dict):
        function = choice.get("function")
        wanted = function.get("name") if isinstance(function, dict) else None
    elif choice not in {"any", "required"}:
        return None
    for name, parameters in functions:
        if wanted in {None, name}:
            return name, parameters
    raise AnswerError("`tool_choice` asks for a tool that `tools` does not have")


def _functions(tools: object) -> Sequence[tuple[str, object]]:
    if tools is None:
        return ()
    if not isinstance(tools, list):
        raise AnswerError("`tools` must be a list")
    found: list[tuple[str, object]] = []
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            found.append((function["name"], function.get("parameters") or {"type": "object"}))
    return found


def _whole(body: Mapping[str, object], name: str, least: int, most: int | None) -> int | None:
    given = body.get(name)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < least or (most is not None and given > most):
        up_to = "" if most is None else f" and {most} at most"
        raise AnswerError(f"`{name}` must be a whole number, {least} at least{up_to}")
    return given
