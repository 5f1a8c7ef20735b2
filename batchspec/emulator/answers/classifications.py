"""Emulated classification: a target and labels that say they are emulated, their scores drawn from each text's hash."""

from __future__ import annotations

import hashlib

from batchspec.emulator.answers import fields
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.judged import instructed

_TARGET = "emulated"
_LABELS = ("label-a", "label-b", "label-c")


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/classifications; raises AnswerError."""
    fields.members(asked.body, "metadata")
    return _response(asked, fields.texts(asked.body, "input"))


def answer_chat(asked: Asked) -> dict[str, object]:
    """Answer /v1/chat/classifications, a result for each conversation; raises AnswerError."""
    return _response(asked, ["\n".join(said.texts) for said in instructed(asked, asked.body.get("input"))])


def _response(asked: Asked, texts: list[str]) -> dict[str, object]:
    return {"id": asked.id, "model": asked.model, "results": [_result(asked.model, text) for text in texts]}


def _result(model: str, text: str) -> dict[str, object]:
    """Give each label its share of 1."""
    drawn = hashlib.sha256(f"classification\0{model}\0{text}".encode("utf-8", "replace")).digest()
    weights = [drawn[at] + 1 for at in range(len(_LABELS))]
    scores = {label: round(weight / sum(weights), 4) for label, weight in zip(_LABELS, weights, strict=True)}
    return {_TARGET: {"scores": scores}}
