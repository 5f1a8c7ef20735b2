"""Turns a spec's `prompt` into the keys of the body that its endpoint wants, and says where it cannot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from batchspec.core.canonical import Pointer
from batchspec.core.endpoints import Endpoint
from batchspec.core.prompt_forms import ROLES, PromptForm


class SpecReader(Protocol):
    """What reads the values of a spec, and reports what is wrong with them."""

    def resolve(self, node: object, pointer: Pointer, target: Pointer) -> object:
        """Return a value with its files read and its templates marked; `target` is where it goes in the body."""
        ...

    def made_from(self, target: Pointer, pointer: Pointer) -> None:
        """Remember that a place of the body was made from a place of the spec."""
        ...

    def report(
        self,
        pointer: Pointer,
        code: str,
        summary: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        on_key: bool = False,
    ) -> None:
        """Report a fault at a place of the spec."""
        ...


def prompt_fields(
    prompt: Mapping[str, object], by_role: bool, endpoint: Endpoint, taken: Collection[str], reader: SpecReader
) -> dict[str, object]:
    """Return the keys of the body that a prompt fills in; none where it was reported as impossible.

    `prompt` holds a text for each role; without `by_role` the spec gave it as one text, which is the user's.
    `taken` are the keys that the body has already.
    """
    form = endpoint.prompt
    if form is None:
        reader.report(
            ("prompt",),
            "prompt-endpoint",
            f"{endpoint.path} takes no `prompt`",
            hint=f"write what it is about as `{endpoint.written_as}`",
            on_key=True,
        )
        return {}
    roles = [role for role in ROLES if role in prompt]
    unplaced = _report_unplaced(roles, form, endpoint, reader)
    targets = form.targets(roles)
    if unplaced or _report_taken(targets, taken, reader):
        return {}
    texts = {}
    for role in roles:
        target, place = targets[role], ("prompt", role) if by_role else ("prompt",)
        reader.made_from(target[:1], ("prompt",))
        if target[-1] == "content":
            reader.made_from(target[:-1], place)
        reader.made_from(target, place)
        texts[role] = reader.resolve(prompt[role], place, target)
    return form.fields(texts)


def _report_unplaced(roles: Collection[str], form: PromptForm, endpoint: Endpoint, reader: SpecReader) -> bool:
    unplaced = [role for role in roles if role not in form.roles]
    for role in unplaced:
        reader.report(
            ("prompt", role),
            "prompt-endpoint",
            f"{endpoint.path} has no {role} message",
            detail="its `prompt` is one text",
            hint="give `prompt` a text instead of roles",
            on_key=True,
        )
    return bool(unplaced)


def _report_taken(targets: Mapping[str, Pointer], taken: Collection[str], reader: SpecReader) -> bool:
    keys = [key for key in dict.fromkeys(str(target[0]) for target in targets.values()) if key in taken]
    for key in keys:
        reader.report(
            ("prompt",),
            "two-prompts",
            f"`prompt` and `body.{key}` are both given",
            detail=f"`prompt` is a short way to write `body.{key}`",
            hint="keep one of them",
            on_key=True,
        )
    return bool(keys)
