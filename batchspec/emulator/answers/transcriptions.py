"""Emulated transcriptions: a sentence that says what it is, with segments where they are asked for. Nothing is heard.

In a batch the endpoint takes JSON with a `file_url` or a `file_id`, never the sound itself.
"""

from __future__ import annotations

import re

from batchspec.emulator.answers import fields
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.completions import usage
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.fields import Body
from batchspec.emulator.answers.messages import address_text
from batchspec.emulator.answers.tokens import count_tokens

_LANGUAGE = re.compile(r"\w{2}")
_BIAS = re.compile(r"[^,\s]+")
_LONGEST_URL = 2083
_SECONDS_FOR_A_WORD = 0.4
_TOKENS_A_SECOND = 12
_GRANULARITIES = frozenset({"segment", "word"})


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/audio/transcriptions; raises AnswerError."""
    body = asked.body
    text = f"[emulated {asked.model}] A transcription of {_source(asked)}."
    language = _checked_language(body)
    granularities = _granularities(body)
    fields.number(body, "temperature", float("-inf"), float("inf"))
    diarize = fields.flag(body, "diarize")
    seconds = len(text.split()) * _SECONDS_FOR_A_WORD
    return {
        "model": asked.model,
        "text": text,
        "language": language,
        "segments": _segments(text, granularities, diarize=diarize) if granularities or diarize else [],
        "usage": {
            **usage(round(seconds * _TOKENS_A_SECOND), count_tokens(text)),
            "prompt_audio_seconds": round(seconds),
        },
    }


def _source(asked: Asked) -> str:
    body = asked.body
    if fields.flag(body, "stream"):
        raise AnswerError("`stream` cannot be true in a batch")
    if body.get("file") is not None:
        raise AnswerError("a batch takes no `file`: give a `file_url`, or upload it and give its `file_id`")
    address, file_id = fields.text(body, "file_url"), fields.text(body, "file_id")
    if (address is None) == (file_id is None):
        raise AnswerError("exactly one of `file_url` and `file_id` is needed")
    if file_id is not None:
        return asked.attachment(file_id).filename
    assert address is not None
    if not 1 <= len(address) <= _LONGEST_URL:
        raise AnswerError(f"`file_url` must have 1 to {_LONGEST_URL} characters")
    return address_text(address)


def _checked_language(body: Body) -> str | None:
    language = fields.text(body, "language")
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise AnswerError("`language` must be a code of two letters, such as en")
    return language


def _granularities(body: Body) -> list[object]:
    bias = fields.items(body, "context_bias") or ()
    if not all(isinstance(word, str) and _BIAS.fullmatch(word) for word in bias):
        raise AnswerError("`context_bias` must be a list of words without commas and blanks")
    granularities = list(fields.items(body, "timestamp_granularities") or ())
    if not all(isinstance(one, str) and one in _GRANULARITIES for one in granularities):
        raise AnswerError("`timestamp_granularities` must be a list of segment and word")
    return granularities


def _segments(text: str, granularities: list[object], *, diarize: bool) -> list[dict[str, object]]:
    words = text.split()
    parts = [(at, word) for at, word in enumerate(words)] if "word" in granularities else [(0, text)]
    return [
        {
            "type": "transcription_segment",
            "text": part,
            "start": round(at * _SECONDS_FOR_A_WORD, 2),
            "end": round((at + len(part.split())) * _SECONDS_FOR_A_WORD, 2),
            "score": None,
            "speaker_id": "emulated-speaker" if diarize else None,
        }
        for at, part in parts
    ]
