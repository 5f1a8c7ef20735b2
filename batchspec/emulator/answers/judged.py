"""The `input` of the endpoints that judge whole conversations: one of them, or a list of them."""

from __future__ import annotations

from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.messages import Conversation, conversation


def conversations(asked: Asked, given: object) -> list[Conversation]:
    """Read a list of messages, or a list of such lists. Raises AnswerError."""
    if not isinstance(given, list) or not given:
        raise AnswerError("`input` must be a list of messages, or a list of such lists, and not empty")
    if all(isinstance(part, list) for part in given):
        return [conversation(asked, part, name="input") for part in given]
    return [conversation(asked, given, name="input")]


def instructed(asked: Asked, given: object) -> list[Conversation]:
    """Read an object with `messages`, or a list of such objects. Raises AnswerError."""
    parts = given if isinstance(given, list) else [given]
    objects = [part for part in parts if isinstance(part, dict)]
    if not parts or len(objects) < len(parts):
        raise AnswerError("`input` must be an object with `messages`, or a list of such objects that is not empty")
    return [conversation(asked, part.get("messages"), name="input.messages") for part in objects]
