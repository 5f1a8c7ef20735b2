"""YAML text as a flat stream of events with places; the only module that imports yaml.

A stream cannot overflow the stack, so every limit is checked on it before anything nested is built. PyYAML reads
YAML 1.1; the two places where its scanner differs from 1.2 in what text means are mended here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import NamedTuple, Protocol

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from batchspec.core.diagnostics import Span
from batchspec.core.source.findings import Finding, RefusedError
from batchspec.core.source.syntax import Mark, Problem, explain


class EventKind(Enum):
    """What an event begins, ends or is."""

    DOCUMENT_START = auto()
    DOCUMENT_END = auto()
    SEQUENCE_START = auto()
    MAPPING_START = auto()
    COLLECTION_END = auto()
    SCALAR = auto()
    ALIAS = auto()


class Event(NamedTuple):
    """One event. `text` is a scalar's text or an alias's name; `style` is "" (plain) or one of `'"|>`."""

    kind: EventKind
    span: Span
    text: str = ""
    style: str = ""
    anchor: str | None = None
    tag: str | None = None
    flow: bool = False


_KINDS: dict[type[yaml.Event], EventKind] = {
    yaml.ScalarEvent: EventKind.SCALAR,
    yaml.MappingStartEvent: EventKind.MAPPING_START,
    yaml.SequenceStartEvent: EventKind.SEQUENCE_START,
    yaml.MappingEndEvent: EventKind.COLLECTION_END,
    yaml.SequenceEndEvent: EventKind.COLLECTION_END,
    yaml.AliasEvent: EventKind.ALIAS,
    yaml.DocumentStartEvent: EventKind.DOCUMENT_START,
    yaml.DocumentEndEvent: EventKind.DOCUMENT_END,
}
_SURROGATE = re.compile("[\\ud800-\\udfff]")


class TextReader(Protocol):
    """A stream of text that keeps its failures to itself while the parser reads it."""

    def read(self, size: int = ...) -> str:
        """Return some text, or "" at the end."""
        ...

    def raise_failure(self) -> None:
        """Raise what ended the text early, if anything did."""
        ...


class _PurePythonParser(Reader, Scanner, Parser):
    def __init__(self, stream: str | TextReader) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)


class _EventParser(Protocol):
    def get_event(self) -> yaml.Event | None: ...

    def dispose(self) -> None: ...


ParserFactory = Callable[[str | TextReader], _EventParser]


def parser_factory(*, compiled: bool = True) -> ParserFactory:
    """Return libyaml's parser where PyYAML was built with it, else the one in Python; both give the same events."""
    if compiled and yaml.__with_libyaml__:
        from yaml._yaml import CParser  # noqa: PLC0415 - absent from a PyYAML that was built without libyaml

        return CParser
    return _PurePythonParser


def events(
    source: str | TextReader, line_text: Callable[[int], str], restore: dict[int, str], factory: ParserFactory
) -> Iterator[Event]:
    """Yield the events of a YAML stream.

    `line_text` gives a source line for an explanation; `restore` turns the stand-ins for line breaks of YAML 1.1
    back into themselves and may fill up while a stream is read. Raises RefusedError where the text is not YAML.
    """
    reader = None if isinstance(source, str) else source
    parser = factory(source)
    try:
        while True:
            event = _next(parser, reader, line_text)
            if event is None:
                return
            translated = _translate(event, restore)
            if translated is not None:
                yield translated
    finally:
        parser.dispose()


def _next(parser: _EventParser, reader: TextReader | None, line_text: Callable[[int], str]) -> yaml.Event | None:
    try:
        event = parser.get_event()
    except yaml.MarkedYAMLError as error:
        _raise_failure(reader)
        raise RefusedError(explain(_problem(error), line_text)) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The parser in Python lets chr() fail for an escape beyond Unicode; what else comes here has no place.
        _raise_failure(reader)
        raise RefusedError(Finding(Span(1, 1, 1, 2), "yaml-syntax", f"this is not YAML: {error}")) from None
    _raise_failure(reader)
    return event


def _raise_failure(reader: TextReader | None) -> None:
    if reader is not None:
        reader.raise_failure()


def _problem(error: yaml.MarkedYAMLError) -> Problem:
    return Problem(error.context or "", _mark(error.context_mark), error.problem or "", _mark(error.problem_mark))


def _mark(mark: yaml.Mark | None) -> Mark | None:
    return None if mark is None else Mark(mark.line + 1, mark.column + 1)


def _translate(event: yaml.Event, restore: dict[int, str]) -> Event | None:
    kind = _KINDS.get(type(event))
    start, end = event.start_mark, event.end_mark
    if kind is None or start is None or end is None:
        return None
    span = Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
    if isinstance(event, yaml.ScalarEvent):
        text = event.value.translate(restore) if restore else event.value
        if _SURROGATE.search(text):
            raise RefusedError(_half_character(span))
        return Event(kind, span, text, event.style or "", event.anchor, event.tag)
    if isinstance(event, yaml.CollectionStartEvent):
        return Event(kind, span, "", "", event.anchor, event.tag, bool(event.flow_style))
    return Event(kind, span, event.anchor or "" if isinstance(event, yaml.AliasEvent) else "")


def _half_character(span: Span) -> Finding:
    return Finding(
        span,
        "yaml-syntax",
        "an escape stands for half a character",
        "JSON writes an emoji as two escapes (a surrogate pair); YAML does not",
        "write the character itself, or one escape like `\\U0001F600`",
    )
