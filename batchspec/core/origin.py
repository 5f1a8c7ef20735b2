"""Where the text of a template came from, so that an error in it names a file, a line and a column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from batchspec.core.diagnostics import Location, Span


class Origin(Protocol):
    """The place of a piece of text in what the user wrote."""

    def place(self, line: int, name: str | None = None) -> tuple[Location, str | None]:
        """Return where line `line` (from 1) of the text stands, at `name` if it is there, and that source line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrigin:
    """Text that is a whole file."""

    path: str
    text: str

    def place(self, line: int, name: str | None = None) -> tuple[Location, str | None]:
        """Return the place in the file."""
        lines = self.text.split("\n")
        if not 1 <= line <= len(lines):
            return Location(self.path), None
        source = lines[line - 1]
        column, width = find_name(source, name)
        return Location(self.path, Span(line, column, line, column + width)), source


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateText:
    """A string that is a template, and where it stands."""

    text: str
    origin: Origin


def is_template(text: str) -> bool:
    """Tell whether a string holds Jinja at all; one that does not is a constant."""
    return "{{" in text or "{%" in text or "{#" in text


def find_name(source: str, name: str | None) -> tuple[int, int]:
    """Return the column (from 1) and width of a name in a line, preferring one inside a Jinja delimiter.

    Without a name, or where it is not there, the line's first visible character is meant.
    """
    if name:
        found = re.search(r"\{[{%].*?\b(" + re.escape(name) + r")\b", source) or re.search(
            r"\b(" + re.escape(name) + r")\b", source
        )
        if found:
            return found.start(1) + 1, len(name)
    indent = len(source) - len(source.lstrip())
    return indent + 1, 1


def holds_template(tree: object) -> bool:
    """Tell whether a JSON-like value has a template anywhere in it."""
    if isinstance(tree, dict | list):
        return any(holds_template(item) for item in (tree.values() if isinstance(tree, dict) else tree))
    return isinstance(tree, TemplateText)
