"""Builds values with places from events, without recursion and within a budget; finds everything wrong with them.

Anchors, aliases and merge keys are resolved here. Duplicate keys, tags and keys that are not text are reported, and
building goes on, so that one run shows them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from batchspec.core.diagnostics import Span, did_you_mean
from batchspec.core.source.events import Event, EventKind
from batchspec.core.source.findings import Finding, RefusedError
from batchspec.core.source.nodes import Entry, Node, Value
from batchspec.core.source.scalars import UnfitNumberError, resolve
from batchspec.core.source.syntax import TEMPLATE_HINT

MAX_DEPTH = 64
"""Collections within collections."""

MAX_ALIASED = 100_000
"""Values that aliases may add to one document, or to one row of a stream; a long text counts as several."""

MAX_VALUES = 500_000
"""Keys and values in one document, or in one row of a stream: a few bytes each in a file, hundreds in memory."""

MAX_FINDINGS = 100
"""Findings in one document, or in one row of a stream, after which reading ends."""

_CHARACTERS_PER_VALUE = 1000
_COMPARED = 50

_OPENING = (EventKind.MAPPING_START, EventKind.SEQUENCE_START)
_CORE_TAGS = "tag:yaml.org,2002:"


@dataclass(slots=True, kw_only=True)
class _Frame:
    """A collection that is still open. `key` is the one whose value comes next; `earlier` counts older findings."""

    event: Event
    earlier: int
    mapping: bool
    entries: dict[str, Entry] = field(default_factory=dict)
    merges: dict[str, Entry] = field(default_factory=dict)
    merge_span: Span | None = None
    items: list[Node] = field(default_factory=list)
    key: str | None = None
    key_span: Span | None = None
    merging: bool = False
    last: Span | None = None
    size: int = 1
    height: int = 0

    @property
    def awaits_key(self) -> bool:
        return self.mapping and self.key_span is None


class Builder:
    """Builds one node after the other; anchors last from one to the next, `findings` is the caller's to empty.

    `max_anchored` bounds the values that anchors keep, where nothing else would.
    """

    def __init__(self, max_anchored: int | None = None) -> None:
        self.findings: list[Finding] = []
        self._anchors: dict[str, Node | _Frame] = {}
        self._anchored = 0
        self._max_anchored = max_anchored
        self._aliased = 0
        self._stack: list[_Frame] = []

    def build(self, first: Event, rest: Iterator[Event]) -> Node:
        """Build the node that begins with `first`, taking as many of the following events as belong to it.

        Raises RefusedError for what ends the reading: too deep, too many values, or too many by aliases.
        """
        self._aliased = 0
        self._stack.clear()
        left = MAX_VALUES
        event = first
        while True:
            node = self._take(event)
            left -= node is not None
            if left < 0:
                raise RefusedError(_too_many_values(event.span))
            if node is not None and not self._stack:
                return node
            if node is not None:
                self._attach(node, self._stack[-1], event)
            event = next(rest)

    def _take(self, event: Event) -> Node | None:
        """Return the node that this event completes, if it completes one."""
        if event.tag is not None:
            self._refuse_tag(event)
        if event.kind in _OPENING:
            self._open(event)
            return None
        if event.kind is EventKind.COLLECTION_END:
            return self._close(event)
        if event.kind is EventKind.ALIAS:
            return self._alias(event)
        size = 1 + len(event.text) // _CHARACTERS_PER_VALUE
        node = Node(self._scalar(event), event.span, size, style=event.style)
        if event.anchor is not None:
            self._remember(event.anchor, node, event.span)
        return node

    def _refuse_tag(self, event: Event) -> None:
        tag = event.tag or ""
        shown = f"!!{tag.removeprefix(_CORE_TAGS)}" if tag.startswith(_CORE_TAGS) else tag
        self._find(
            Span(event.span.line, event.span.column, event.span.line, event.span.column + len(shown)),
            "yaml-tag",
            f"the YAML tag `{shown}` is not used here",
            "a value's type follows from how it is written",
            "remove the tag; quote a value that must be text",
        )

    def _scalar(self, event: Event) -> Value:
        if event.style:
            return event.text
        try:
            return resolve(event.text)
        except UnfitNumberError as error:
            self._find(event.span, "not-json", str(error), "what is sent is JSON", error.hint)
            return None

    def _open(self, event: Event) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise RefusedError(_too_deep(event.span))
        mapping = event.kind is EventKind.MAPPING_START
        frame = _Frame(event=event, mapping=mapping, earlier=len(self.findings))
        if event.anchor is not None:
            self._remember(event.anchor, frame, event.span)
        self._stack.append(frame)

    def _close(self, event: Event) -> Node:
        frame = self._stack.pop()
        node = _mapping_node(frame, event) if frame.mapping else _sequence_node(frame, event)
        anchor = frame.event.anchor
        if anchor is not None and self._anchors[anchor] is frame:
            self._remember(anchor, node, frame.event.span)
        return node

    def _remember(self, anchor: str, meant: Node | _Frame, span: Span) -> None:
        before = self._anchors.get(anchor)
        self._anchored += meant.size if isinstance(meant, Node) else 0
        self._anchored -= before.size if isinstance(before, Node) else 0
        self._anchors[anchor] = meant
        if self._max_anchored is not None and self._anchored > self._max_anchored:
            raise RefusedError(_too_much_anchored(span, self._max_anchored))

    def _alias(self, event: Event) -> Node:
        target = self._anchors.get(event.text)
        if target is None:
            nearby = islice(reversed(self._anchors), _COMPARED)
            hint = did_you_mean(event.text, nearby) or "quote the value if the `*` belongs to its text"
            self._find(event.span, "unknown-anchor", f"no anchor `&{event.text}` stands before this", None, hint)
            return Node(None, event.span)
        if isinstance(target, _Frame):
            why = f"`&{event.text}` on line {target.event.span.line} would hold itself, without end"
            summary = f"`*{event.text}` refers to what it is part of"
            self._find(event.span, "self-reference", summary, why, "write out the part that is meant")
            return Node(None, event.span)
        self._aliased += target.size
        if self._aliased > MAX_ALIASED:
            raise RefusedError(_too_many_aliased(event.span))
        if len(self._stack) + target.height > MAX_DEPTH:
            raise RefusedError(_too_deep(event.span))
        return Node(target.value, event.span, target.size, target.height, target.style, target=target.written)

    def _attach(self, node: Node, frame: _Frame, last: Event) -> None:
        if not frame.mapping:
            frame.items.append(node)
        elif frame.awaits_key:
            self._take_key(node, frame, last)
            return
        elif frame.merging:
            self._merge(node, frame)
        elif frame.key is not None and frame.key_span is not None:
            frame.entries[frame.key] = Entry(frame.key_span, node)
        frame.key = frame.key_span = None
        frame.merging = False
        frame.last = node.span
        frame.size += node.size
        frame.height = max(frame.height, node.height)

    def _take_key(self, node: Node, frame: _Frame, last: Event) -> None:
        frame.key_span = node.span
        if last.kind is EventKind.SCALAR and not last.style and last.text == "<<":
            frame.merging = True
            if frame.merge_span is not None:
                self._find_duplicate("<<", frame.merge_span, node.span)
            frame.merge_span = node.span
        elif not isinstance(node.value, str):
            self._refuse_key(node, frame, last)
        elif node.value in frame.entries:
            self._find_duplicate(node.value, frame.entries[node.value].key_span, node.span)
        else:
            frame.key = node.value

    def _find_duplicate(self, key: str, first: Span, second: Span) -> None:
        self._find(
            second,
            "duplicate-key",
            f"the key `{key}` is given twice, on line {first.line} and on line {second.line}",
            "one of the two values would be lost",
            "remove one of them",
        )

    def _refuse_key(self, node: Node, frame: _Frame, last: Event) -> None:
        if node.items is None and node.entries is None:
            written = last.text if last.kind is EventKind.SCALAR else f"*{last.text}"
            if not written:
                self._find(node.span, "non-string-key", "a key is missing before the colon", None, "write a key")
                return
            self._find(
                node.span,
                "non-string-key",
                f"the key `{written}` is not text",
                "keys are text; unquoted, this one is a number, a truth value or null",
                f'quote it: "{written}"' if last.kind is EventKind.SCALAR else "name an anchor of a text",
            )
            return
        outer, inner = frame.event, node.span
        if outer.flow and node.entries is not None and outer.span[:2] == (inner.line, inner.column - 1):
            # `{{ x }}` is a mapping whose key is a mapping; what was found inside it is beside the point.
            del self.findings[frame.earlier :]
            span = Span(outer.span.line, outer.span.column, inner.end_line, inner.end_column + 1)
            why = "to YAML, a value that begins with `{` is a mapping"
            self._find(span, "unquoted-template", "a template must be quoted", why, TEMPLATE_HINT)
            return
        why = "keys are text; this one is a list or a mapping"
        self._find(node.span, "non-string-key", "a key is not text", why, "quote it if it is meant as text")

    def _merge(self, node: Node, frame: _Frame) -> None:
        sources = node.written.items if node.written.items is not None else (node,)
        for source in sources:
            entries = source.written.entries
            if entries is None:
                self._find(
                    source.span,
                    "merge-key",
                    "`<<` takes a mapping or a list of mappings",
                    "it fills in the keys that the mapping around it does not have",
                    'give it an alias like `*defaults`, or quote it: "<<"',
                )
                return
            for key, entry in entries.items():
                frame.merges.setdefault(key, entry)

    def _find(self, span: Span, code: str, summary: str, detail: str | None = None, hint: str | None = None) -> None:
        if len(self.findings) >= MAX_FINDINGS:
            why = "the rest of the file was not read"
            raise RefusedError(
                Finding(span, "too-many-errors", f"more than {MAX_FINDINGS} errors", why, "mend these first")
            )
        self.findings.append(Finding(span, code, summary, detail, hint))


def _mapping_node(frame: _Frame, event: Event) -> Node:
    # Merged keys come first, in their own order, as if they had been written out above.
    entries = {key: frame.entries.get(key, entry) for key, entry in frame.merges.items()} | frame.entries
    value = {key: entry.node.value for key, entry in entries.items()}
    return Node(value, _span(frame, event), frame.size, frame.height + 1, entries=entries)


def _sequence_node(frame: _Frame, event: Event) -> Node:
    value = [node.value for node in frame.items]
    return Node(value, _span(frame, event), frame.size, frame.height + 1, items=tuple(frame.items))


def _span(frame: _Frame, event: Event) -> Span:
    """Return a collection's place: to its bracket, or to the end of its last value where it has none."""
    start = frame.event.span
    end = event.span if frame.event.flow else frame.last or start
    return Span(start.line, start.column, end.end_line, end.end_column)


def _too_deep(span: Span) -> Finding:
    why = "no request needs this, and deeper files have crashed programs"
    return Finding(span, "too-deep", f"nested more than {MAX_DEPTH} levels deep", why, "flatten the value")


def _too_many_values(span: Span) -> Finding:
    why = "a spec and its data are read whole"
    hint = "put rows into an input file (`inputs: rows.yaml`), which is streamed"
    return Finding(span, "too-large", f"more than {MAX_VALUES:,} keys and values", why, hint)


def _too_many_aliased(span: Span) -> Finding:
    return Finding(
        span,
        "alias-budget",
        f"aliases stand for more than {MAX_ALIASED:,} values",
        "aliases of aliases multiply: a small file can stand for more values than memory holds",
        "write the values out, or put them into an input file",
    )


def _too_much_anchored(span: Span, limit: int) -> Finding:
    why = "a list is read row by row, and everything with an anchor must stay in memory"
    summary = f"anchors hold more than {limit:,} values"
    return Finding(span, "alias-budget", summary, why, "write the values out where they are used")
