"""A YAML document that was read: its value, and the place of every key and value in its text.

A pointer is a tuple of mapping keys and list indices. Inside an alias or a merged mapping, a place is where the text
was written, not where it is used; of a document that was merged from several, it may be in any of their files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from batchspec.core.diagnostics import Diagnostic, Location, Severity, Span
from batchspec.core.source.jinja_names import first_in_delimiter
from batchspec.core.source.nodes import Entry, Home, Node, Value
from batchspec.core.source.scalar_text import ScalarText

Pointer = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDocument:
    """One file's document. `path` is POSIX and relative to the project's root; `lines` are without their line ends."""

    path: str
    lines: tuple[str, ...]
    root: Node = field(repr=False)

    @property
    def value(self) -> Value:
        """The document as plain values: dict, list, str, int, float, bool, None. Shared; not to be changed."""
        return self.root.value

    def has(self, pointer: Pointer) -> bool:
        """Tell whether there is a value at this pointer."""
        return len(self._path_to(pointer)) == len(pointer)

    def key_span(self, pointer: Pointer) -> Span:
        """Return the place of the key that leads to a value; of the value itself where that is a list's item.

        Where the pointer leads to nothing, the nearest that exists above it is meant.
        """
        steps = self._path_to(pointer)
        if not steps:
            return self.root.span
        return steps[-1].key_span

    def value_span(self, pointer: Pointer) -> Span:
        """Return the place of a value. Where the pointer leads to nothing, the nearest above it is meant."""
        return self.node(pointer).span

    def value_at(self, pointer: Pointer) -> Value:
        """Return the value at a pointer, or the nearest above it that exists."""
        return self.node(pointer).value

    def path_at(self, pointer: Pointer) -> str:
        """Return the file that a value is written in, and its key; relative paths in it are relative to that file."""
        return self.home(pointer).path

    def line_text(self, line: int, at: Pointer = ()) -> str:
        """Return a line, by its number from 1, of the file that the value `at` is written in; "" beyond the last."""
        lines = self.home(at).lines
        return lines[line - 1] if 1 <= line <= len(lines) else ""

    def home(self, pointer: Pointer) -> Home:
        """Return the text that a value is written in, or the nearest above it that exists."""
        home = self.root.home or Home(self.path, self.lines)
        for step in self._path_to(pointer):
            home = step.node.home or home
        return home

    def source_text(self, pointer: Pointer) -> str:
        """Return a value as it was written, or the first line of one that is written over several."""
        span = self.node(pointer).written.span
        line = self.line_text(span.line, pointer)
        return line[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None]

    def diagnostic(
        self,
        pointer: Pointer,
        code: str,
        summary: str,
        detail: str | None = None,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
        on_key: bool = False,
    ) -> Diagnostic:
        """Return a finding about a value, or about its key."""
        span = self.key_span(pointer) if on_key else self.value_span(pointer)
        return Diagnostic(
            severity=severity,
            code=code,
            location=Location(self.path_at(pointer), span),
            summary=summary,
            detail=detail,
            hint=hint,
            source_line=self.line_text(span.line, pointer),
        )

    def locate_in_string(self, pointer: Pointer, line: int, name: str | None = None) -> Span:
        """Return where line `line` (from 1) of the text at a pointer stands, and in it a name inside a Jinja delimiter.

        In `|` blocks lines match exactly. Folded and quoted text has lost its lines: there the first use of the name
        counts. Without the name, the text of the line (or the value's first line) is meant.
        """
        node = self.node(pointer).written
        if not isinstance(node.value, str):
            return node.span
        text = ScalarText.of(node, self.home(pointer).lines)
        exact = text.source_line(line)
        if name:
            found = first_in_delimiter(text.text, name, text.line_range(exact))
            if found is not None:
                return text.span(found, found + len(name))
        return text.content_of(exact if exact is not None else text.first_line)

    def node(self, pointer: Pointer) -> Node:
        """Return the node at a pointer, or the nearest above it that exists."""
        steps = self._path_to(pointer)
        return steps[-1].node if steps else self.root

    def _path_to(self, pointer: Pointer) -> list[Entry]:
        """Return the steps of a pointer, as far as they lead."""
        steps: list[Entry] = []
        node = self.root
        for token in pointer:
            written = node.written
            if isinstance(token, str):
                entry = (written.entries or {}).get(token)
            else:
                items = written.items or ()
                entry = Entry(items[token].span, items[token]) if 0 <= token < len(items) else None
            if entry is None:
                break
            steps.append(entry)
            node = entry.node
        return steps
