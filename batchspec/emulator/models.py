"""The small list of models that the emulator shows; its jobs take any name."""

from __future__ import annotations

from batchspec.emulator.refusals import no_such

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


def list_models() -> dict[str, object]:
    """Return the list, each model under its dated name and under its alias, as the service does."""
    cards = [card for alias in _DATED for card in (_card(_DATED[alias][0], alias), _card(alias, alias))]
    return {"object": "list", "data": cards}


def get_model(model_id: str) -> dict[str, object]:
    """Return one model's card. Raises Refusal (404)."""
    for alias, (dated, _) in _DATED.items():
        if model_id in {alias, dated}:
            return _card(model_id, alias)
    raise no_such("model")


def _card(model_id: str, alias: str) -> dict[str, object]:
    dated, capable = _DATED[alias]
    return {
        "id": model_id,
        "object": "model",
        "created": _CREATED,
        "owned_by": "mistralai",
        "capabilities": {name: name in capable for name in _CAPABILITIES},
        "name": dated,
        "description": "Emulated: no model answers here.",
        "max_context_length": 131_072,
        "aliases": [alias if model_id == dated else dated],
        "deprecation": None,
        "default_model_temperature": 0.3,
        "type": "base",
    }
