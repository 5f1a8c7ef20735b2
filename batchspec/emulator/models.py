"""The small list of models that the emulator shows, and may be told to change; its jobs take any name."""

from __future__ import annotations

from typing import NamedTuple

from batchspec.emulator.refusals import FieldFault, no_such

_CREATED = 1_735_689_600
_DATED = {
    "mistral-small-latest": ("mistral-small-2506", ("completion_chat", "function_calling", "vision")),
    "mistral-medium-latest": ("mistral-medium-2508", ("completion_chat", "function_calling", "vision")),
    "mistral-large-latest": ("mistral-large-2411", ("completion_chat", "function_calling")),
    "ministral-8b-latest": ("ministral-8b-2410", ("completion_chat", "function_calling")),
    "codestral-latest": ("codestral-2508", ("completion_chat", "completion_fim", "function_calling")),
    "mistral-embed": ("mistral-embed-2312", ()),
    "codestral-embed": ("codestral-embed-2505", ()),
    "mistral-moderation-latest": ("mistral-moderation-2411", ("classification", "moderation")),
    "mistral-ocr-latest": ("mistral-ocr-2505", ("ocr", "vision")),
    "voxtral-mini-latest": ("voxtral-mini-2507", ("audio", "audio_transcription")),
}
_CAPABILITIES = (
    "completion_chat", "function_calling", "completion_fim", "fine_tuning", "vision", "ocr", "classification",
    "moderation", "audio", "audio_transcription",
)  # fmt: skip


class Entry(NamedTuple):
    """What an alias stands for: a dated model, when it is deprecated (an RFC 3339 moment), and what replaces it."""

    model: str
    deprecation: str | None = None
    replacement: str | None = None


class ModelShelf:
    """The models as they are listed now. Safe for many threads: what is in force is replaced as a whole."""

    def __init__(self) -> None:
        self._entries = {alias: Entry(model=dated) for alias, (dated, _) in _DATED.items()}

    def listed(self) -> dict[str, object]:
        """Return the list, each model under its dated name and under its aliases, as the service does."""
        return {"object": "list", "data": list(self._cards().values())}

    def card(self, model_id: str) -> dict[str, object]:
        """Return one model's card. Raises Refusal (404)."""
        card = self._cards().get(model_id)
        if card is None:
            raise no_such("model")
        return card

    def _cards(self) -> dict[str, dict[str, object]]:
        cards: dict[str, dict[str, object]] = {}
        for name, entry in self._entries.items():
            names = sorted({other for other, each in self._entries.items() if each.model == entry.model})
            for listed in (entry.model, name):
                aliases = [other for other in {entry.model: None, **dict.fromkeys(names)} if other != listed]
                cards.setdefault(listed, _card(listed, name, entry, aliases))
        return cards

    def move(self, value: object) -> dict[str, object]:
        """Let aliases stand for what a JSON object says, and return what all stand for then. Raises FieldFault.

        A name that is not known yet is a new one; what is not named stays, and null takes a name away. A dated model
        that an alias leaves stays listed, and is itself named as standing for itself.
        """
        if not isinstance(value, dict):
            raise FieldFault(("body",), 'an object is expected, as in {"mistral-small-latest": {"model": "…"}}')
        entries = dict(self._entries)
        for alias, given in value.items():
            if given is None:
                entries.pop(alias, None)
            else:
                left = entries.get(alias)
                entries[alias] = _entry(alias, given)
                if left is not None:
                    entries.setdefault(left.model, Entry(model=left.model))
        self._entries = entries
        return self.shown()

    def shown(self) -> dict[str, object]:
        """Return what every alias stands for, in the form that `move` takes."""
        return {alias: entry._asdict() for alias, entry in self._entries.items()}


def _entry(alias: str, given: object) -> Entry:
    if not isinstance(given, dict) or not given.keys() <= set(Entry._fields):
        raise FieldFault(("body", alias), f"an object of {', '.join(Entry._fields)} is expected, or null")
    for name, text in given.items():
        if not isinstance(text, str) and (text is not None or name == "model"):
            raise FieldFault(("body", alias, name), "a string is expected")
    if "model" not in given:
        raise FieldFault(("body", alias, "model"), "Field required", "missing")
    return Entry(**given)


def _card(model_id: str, name: str, entry: Entry, aliases: list[str]) -> dict[str, object]:
    _, capable = _DATED.get(name, ("", ("completion_chat",)))
    card: dict[str, object] = {
        "id": model_id,
        "object": "model",
        "created": _CREATED,
        "owned_by": "mistralai",
        "capabilities": {name: name in capable for name in _CAPABILITIES},
        "name": entry.model,
        "description": "Emulated: no model answers here.",
        "max_context_length": 131_072,
        "aliases": aliases,
        "deprecation": entry.deprecation,
        "default_model_temperature": 0.3,
        "type": "base",
    }
    if entry.replacement is not None:
        card["deprecation_replacement_model"] = entry.replacement
    return card
