"""What batchspec knows of each endpoint: its body schema, what `prompt` fills in, where an answer's text is.

The one place for it. It holds no schema itself, and reads none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from batchspec.core import answer_text as texts
from batchspec.core.prompt_forms import CHAT_MESSAGES, ENTRIES, PLAIN_TEXT, PromptForm, messages_at

_Text = Callable[[Mapping[object, object]], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint: `schema` is a file of `schemas/`; `prompt` is None where none is taken; `text` reads an answer.

    `written_as` says where a text belongs that somebody has written as `prompt` though it is none.
    """

    path: str
    schema: str
    text: _Text
    prompt: PromptForm | None = None
    written_as: str = "body"

    def hint_for_missing(self, key: str) -> str:
        """Return what to write where a body lacks a key that the endpoint requires."""
        below = f"`{key}:` under `body:`"
        filled = self.prompt is not None and key in self.prompt.fields({"user": ""})
        return f"write a `prompt:`, or {below}" if filled else f"write {below}"

    def answer_text(self, body: object) -> str | None:
        """Return the text of a response body; None where it has none."""
        return self.text(body) if isinstance(body, dict) else None


_ALL = (
    Endpoint(
        path="/v1/chat/completions",
        schema="chat-completions.schema.json",
        prompt=CHAT_MESSAGES,
        text=texts.first_choice,
    ),
    Endpoint(
        path="/v1/embeddings",
        schema="embeddings.schema.json",
        written_as="body.input",
        text=texts.no_text,
    ),
    Endpoint(
        path="/v1/fim/completions",
        schema="fim-completions.schema.json",
        prompt=PLAIN_TEXT,
        text=texts.first_choice,
    ),
    Endpoint(
        path="/v1/moderations",
        schema="moderations.schema.json",
        written_as="body.input",
        text=texts.top_category,
    ),
    Endpoint(
        path="/v1/chat/moderations",
        schema="chat-moderations.schema.json",
        prompt=messages_at("input"),
        text=texts.top_category,
    ),
    Endpoint(
        path="/v1/ocr",
        schema="ocr.schema.json",
        written_as="body.document",
        text=texts.page_markdown,
    ),
    Endpoint(
        path="/v1/classifications",
        schema="classifications.schema.json",
        written_as="body.input",
        text=texts.top_labels,
    ),
    Endpoint(
        path="/v1/chat/classifications",
        schema="chat-classifications.schema.json",
        prompt=messages_at("input", "messages"),
        text=texts.top_labels,
    ),
    Endpoint(
        path="/v1/conversations",
        schema="conversations.schema.json",
        prompt=ENTRIES,
        text=texts.messages_out,
    ),
    Endpoint(
        path="/v1/audio/transcriptions",
        schema="transcriptions.schema.json",
        written_as="body.file_url",
        text=texts.transcript,
    ),
)

_BY_PATH = {endpoint.path: endpoint for endpoint in _ALL}


def endpoint_at(path: str) -> Endpoint:
    """Return the endpoint of a path of `core.model.ENDPOINTS`. Raises KeyError for any other."""
    return _BY_PATH[path]
