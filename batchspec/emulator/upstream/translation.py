"""What a line is on the upstream server, and what the server's answer is in a result line. No connection in here.

Bodies go as they are written, with the job's model in them. Fill-in-the-middle alone has two forms: the API's own, and
the older text completion with a suffix, which servers of local models know.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.core.json_text import JsonError, encode, parse
from batchspec.emulator.answers.errors import AnswerError, error_object
from batchspec.emulator.upstream.sending import Reply

FIM = "/v1/fim/completions"
COMPLETIONS = "/v1/completions"
NOT_ASKED_FOR = frozenset({"/v1/audio/transcriptions"})
"""Endpoints whose synchronous call takes no JSON: no upstream server is asked for them."""

_LONGEST_MESSAGE = 2_000
_COMPLETION_FIELDS = ("prompt", "suffix", "temperature", "top_p", "max_tokens", "min_tokens", "stop")


class UpstreamRefusalError(AnswerError):
    """A line that the upstream server refused; its body is the server's own where that is a JSON object."""

    def __init__(self, status: int, content: bytes, key: str | None) -> None:
        if key:
            # Some servers quote the key that they refuse.
            content = content.replace(key.encode(), b"***")
        try:
            told = parse(content)
        except JsonError:
            told = None
        self._told = told if isinstance(told, dict) else None
        text = content[:_LONGEST_MESSAGE].decode("utf-8", "replace").strip()
        super().__init__(
            text or f"the upstream server answered {status}", kind="upstream_error", code=str(status), status=status
        )

    def body(self) -> dict[str, object]:
        """Return the server's own words, or an error object that holds them."""
        return super().body() if self._told is None else self._told


def request_body(body: Mapping[str, object], model: str) -> bytes:
    """Return what is sent for a line. Raises AnswerError for a body that asks for a stream."""
    if body.get("stream"):
        raise AnswerError("`stream` cannot be true in a batch")
    return encode({**body, "model": model})


def completion_body(body: Mapping[str, object], model: str) -> bytes:
    """Return a fill-in-the-middle body as a text completion's."""
    asked = {name: body[name] for name in _COMPLETION_FIELDS if body.get(name) is not None}
    if body.get("random_seed") is not None:
        asked["seed"] = body["random_seed"]
    return encode({"model": model, **asked})


def answer_of(reply: Reply, key: str | None) -> dict[str, object]:
    """Return the body of a reply that is an answer. Raises AnswerError where it is none."""
    if 200 <= reply.status < 300:
        try:
            told = parse(reply.content)
        except JsonError:
            told = None
        if isinstance(told, dict):
            return told
        raise _unusable("what the upstream server answered is no JSON object: is its address right?")
    if 300 <= reply.status < 400:
        raise _unusable("the upstream server sends to another address: give that one")
    raise UpstreamRefusalError(reply.status, reply.content, key)


def no_answer(why: str, status: int) -> Reply:
    """Return what stands for an answer that never came."""
    told = error_object(
        f"the upstream server gave no answer: {why}", kind="upstream_error", code=str(status), status=status
    )
    return Reply(status, None, encode(told))


def from_completion(told: Mapping[str, object]) -> dict[str, object]:
    """Return a text completion as the answer of fill-in-the-middle that it stands for."""
    choices = told.get("choices")
    made: list[object] = []
    for index, choice in enumerate(choices if isinstance(choices, list) else ()):
        given: Mapping[str, object] = choice if isinstance(choice, dict) else {}
        message = {"role": "assistant", "content": given.get("text"), "tool_calls": None}
        made.append({"index": index, "message": message, "finish_reason": given.get("finish_reason") or "stop"})
    return {**told, "object": "chat.completion", "choices": made}


def _unusable(why: str) -> AnswerError:
    return AnswerError(why, kind="upstream_error", code="502", status=502)
