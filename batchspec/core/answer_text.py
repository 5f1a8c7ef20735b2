"""The text that an answer holds, drawn from a response body in the way that fits its endpoint.

Bodies are the provider's: whatever does not have the documented shape gives no text, and never an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

BETWEEN_PARTS = "\n\n"
"""What stands between the pages of a document and between the messages of a conversation: a blank line."""

_Object = Mapping[object, object]


def no_text(body: _Object) -> str | None:  # noqa: ARG001 - one signature for all endpoints
    """Return None: numbers are no text (embeddings)."""
    return None


def first_choice(body: _Object) -> str | None:
    """Return the content of the first choice's message, its text chunks joined (chat and fim completions)."""
    for choice in _objects(body.get("choices")):
        message = choice.get("message")
        return _content(message.get("content")) if isinstance(message, dict) else None
    return None


def top_category(body: _Object) -> str | None:
    """Return the name of the first result's category with the highest score (moderations)."""
    for result in _objects(body.get("results")):
        return _highest(result.get("category_scores"))
    return None


def top_labels(body: _Object) -> str | None:
    """Return the first result's best label (classifications); of several targets each as `target: label`."""
    for result in _objects(body.get("results")):
        labels = {
            target: label
            for target, judged in result.items()
            if isinstance(judged, dict) and (label := _highest(judged.get("scores"))) is not None
        }
        if len(labels) == 1:
            return next(iter(labels.values()))
        return ", ".join(f"{target}: {label}" for target, label in labels.items()) or None
    return None


def page_markdown(body: _Object) -> str | None:
    """Return the pages' Markdown in their order, a blank line between two (OCR)."""
    pages = [page.get("markdown") for page in _objects(body.get("pages"))]
    return _together(page for page in pages if isinstance(page, str))


def transcript(body: _Object) -> str | None:
    """Return the spoken words (transcriptions)."""
    text = body.get("text")
    return text if isinstance(text, str) else None


def messages_out(body: _Object) -> str | None:
    """Return what the model said: its messages, a blank line between two (conversations)."""
    entries = (entry for entry in _objects(body.get("outputs")) if entry.get("type", "message.output") == _MESSAGE)
    contents = (_content(entry.get("content")) for entry in entries)
    return _together(content for content in contents if content is not None)


_MESSAGE = "message.output"


def _content(content: object) -> str | None:
    """Return a message's text: a string, or its chunks of text put together; None for a message without."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = (chunk.get("text") for chunk in _objects(content) if chunk.get("type", "text") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _together(parts: Iterator[str]) -> str | None:
    listed = list(parts)
    return BETWEEN_PARTS.join(listed) if listed else None


def _highest(scores: object) -> str | None:
    """Return the name with the highest score; of equal ones the first in alphabetical order."""
    if not isinstance(scores, dict):
        return None
    ranked = [
        (-score, str(name))
        for name, score in scores.items()
        if isinstance(score, int | float) and not isinstance(score, bool)
    ]
    return min(ranked)[1] if ranked else None


def _objects(value: object) -> Iterator[_Object]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
