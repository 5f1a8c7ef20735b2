"""The two ways to read YAML: a whole document with the place of everything, or a list's rows one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from batchspec.core.diagnostics import DiagnosticSink, Span, in_order
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import InputRow
from batchspec.core.source.building import Builder
from batchspec.core.source.document import SourceDocument
from batchspec.core.source.events import Event, EventKind, ParserFactory, events, parser_factory
from batchspec.core.source.findings import Finding, RefusedError
from batchspec.core.source.nodes import Node
from batchspec.core.source.streamed import StreamedText
from batchspec.core.source.text import prepare, split_lines, unprintable

_Report = Callable[[Finding], None]

MAX_BYTES = 16_000_000
"""The largest document, and the largest row of a stream."""

MAX_ANCHORED = 100_000
"""Values that the anchors of earlier rows may keep in memory while a list is streamed."""


def load_source(text: str, path: str, factory: ParserFactory | None = None) -> SourceDocument:
    """Read one YAML document, with the place of every key and value.

    `path` is only named in findings. Raises InvalidInputError with everything that is wrong; an error of syntax ends
    the reading, others are collected.
    """
    lines = split_lines(text)
    findings = _unreadable(text)
    root = None
    if not findings:
        root, findings = _read_document(text, lines, factory or parser_factory())
    if findings or root is None:
        diagnostics = in_order(found.diagnostic(path, _line(lines, found.span.line)) for found in findings)
        raise InvalidInputError(f"{path} cannot be read", diagnostics)
    return SourceDocument(path=path, lines=lines, root=root)


def stream_rows(
    stream: BinaryIO, path: str, sink: DiagnosticSink, factory: ParserFactory | None = None
) -> Iterator[InputRow]:
    """Yield the mappings of a YAML list one by one, each with its line, holding one at a time.

    Anchors last from row to row within a budget. What is wrong goes to `sink`: a row that cannot be used is left out
    and reading goes on, an error of syntax ends it. What the stream itself raises comes through.
    """
    source = StreamedText(stream, MAX_BYTES)
    report = partial(_report, path, source, sink)
    parsed = events(source, source.line_text, source.restore, factory or parser_factory())
    try:
        yield from _rows(parsed, source, path, report)
    except RefusedError as refused:
        report(refused.finding)


def _unreadable(text: str) -> list[Finding]:
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size <= MAX_BYTES:
        return unprintable(text)
    why = "a spec and its data are read whole"
    hint = "put rows into an input file (`inputs: rows.yaml`), which is streamed"
    summary = f"larger than {MAX_BYTES // 1_000_000} MB ({size / 1e6:.1f} MB)"
    return [Finding(Span(1, 1, 1, 2), "too-large", summary, why, hint)]


def _read_document(text: str, lines: tuple[str, ...], factory: ParserFactory) -> tuple[Node | None, list[Finding]]:
    prepared = prepare(text)
    parsed = events(prepared.text, partial(_line, lines), prepared.restore, factory)
    builder = Builder()
    root = None
    try:
        first = _first_of_document(parsed)
        root = builder.build(first, parsed)
        _expect_end(parsed)
    except RefusedError as refused:
        last = refused.finding
        # `{{ a }} {{ b }}` is first a key that is a mapping and then no YAML at all.
        if not any(found.code == last.code and found.span.line == last.span.line for found in builder.findings):
            builder.findings.append(last)
    return root, builder.findings


def _line(lines: tuple[str, ...], line: int) -> str:
    return lines[line - 1] if 1 <= line <= len(lines) else ""


def _first_of_document(parsed: Iterator[Event]) -> Event:
    for event in parsed:
        if event.kind is EventKind.DOCUMENT_START:
            continue
        if event.kind is EventKind.SCALAR and not event.text and not event.style:
            break
        return event
    hint = "write a value into it; a spec begins with `batchspec: 1`"
    raise RefusedError(Finding(Span(1, 1, 1, 2), "empty-document", "the file is empty", None, hint))


def _expect_end(parsed: Iterator[Event]) -> None:
    for event in parsed:
        if event.kind is EventKind.DOCUMENT_START:
            why, hint = "one file holds one document", "remove the `---`, or move what follows it to a file of its own"
            span = Span(event.span.line, event.span.column, event.span.line, event.span.column + 3)
            raise RefusedError(Finding(span, "several-documents", "a second document begins here", why, hint))


def _rows(parsed: Iterator[Event], source: StreamedText, path: str, report: _Report) -> Iterator[InputRow]:
    first = _first_of_document(parsed)
    if first.kind is not EventKind.SEQUENCE_START or first.tag is not None:
        why = "every item of the list is a row, with the columns as its keys"
        span = Span(first.span.line, first.span.column, first.span.line, first.span.column + 1)
        raise RefusedError(
            Finding(span, "rows-not-list", "rows must be a list of mappings", why, "begin each with `- `")
        )
    builder = Builder(MAX_ANCHORED)
    for event in parsed:
        if event.kind is EventKind.COLLECTION_END:
            break
        source.keep_from(event.span.line, event.span.column)
        row = builder.build(event, parsed)
        if row.written.entries is None:
            builder.findings.append(_not_a_mapping(row))
        for found in builder.findings:
            report(found)
        if not builder.findings and isinstance(row.value, dict):
            yield InputRow(row.value, path, event.span.line)
        builder.findings.clear()
    _expect_end(parsed)


def _not_a_mapping(row: Node) -> Finding:
    kind = "a list" if row.written.items is not None else "a single value"
    return Finding(
        row.span,
        "row-not-mapping",
        f"this row is {kind}, not a mapping",
        "templates find a row's values by its columns' names",
        "give it a key: `- text: …`",
    )


def _report(path: str, source: StreamedText, sink: DiagnosticSink, found: Finding) -> None:
    sink(found.diagnostic(path, source.line_text(found.span.line) or None))
