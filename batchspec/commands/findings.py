"""Gathers findings from millions of rows without keeping millions: the same one from many rows is told once."""

from __future__ import annotations

from dataclasses import replace

from batchspec.core.diagnostics import Diagnostic, Location, Severity, in_order
from batchspec.core.errors import InvalidInputError

_MOST_KEPT = 200


class Findings:
    """A DiagnosticSink that counts repeats."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, Location, str], Diagnostic] = {}
        self._repeats: dict[tuple[str, Location, str], int] = {}
        self._left_out = 0
        self.errors = 0
        self.total = 0

    def __call__(self, found: Diagnostic) -> None:
        """Take a finding."""
        self.total += 1
        key = (found.code, found.location, found.summary)
        if found.severity is Severity.ERROR:
            self.errors += 1
        if key in self._first:
            self._repeats[key] = self._repeats.get(key, 0) + 1
        elif len(self._first) < _MOST_KEPT:
            self._first[key] = found
        else:
            self._left_out += 1

    def diagnostics(self) -> list[Diagnostic]:
        """Return the findings in the order of their places, each saying how many rows more it stands for."""
        shown = []
        for key, found in self._first.items():
            repeats = self._repeats.get(key, 0)
            more = f"the same in {repeats:,} more" if repeats else None
            shown.append(replace(found, detail="; ".join(filter(None, (found.detail, more))) or None))
        return in_order(shown)

    def raise_if_errors(self) -> None:
        """Raise InvalidInputError with everything found, when any of it is an error."""
        if self.errors:
            rest = f"; {self._left_out:,} more are not shown" if self._left_out else ""
            raise InvalidInputError(f"{found_words(self.errors)}{rest}", self.diagnostics())


def found_words(errors: int) -> str:
    """Say how many errors were found."""
    return "1 error was found" if errors == 1 else f"{errors:,} errors were found"
