"""Findings about what a user wrote, each with its place; and the nearest names for a misspelt one.

Paths in here are POSIX and relative to the project's root; `report` shows them relative to the current folder.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """Whether a finding stops the command."""

    ERROR = "error"
    WARNING = "warning"


class Span(NamedTuple):
    """A stretch of text, lines and columns counted from 1, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Location(NamedTuple):
    """A place in a file. `span` is None where only the file is known."""

    path: str
    span: Span | None = None

    @classmethod
    def at(cls, path: str, line: int, column: int = 1, width: int = 1) -> Location:
        """Return the place of `width` characters on one line."""
        return cls(path, Span(line, column, line, column + width))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding: what (`summary`), where (`location`), why (`detail`) and how to mend it (`hint`).

    `code` is a stable kebab-case name. `source_line` is the text of the location's first line, where it is at hand.
    `row` names the input row ("data/t.csv:12") when the finding arose while that row was rendered or checked.
    """

    severity: Severity
    code: str
    location: Location
    summary: str
    detail: str | None = None
    hint: str | None = None
    source_line: str | None = None
    row: str | None = None

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order by place, then by name."""
        span = self.location.span
        return (self.location.path, span.line if span else 0, span.column if span else 0, self.code, self.summary)


DiagnosticSink = Callable[[Diagnostic], None]
"""Where a streaming reader reports a finding and goes on."""


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the findings sorted by place, each once."""
    return sorted(dict.fromkeys(diagnostics), key=lambda found: found.sort_key)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether any finding is an error."""
    return any(found.severity is Severity.ERROR for found in diagnostics)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate closest to a misspelt name, or None where nothing is close."""
    by_fold = {candidate.casefold(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[matches[0]] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Return a hint with the nearest candidate, or one that lists a few of them."""
    known = sorted(candidates)
    closest = nearest(name, known)
    if closest is not None:
        return f"did you mean `{closest}`?"
    if not known:
        return None
    shown = ", ".join(f"`{candidate}`" for candidate in known[:12])
    return f"known here: {shown}" + (", …" if len(known) > 12 else "")
