"""Emulated fill-in-the-middle: the last line before the gap, told back by a model that says what it is."""

from __future__ import annotations

from batchspec.emulator.answers import fields, sampling
from batchspec.emulator.answers.asked import Asked
from batchspec.emulator.answers.completions import completion, cut_short
from batchspec.emulator.answers.errors import AnswerError
from batchspec.emulator.answers.tokens import count_tokens, prompt_tokens


def answer(asked: Asked) -> dict[str, object]:
    """Answer /v1/fim/completions; raises AnswerError."""
    body = asked.body
    sampling.check(body)
    prompt, suffix = fields.text(body, "prompt"), fields.text(body, "suffix") or ""
    if prompt is None:
        raise AnswerError("`prompt` must be a text")
    last = prompt.rstrip().rpartition("\n")[2].strip()
    told = f"[emulated {asked.model}] {last}" + (" … " + suffix.strip().partition("\n")[0] if suffix.strip() else "")
    content, tokens, finish_reason = cut_short(told, fields.whole(body, "max_tokens"), fields.stops(body))
    message = {"role": "assistant", "content": content, "tool_calls": None}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    said = count_tokens(prompt) + count_tokens(suffix)
    return completion(asked, [choice], prompt_tokens("/v1/fim/completions", body, said), tokens)
