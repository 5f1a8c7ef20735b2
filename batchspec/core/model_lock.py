"""The lock: which dated model each alias stands for in a project, and what a spec is under it. Values, no file.

A request goes to the pinned model and is known by it, so that moving a pin makes other requests of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from batchspec.core.canonical import Pointer
from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import InvalidInputError
from batchspec.core.model_cards import is_fixed
from batchspec.core.spec import Spec

LOCK_FILE = "batchspec.lock"
"""Where the lock lies, relative to the project's root."""


class Pin(NamedTuple):
    """The dated model that an alias stands for; when it is deprecated (YYYY-MM-DD) and by what replaced, if told."""

    model: str
    deprecation: str | None = None
    replacement: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLock:
    """The pins by alias, and the names for which the provider told no dated model when they were looked up."""

    pins: Mapping[str, Pin] = field(default_factory=dict)
    unpinned: frozenset[str] = frozenset()

    def sent(self, asked: str) -> str:
        """Return the model that a name is sent as."""
        pin = self.pins.get(asked)
        return asked if pin is None else pin.model

    def missing(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the names that could be pinned and that the lock does not know, each once, sorted."""
        return tuple(
            sorted({name for name in names if not is_fixed(name)} - self.pins.keys() - self.unpinned),
        )


def pinned(spec: Spec, lock: ModelLock) -> Spec:
    """Return a spec whose models are those that the lock pins them to; it keeps what they were asked for as.

    Raises InvalidInputError where two of its models are the same one then: each of them would have the other's answers.
    """
    asked: dict[str, str] = {}
    for index, name in enumerate(spec.models):
        model = lock.sent(name)
        if model in asked:
            raise InvalidInputError(
                f"{spec.path} names a model twice", [_same_model(spec, index, asked[model], name, model)]
            )
        asked[model] = name
    pins = {model: name for model, name in asked.items() if model != name}
    return replace(spec, models=tuple(asked), pins=pins) if pins else spec


def _same_model(spec: Spec, index: int, first: str, second: str, model: str) -> Diagnostic:
    pointer: Pointer = ("models", index)
    place = next(at for at in (pointer, pointer[:1], ()) if spec.document.has(at))
    return spec.document.diagnostic(
        place,
        "same-model",
        f"`{first}` and `{second}` are the same model",
        detail=f"{LOCK_FILE} pins to `{model}`, and every request would be sent for both",
        hint="leave one of them out, or move the pin by `batchspec lock --upgrade`",
    )
