"""The raw source of one text value: which of its lines stands on which line of the file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from batchspec.core.diagnostics import Span
from batchspec.core.source.nodes import Node

# An anchor and a block's header stand before the text itself and belong to the value's place.
_ANCHOR = re.compile(r"&\S+\s*")
_BLOCK_HEADER = re.compile(r"[|>][^\n]*\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarText:
    """`text` is the source of a value from its first line to its last, whole lines joined by a newline.

    `lines` are those lines, `first` is the number of the first one in the file; `start` and `end` are the offsets in
    `text` of what belongs to the value.
    """

    text: str
    lines: tuple[str, ...]
    first: int
    start: int
    end: int
    style: str

    @classmethod
    def of(cls, node: Node, lines: tuple[str, ...]) -> ScalarText:
        """Cut a text value out of its file's lines."""
        span = node.span
        # A block ends at the beginning of the line after it, unless the file ends first.
        block_ends_before = node.style in {"|", ">"} and span.end_line > span.line and span.end_column == 1
        last = span.end_line - 1 if block_ends_before else span.end_line
        part = lines[span.line - 1 : last] or ("",)
        text = "\n".join(part)
        end = len(text) if last < span.end_line else len(text) - len(part[-1]) + span.end_column - 1
        start = min(span.column - 1, len(text))
        anchor = _ANCHOR.match(text, start)
        start = anchor.end() if anchor else start
        if node.style in {"|", ">"}:
            header = _BLOCK_HEADER.match(text, start)
            start = header.end() if header else start
        return cls(text=text, lines=part, first=span.line, start=start, end=max(start, end), style=node.style)

    @property
    def first_line(self) -> int:
        """The number of the line in the file where the text begins."""
        return self.first + self.text.count("\n", 0, self.start)

    def source_line(self, line: int) -> int | None:
        """Return the line of the file that holds line `line` of the text, None where folding has mixed them."""
        if self.style == "|":
            return min(max(line, 1) + self.first_line - 1, self.first + len(self.lines) - 1)
        return self.first if len(self.lines) == 1 else None

    def line_range(self, line: int | None) -> tuple[int, int]:
        """Return the offsets in `text` of one line of the file, or of the whole value for None."""
        if line is None:
            return self.start, self.end
        begin = sum(len(before) + 1 for before in self.lines[: line - self.first])
        end = begin + len(self.lines[line - self.first])
        return max(begin, self.start), min(end, self.end)

    def span(self, start: int, end: int) -> Span:
        """Return the place of a stretch of `text` that lies on one line."""
        line = self.text.count("\n", 0, start)
        column = start - (self.text.rfind("\n", 0, start) + 1) + 1
        return Span(self.first + line, column, self.first + line, column + end - start)

    def content_of(self, line: int) -> Span:
        """Return the place of a line's visible text, as far as it belongs to the value."""
        begin, end = self.line_range(line)
        part = self.text[begin:end]
        indent = len(part) - len(part.lstrip())
        width = len(part.strip())
        return self.span(begin + indent, begin + indent + width) if width else self.span(begin, begin + 1)
