"""How `prompt` becomes a part of the body: which keys it fills in, and where in them each of its texts goes.

It knows nothing of templates: a text may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from batchspec.core.canonical import Pointer

ROLES = ("system", "user", "assistant")
"""The roles that a prompt may have, in the order in which their messages stand."""


class PromptForm(Protocol):
    """The form that a prompt takes in the bodies of an endpoint. A prompt that is one text has the role `user`."""

    @property
    def roles(self) -> Sequence[str]:
        """The roles that it has a place for."""
        ...

    def targets(self, roles: Sequence[str]) -> Mapping[str, Pointer]:
        """Return the place in the body of each role's text; its first step is a key that the prompt fills in."""
        ...

    def fields(self, texts: Mapping[str, object]) -> dict[str, object]:
        """Return the keys of the body, with every role's text in its place."""
        ...


class Messages:
    """A list of messages, each with its role, at a place of the body.

    With `prefix`, the assistant's message is the beginning of the answer: the API takes it as the last one only so.
    """

    roles = ROLES

    def __init__(self, place: tuple[str, ...], *, prefix: bool = False) -> None:
        self._place = place
        self._prefix = prefix

    def targets(self, roles: Sequence[str]) -> Mapping[str, Pointer]:
        """Return where each role's content goes: in the message of its turn."""
        return {role: (*self._place, index, "content") for index, role in enumerate(roles)}

    def fields(self, texts: Mapping[str, object]) -> dict[str, object]:
        """Return the messages under their key."""
        messages: object = [_message(role, text, prefix=self._prefix) for role, text in texts.items()]
        for key in reversed(self._place[1:]):
            messages = {key: messages}
        return {self._place[0]: messages}


class Entries:
    """A conversation: `instructions` for the system's text, `inputs` for the rest, which is text where it is one."""

    roles = ROLES

    def targets(self, roles: Sequence[str]) -> Mapping[str, Pointer]:
        """Return where each role's text goes."""
        said = [role for role in roles if role != "system"]
        targets: dict[str, Pointer] = {"system": ("instructions",)} if "system" in roles else {}
        if said == ["user"]:
            return targets | {"user": ("inputs",)}
        return targets | {role: ("inputs", index, "content") for index, role in enumerate(said)}

    def fields(self, texts: Mapping[str, object]) -> dict[str, object]:
        """Return `instructions` and `inputs`, each where there is something for it."""
        fields: dict[str, object] = {"instructions": texts["system"]} if "system" in texts else {}
        said = {role: text for role, text in texts.items() if role != "system"}
        if list(said) == ["user"]:
            fields["inputs"] = said["user"]
        elif said:
            entries = [_message(role, text, prefix=True) for role, text in said.items()]
            fields["inputs"] = [{"type": "message.input", **entry} for entry in entries]
        return fields


class PlainText:
    """One text under a key of its own."""

    roles = ("user",)

    def __init__(self, key: str) -> None:
        self._key = key

    def targets(self, roles: Sequence[str]) -> Mapping[str, Pointer]:
        """Return the key for the one text."""
        return dict.fromkeys(roles, (self._key,))

    def fields(self, texts: Mapping[str, object]) -> dict[str, object]:
        """Return the text under its key."""
        return {self._key: texts["user"]}


def _message(role: str, text: object, *, prefix: bool) -> dict[str, object]:
    message: dict[str, object] = {"role": role, "content": text}
    if prefix and role == "assistant":
        message["prefix"] = True
    return message


def messages_at(*place: str) -> PromptForm:
    """Return the form of messages that are judged, not answered, at this place of the body."""
    return Messages(place)


CHAT_MESSAGES: PromptForm = Messages(("messages",), prefix=True)
"""The messages of a chat completion."""

ENTRIES: PromptForm = Entries()
"""The inputs and instructions of a conversation."""

PLAIN_TEXT: PromptForm = PlainText("prompt")
"""The code before the gap, of a fim completion."""
