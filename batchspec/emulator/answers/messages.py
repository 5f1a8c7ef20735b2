"""Chat messages and their chunks read into text: what an echo says of each, and how many tokens that is.

A chunk that is no text is mentioned by its kind and by what it points at; nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.tokens import count_tokens

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_MAY_BE_EMPTY = frozenset({"user", "assistant", "tool"})
_LONGEST_ADDRESS = 80


class Conversation(NamedTuple):
    """What was said: the tokens of all of it, the text of the user's last message, and of each message."""

    tokens: int
    last: str
    texts: list[str]


def conversation(asked: Asked, messages: object, *, name: str = "messages") -> Conversation:
    """Read a list of messages. Raises AnswerError."""
    if not isinstance(messages, list) or not messages:
        raise AnswerError(f"`{name}` must be a list of messages that is not empty")
    tokens = 0
    last = ""
    texts: list[str] = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise AnswerError("every message must be an object whose `role` is system, user, assistant or tool")
        said = content_text(asked, message.get("content"), role)
        tokens += count_tokens(said)
        texts.append(said)
        if role == "user":
            last = said
    return Conversation(tokens, last, texts)


def content_text(asked: Asked, content: object, role: str) -> str:
    """Return the text of a message's content, its chunks joined by newlines. Raises AnswerError."""
    if isinstance(content, str):
        return content
    if content is None and role in _MAY_BE_EMPTY:
        return ""
    if not isinstance(content, list):
        raise AnswerError(f"the `content` of a {role} message must be a text or a list of chunks")
    return "\n".join(said for chunk in content if (said := _chunk_text(asked, chunk, role)))


def address_text(address: str) -> str:
    """Return what is said of a URL: itself, or of one that holds its data or is long, no more than its beginning."""
    if address.startswith("data:"):
        head, _, data = address.partition(",")
        return f"{head[:_LONGEST_ADDRESS]}, {len(data)} characters"
    return address if len(address) <= _LONGEST_ADDRESS else f"{address[:_LONGEST_ADDRESS]}…"


def _chunk_text(asked: Asked, chunk: object, role: str) -> str:
    if not isinstance(chunk, dict):
        raise AnswerError(f"every chunk in the `content` of a {role} message must be an object")
    kind = chunk.get("type")
    if kind is None:
        kind = next((name for name in _CHUNKS if name in chunk), None)
    reader = _CHUNKS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise AnswerError(f"the `type` of a chunk must be one of {', '.join(_CHUNKS)}")
    return reader(asked, chunk)


Chunk = Mapping[str, object]


def _text(asked: Asked, chunk: Chunk) -> str:  # noqa: ARG001 - every chunk's reader takes both
    return _needed(chunk, "text")


def _image(asked: Asked, chunk: Chunk) -> str:  # noqa: ARG001
    return f"[image_url {image_address(chunk)}]"


def image_address(chunk: Chunk) -> str:
    """Return what is said of an `image_url` chunk's address. Raises AnswerError."""
    given = chunk.get("image_url")
    return address_text(_needed(given, "url") if isinstance(given, dict) else _needed(chunk, "image_url"))


def _document(asked: Asked, chunk: Chunk) -> str:  # noqa: ARG001
    name = chunk.get("document_name")
    address = address_text(_needed(chunk, "document_url"))
    return f"[document_url {name or address}]"


def _file(asked: Asked, chunk: Chunk) -> str:
    found = asked.attachment(_needed(chunk, "file_id"))
    return f"[file {found.filename}, {found.size} bytes]"


def _audio(asked: Asked, chunk: Chunk) -> str:  # noqa: ARG001
    given = chunk.get("input_audio")
    data = _needed(given, "data") if isinstance(given, dict) else _needed(chunk, "input_audio")
    told = address_text(data) if "://" in data[:12] or data.startswith("data:") else f"{len(data)} characters"
    return f"[input_audio {told}]"


def _listed(name: str) -> Callable[[Asked, Chunk], str]:
    def read(asked: Asked, chunk: Chunk) -> str:  # noqa: ARG001
        if not isinstance(chunk.get(name), list):
            raise AnswerError(f"a chunk's `{name}` must be a list")
        return ""

    return read


def _tool_file(asked: Asked, chunk: Chunk) -> str:  # noqa: ARG001 - another tool's file, which nobody has here
    return f"[tool_file {_needed(chunk, 'file_id')}]"


def _tool_reference(asked: Asked, chunk: Chunk) -> str:  # noqa: ARG001
    return f"[tool_reference {_needed(chunk, 'title')}]"


def _needed(chunk: Chunk, name: str) -> str:
    given = chunk.get(name)
    if not isinstance(given, str):
        raise AnswerError(f"a chunk's `{name}` must be a text")
    return given


_CHUNKS: dict[str, Callable[[Asked, Chunk], str]] = {
    "text": _text,
    "image_url": _image,
    "document_url": _document,
    "file": _file,
    "input_audio": _audio,
    "thinking": _listed("thinking"),
    "reference": _listed("reference_ids"),
    "tool_file": _tool_file,
    "tool_reference": _tool_reference,
}
