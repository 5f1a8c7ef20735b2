"""A plain count of tokens, and texts cut to a number of them: one token for every four characters begun.

No model's tokeniser: good for adding up and for limits, not for bills.
"""

from __future__ import annotations

_CHARACTERS = 4


def count_tokens(text: str) -> int:
    """Return the tokens of a text."""
    return (len(text) + _CHARACTERS - 1) // _CHARACTERS


def cut(text: str, tokens: int) -> str:
    """Return as much of the text's beginning as that many tokens hold."""
    return text[: tokens * _CHARACTERS]
