"""Emulated conversations: one entry that echoes the last input and says what it is, or calls a function."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from batchspec.core.json_text import encode
from batchspec.emulator.answers import fields, sampling
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.completions import created, cut_short, usage
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.fields import Body
from batchspec.emulator.answers.messages import content_text
from batchspec.emulator.answers.structured import read_format, written
from batchspec.emulator.answers.tokens import count_tokens, prompt_tokens
from batchspec.emulator.answers.tools import call, tool_to_call

_RANGES = {"temperature": 1.0, "top_p": 1.0}
_NEEDED = {
    "message.input": {"role", "content"},
    "function.call": {"tool_call_id", "name", "arguments"},
    "function.result": {"tool_call_id", "result"},
    "tool.execution": {"name", "arguments"},
    "agent.handoff": {"previous_agent_id", "previous_agent_name", "next_agent_id", "next_agent_name"},
    "message.output": {"content"},
}
"""The kinds of entry and what each needs; one that does not say its kind is of the first that it has all of."""

_CHOICES = ("auto", "none", "any", "required")


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/conversations; raises AnswerError."""
    body = asked.body
    _check(body)
    arguments = fields.members(body, "completion_args") or {}
    sampling.check({name: value for name, value in arguments.items() if name not in _RANGES})
    for name, most in _RANGES.items():
        fields.number(arguments, name, 0, most)
    said = _inputs(asked, body.get("inputs"))
    tool = tool_to_call(body.get("tools"), fields.one_of(arguments, "tool_choice", _CHOICES))
    if tool is not None:
        made = call(tool, asked.draw)
        entry: dict[str, object] = {
            "type": "function.call", "tool_call_id": made.id, "name": made.name, "arguments": made.arguments,
        }  # fmt: skip
        tokens = count_tokens(made.arguments)
    else:
        content, tokens = _content(asked, arguments, said[-1])
        entry = {"type": "message.output", "role": "assistant", "content": content}
    known = sum(map(count_tokens, said)) + count_tokens(fields.text(body, "instructions") or "")
    time = datetime.fromtimestamp(created(asked), UTC).isoformat().replace("+00:00", "Z")
    common = {"object": "entry", "id": f"msg_{asked.id}", "model": asked.model, "agent_id": None}
    return {
        "object": "conversation.response",
        "conversation_id": f"conv_{asked.id}",
        "outputs": [{**common, "created_at": time, "completed_at": time, **entry}],
        "usage": {
            **usage(prompt_tokens("/v1/conversations", body, known), tokens),
            "connector_tokens": None,
            "connectors": None,
        },
        "guardrails": None,
    }


def _check(body: Body) -> None:
    sampling.check({name: body[name] for name in ("stream", "guardrails", "metadata") if name in body})
    fields.flag(body, "store")
    for name in ("instructions", "name", "description", "agent_id", "model"):
        fields.text(body, name)
    fields.one_of(body, "handoff_execution", ("client", "server"))
    version = body.get("agent_version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int | str)):
        raise AnswerError("`agent_version` must be a text or a whole number")


def _content(asked: Asked, arguments: Body, last: str) -> tuple[str, int]:
    form = read_format(arguments)
    stops = fields.stops(arguments) if form.kind == "text" else []
    if form.kind == "json_schema":
        told = written(form.schema, asked.draw)
    elif form.kind == "json_object":
        told = encode({"emulated": True, "model": asked.model, "text": last}).decode()
    else:
        told = f"[emulated {asked.model}] {last}"
    content, tokens, _ = cut_short(told, fields.whole(arguments, "max_tokens"), stops)
    return content, tokens


def _inputs(asked: Asked, inputs: object) -> list[str]:
    """Return the text of every entry, the last being the one to answer."""
    if isinstance(inputs, str):
        return [inputs]
    if not isinstance(inputs, list) or not inputs:
        raise AnswerError("`inputs` must be a text, or a list of entries that is not empty")
    return [_entry(asked, entry) for entry in inputs]


def _entry(asked: Asked, entry: object) -> str:
    if not isinstance(entry, dict):
        raise AnswerError("every entry of `inputs` must be an object")
    kind = entry.get("type") or next((kind for kind, names in _NEEDED.items() if names <= entry.keys()), None)
    if not isinstance(kind, str) or kind not in _NEEDED:
        raise AnswerError(f"the `type` of an entry must be one of {', '.join(_NEEDED)}")
    return _message(asked, entry) if kind.startswith("message.") else _said(entry, kind)


def _message(asked: Asked, entry: Mapping[str, object]) -> str:
    role = entry.get("role", "assistant")
    if role not in {"user", "assistant"} or entry.get("content") is None:
        raise AnswerError("a message of `inputs` must have a `role`, user or assistant, and `content`")
    return content_text(asked, entry["content"], str(role))


def _said(entry: Mapping[str, object], kind: str) -> str:
    """Return what an entry of a tool says: the text of the last field that it needs."""
    needed = sorted(_NEEDED[kind], key=lambda name: name in {"arguments", "result"})
    found = [entry.get(name) for name in needed]
    if not all(isinstance(value, str | dict) for value in found):
        raise AnswerError(f"an entry of type {kind} must have {', '.join(needed)}")
    return found[-1] if isinstance(found[-1], str) else encode(found[-1]).decode()
