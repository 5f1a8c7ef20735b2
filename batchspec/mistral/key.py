"""The API key: read from an environment that is handed in, kept where nothing can print or pickle it.

No option, file or default ever supplies one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from batchspec.core.errors import AccessError

VARIABLE = "MISTRAL_API_KEY"

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_HIDDEN = "***"
# A shorter string may be part of any word, and no real key is this short.
_SHORTEST_TO_REDACT = 8


class ApiKey:
    """A key whose repr, str and format are `***`; `reveal` alone gives its text, for the one header that needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Take a key, blanks around it dropped. Raises AccessError, which never shows it, for anything malformed."""
        stripped = text.strip()
        if not stripped:
            raise AccessError("the API key is empty", hint=_hint())
        if _VISIBLE_ASCII.fullmatch(stripped) is None:
            raise AccessError(
                "the API key is malformed",
                why="it holds a blank, a line break, or a character outside ASCII, which no key has",
                hint=f"copy the key again, alone and without quotes, into {VARIABLE}",
            )
        self._text = stripped

    def reveal(self) -> str:
        """Return the key's text."""
        return self._text

    def redact(self, text: str) -> str:
        """Return `text` with the key hidden, for a server that quotes it back."""
        return text.replace(self._text, _HIDDEN) if len(self._text) >= _SHORTEST_TO_REDACT else text

    def __repr__(self) -> str:
        return _HIDDEN

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an API key is neither copied nor pickled")


def read_key(environ: Mapping[str, str]) -> ApiKey:
    """Return the key of MISTRAL_API_KEY. Raises AccessError where it is missing or malformed."""
    text = environ.get(VARIABLE, "")
    if not text.strip():
        raise AccessError(f"{VARIABLE} is not set", why="this command talks to the provider", hint=_hint())
    return ApiKey(text)


def _hint() -> str:
    return (
        f"set {VARIABLE} in the environment (a key is made in the provider's console, under API keys);"
        " `--provider emulator` needs none"
    )
