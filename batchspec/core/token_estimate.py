"""The tokens of a request by a plain rule, for where no tokeniser is at hand: an estimate, and always called one.

The rule: a token for every four bytes of UTF-8 begun, and two more for every message or text. It is also the
emulator's own count of what it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from batchspec.core.json_text import encode

_BYTES = 4
_FRAME = 2

Body = Mapping[str, object]


class _UncountableError(Exception):
    """A part whose tokens no text tells: an image, a document, sound."""


def text_tokens(text: str) -> int:
    """Return the tokens of a text."""
    return (len(text.encode("utf-8", "replace")) + _BYTES - 1) // _BYTES


def estimate_input(endpoint: str, body: Body) -> int | None:
    """Return the tokens of a request; None where it holds what no text tells the tokens of, or what is no request."""
    rule = _RULES.get(endpoint)
    try:
        return None if rule is None else rule(body)
    except (_UncountableError, ValueError):
        return None


def _chat(body: Body) -> int:
    return _messages(body.get("messages")) + _tools(body)


def _fim(body: Body) -> int:
    return _texts(body.get(name) for name in ("prompt", "suffix") if body.get(name))


def _input(body: Body) -> int:
    given = body.get("input", body.get("inputs"))
    return _texts(given if isinstance(given, list) else [given])


def _conversations_judged(body: Body) -> int:
    given = body.get("input")
    if isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, list):
        raise _UncountableError
    talks = [each["messages"] if isinstance(each, Mapping) and "messages" in each else each for each in given]
    return sum(map(_messages, talks)) if all(isinstance(talk, list) for talk in talks) else _messages(talks)


def _conversation(body: Body) -> int:
    given = body.get("inputs")
    said = _texts([given]) if isinstance(given, str) else _messages(given)
    return said + (_texts([body["instructions"]]) if body.get("instructions") else 0) + _tools(body)


def _messages(messages: object) -> int:
    if not isinstance(messages, list):
        raise _UncountableError
    return sum(_FRAME + _message(message) for message in messages)


def _message(message: object) -> int:
    if not isinstance(message, Mapping):
        raise _UncountableError
    said = _content(message.get("content"))
    others = (message[key] for key in ("tool_calls", "arguments", "result") if message.get(key))
    return said + sum(text_tokens(each if isinstance(each, str) else encode(each).decode()) for each in others)


def _content(content: object) -> int:
    if content is None:
        return 0
    if isinstance(content, str):
        return text_tokens(content)
    if not isinstance(content, list):
        raise _UncountableError
    return sum(map(_chunk, content))


def _chunk(chunk: object) -> int:
    if not isinstance(chunk, Mapping):
        raise _UncountableError
    text, thinking = chunk.get("text"), chunk.get("thinking")
    if isinstance(text, str):
        return text_tokens(text)
    if thinking is None:
        raise _UncountableError
    return _content(thinking)


def _tools(body: Body) -> int:
    return text_tokens(encode(body["tools"]).decode()) if body.get("tools") else 0


def _texts(texts: Iterable[object]) -> int:
    tokens = 0
    for text in texts:
        if not isinstance(text, str):
            raise _UncountableError
        tokens += _FRAME + text_tokens(text)
    return tokens


_RULES: dict[str, Callable[[Body], int]] = {
    "/v1/chat/completions": _chat,
    "/v1/fim/completions": _fim,
    "/v1/embeddings": _input,
    "/v1/moderations": _input,
    "/v1/classifications": _input,
    "/v1/chat/moderations": _conversations_judged,
    "/v1/chat/classifications": _conversations_judged,
    "/v1/conversations": _conversation,
}
