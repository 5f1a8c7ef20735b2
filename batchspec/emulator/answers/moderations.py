"""Emulated moderation: scores drawn from each text's hash. They judge nothing; the id says that they are emulated."""

from __future__ import annotations

import hashlib

from batchspec.emulator.answers import fields
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.judged import conversations

CATEGORIES = (
    "sexual",
    "hate_and_discrimination",
    "violence_and_threats",
    "dangerous_and_criminal_content",
    "selfharm",
    "health",
    "financial",
    "law",
    "pii",
)
"""The categories of the first moderation model, by which `category_thresholds` names them too."""

_THRESHOLD = 0.5


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/moderations; raises AnswerError."""
    fields.members(asked.body, "metadata")
    return _response(asked, fields.texts(asked.body, "input"))


def answer_chat(asked: Asked) -> dict[str, object]:
    """Answer /v1/chat/moderations, a result for each conversation; raises AnswerError."""
    return _response(asked, ["\n".join(said.texts) for said in conversations(asked, asked.body.get("input"))])


def _response(asked: Asked, texts: list[str]) -> dict[str, object]:
    return {"id": asked.id, "model": asked.model, "results": [_result(asked.model, text) for text in texts]}


def _result(model: str, text: str) -> dict[str, object]:
    """Score a text: one category drawn for it stands out, the others stay low."""
    drawn = hashlib.sha256(f"moderation\0{model}\0{text}".encode("utf-8", "replace")).digest()
    scores = {name: round(drawn[at] / 2560, 4) for at, name in enumerate(CATEGORIES)}
    scores[CATEGORIES[drawn[31] % len(CATEGORIES)]] = round(drawn[30] / 256, 4)
    return {"categories": {name: score >= _THRESHOLD for name, score in scores.items()}, "category_scores": scores}
