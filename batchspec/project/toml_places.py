"""Finds where each key of a TOML text stands, which tomllib does not tell.

It reads only text that tomllib has read already, so it checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

KeyPath = tuple[str, ...]

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'''"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}|\'\'\'(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\''''
)
_PLAIN = re.compile(r"[^,\]}#\n]*")


def key_places(text: str) -> Mapping[KeyPath, int]:
    """Return the offset of the first mention of every key and table, by its path from the top."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.places


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_GAP)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                self.at += 2 if self.text.startswith("[[", self.at) else 1
                table = self._key(())
                self._skip_closing()
            else:
                self._pair(table)
            self._skip(_GAP)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            return ""
        self.at = found.end()
        return found[0]

    def _skip_closing(self) -> None:
        self._skip(_SPACE)
        while self.text.startswith("]", self.at):
            self.at += 1

    def _key(self, above: KeyPath) -> KeyPath:
        """Read a dotted key and record each of its parts."""
        path = above
        while True:
            self._skip(_SPACE)
            start = self.at
            part = self._skip(_KEY)
            path = (*path, _unquoted(part))
            self.places.setdefault(path, start)
            self._skip(_SPACE)
            if not part or not self.text.startswith(".", self.at):
                return path
            self.at += 1

    def _pair(self, above: KeyPath) -> None:
        path = self._key(above)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        first = self.text[self.at : self.at + 1]
        if first == "[":
            self._items("]", path, keyed=False)
        elif first == "{":
            self._items("}", path, keyed=True)
        elif first in {'"', "'"}:
            self._skip(_STRING)
        else:
            self._skip(_PLAIN)

    def _items(self, closing: str, path: KeyPath, *, keyed: bool) -> None:
        self.at += 1
        self._skip(_GAP)
        while self.at < len(self.text) and self.text[self.at] != closing:
            if keyed:
                self._pair(path)
            else:
                self._value(path)
            self._skip(_GAP)
            if self.text.startswith(",", self.at):
                self.at += 1
            self._skip(_GAP)
        self.at += 1


def _unquoted(key: str) -> str:
    if key.startswith("'"):
        return key[1:-1]
    if key.startswith('"'):
        return str(next(iter(tomllib.loads(f"{key} = 0"))))
    return key
