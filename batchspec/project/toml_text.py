"""A TOML file that was read, every finding about it at its line. What its keys mean is for others to say."""

from __future__ import annotations

import re
import tomllib

from batchspec.core.diagnostics import Diagnostic, Location, Severity, in_order
from batchspec.core.errors import InvalidInputError
from batchspec.project.toml_places import KeyPath, key_places

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class TomlText:
    """The text of a file, its `document`, and what was found wrong in it. Raises InvalidInputError for no TOML."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.findings: list[Diagnostic] = []
        self._text = text
        try:
            self.document: dict[str, object] = tomllib.loads(text)
            self.places = key_places(text)
        except (ValueError, RecursionError) as error:
            self.findings.append(self._syntax(error))
            raise self.invalid() from None

    def place(self, path: KeyPath) -> tuple[Location, str | None]:
        """Return where a key stands, and the text of its line."""
        offset = self.places.get(path)
        if offset is None:
            return Location(self.path), None
        begin = self._text.rfind("\n", 0, offset) + 1
        source = self._text[begin:].split("\n", 1)[0].rstrip("\r")
        line = self._text.count("\n", 0, offset) + 1
        return Location.at(self.path, line, offset - begin + 1, len(path[-1])), source

    def add(
        self, path: KeyPath, code: str, summary: str, *, detail: str | None = None, hint: str | None = None
    ) -> None:
        """Note that something is wrong with a key."""
        location, source = self.place(path)
        self.findings.append(
            Diagnostic(
                severity=Severity.ERROR,
                code=code,
                location=location,
                summary=summary,
                detail=detail,
                hint=hint,
                source_line=source,
            )
        )

    def invalid(self, hint: str = "mend the places named") -> InvalidInputError:
        """Return the error that holds every finding."""
        ordered = in_order(self.findings)
        errors = len(ordered)
        return InvalidInputError(f"{self.path} has {errors} error{'' if errors == 1 else 's'}", ordered, hint=hint)

    def _syntax(self, error: ValueError | RecursionError) -> Diagnostic:
        message = str(error)
        lines = self._text.split("\n")
        line, column = len(lines), len(lines[-1]) + 1
        found = _POSITION.search(message)
        if found:
            message = message[: found.start()]
            if found[1]:
                line, column = int(found[1]), int(found[2])
            location = Location.at(self.path, line, column)
        else:
            location = Location(self.path)
        return Diagnostic(
            severity=Severity.ERROR,
            code="toml-syntax",
            location=location,
            summary=f"not TOML: {message[:1].lower()}{message[1:]}",
            hint="text needs quotes in TOML, and each key its own line",
            source_line=lines[line - 1].rstrip("\r") if found else None,
        )
