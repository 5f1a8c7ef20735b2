"""A plain count of tokens, and texts cut to a number of them: one token for every four characters begun.

What a request holds is counted by `core.token_estimate`, so that a plan's estimate can be held to it. No model's
tokeniser: good for adding up and for limits, not for bills.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.core.token_estimate import estimate_input

_CHARACTERS = 4


def prompt_tokens(endpoint: str, body: Mapping[str, object], said: int) -> int:
    """Return the tokens of a request; `said`, those of what the emulator makes of it, where it is not all text."""
    tokens = estimate_input(endpoint, body)
    return said if tokens is None else tokens


def count_tokens(text: str) -> int:
    """Return the tokens of a text."""
    return (len(text) + _CHARACTERS - 1) // _CHARACTERS


def cut(text: str, tokens: int) -> str:
    """Return as much of the text's beginning as that many tokens hold."""
    return text[: tokens * _CHARACTERS]
