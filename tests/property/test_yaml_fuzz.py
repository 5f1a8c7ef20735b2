"""No text whatever may end the YAML reader in anything but a value or a finding; and what YAML says is what is read."""

from __future__ import annotations

import io
import math

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.errors import InvalidInputError
from batchspec.core.schema import SchemaChecker, document_diagnostics
from batchspec.core.source import SourceDocument, load_source, stream_rows
from batchspec.core.source.events import parser_factory
from batchspec.report.diagnostics import render_diagnostics

PIECES = [
    *"[]{},:?-&*!|>'\"%@`#~=<\n \t\r\\",
    *(
        "- ",
        ": ",
        "\n  ",
        "\n- ",
        "\na: ",
        "<<: ",
        "&a ",
        "*a",
        "!!str ",
        "!x ",
        "---\n",
        "...\n",
        "{{ x }}",
        "{% y %}",
    ),
    *(
        "|\n",
        ">-\n",
        "1",
        ".nan",
        "1e999",
        "0x",
        "null",
        "true",
        '"\\ud800"',
        '"\\x',
        "\u2028",
        "\x85",
        "\ufeff",
        "\x00",
    ),
    *("%YAML 1.2\n", "%TAG ! x\n", "a", "é", "日", "\ud800", "\U0010ffff", "\ufdd0", "\U000afffe", "# c\n", "? "),
]
YAML_LIKE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
ANY_TEXT = st.one_of(YAML_LIKE, st.text(st.characters()), st.text())
ANY_BYTES = st.one_of(st.binary(), ANY_TEXT.map(lambda text: text.encode("utf-8", errors="surrogatepass")))

JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(JSON_TEXT, inner, max_size=5),
    max_leaves=20,
)

CHECKER = SchemaChecker({"type": "object", "additionalProperties": {"type": "string"}})


class QuotingDumper(yaml.SafeDumper):
    """Writes every text in quotes: PyYAML leaves those bare that are numbers in YAML 1.2 and not in 1.1."""


def quoted(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


def plain_float(dumper: yaml.SafeDumper, number: float) -> yaml.Node:
    # YAML 1.1, which PyYAML writes, has no `1e-05`.
    text = repr(number)
    return dumper.represent_scalar("tag:yaml.org,2002:float", text if "." in text else text.replace("e", ".0e"))


QuotingDumper.add_representer(str, quoted)
QuotingDumper.add_representer(float, plain_float)
QuotingDumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


def places(document: SourceDocument, value: object, pointer: tuple[str | int, ...] = ()) -> None:
    """Ask for the place of everything in a document."""
    assert document.has(pointer)
    assert document.value_at(pointer) == value
    for span in (document.key_span(pointer), document.value_span(pointer)):
        assert 1 <= span.line <= span.end_line <= len(document.lines) + 1
        assert span.column >= 1
        assert span.end_column >= 1
    if isinstance(value, str):
        for name in (None, "x"):
            assert 1 <= document.locate_in_string(pointer, 1, name).line <= len(document.lines)
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        places(document, child, (*pointer, key))


def attempt(text: str, *, compiled: bool) -> SourceDocument | None:
    try:
        return load_source(text, "f.yaml", parser_factory(compiled=compiled))
    except InvalidInputError as refused:
        shown = render_diagnostics(refused.diagnostics, colour=False)
    assert shown
    return None


@settings(max_examples=600)
@given(ANY_TEXT, st.booleans())
def test_any_text_gives_a_value_or_findings(text: str, compiled: bool) -> None:
    document = attempt(text, compiled=compiled)
    if document is not None:
        places(document, document.value)
        render_diagnostics(document_diagnostics(document, CHECKER), colour=False)


@settings(max_examples=400)
@given(ANY_BYTES, st.booleans())
def test_any_bytes_give_rows_or_findings(data: bytes, compiled: bool) -> None:
    found: list[Diagnostic] = []
    rows = list(stream_rows(io.BytesIO(data), "f.yaml", found.append, parser_factory(compiled=compiled)))
    assert all(row.line >= 1 for row in rows)
    assert render_diagnostics(found, colour=False) or not found


@settings(max_examples=300)
@given(JSON_LIKE, st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_a_dumped_value_is_read_back(value: object, flow: bool, raw: bool, line_break: str) -> None:
    text = yaml.dump(
        value, Dumper=QuotingDumper, default_flow_style=flow, allow_unicode=raw, line_break=line_break, sort_keys=False
    )
    for compiled in (True, False):
        document = load_source(text, "f.yaml", parser_factory(compiled=compiled))
        assert same(document.value, value)
        places(document, document.value)


@settings(max_examples=100)
@given(st.lists(st.dictionaries(JSON_TEXT, JSON_LIKE, max_size=4), min_size=1, max_size=6))
def test_streamed_rows_are_those_of_the_whole_document(rows: list[dict[str, object]]) -> None:
    text = yaml.dump(rows, Dumper=QuotingDumper, sort_keys=False)
    found: list[Diagnostic] = []
    streamed = list(stream_rows(io.BytesIO(text.encode("utf-8")), "f.yaml", found.append))
    document = load_source(text, "f.yaml")
    assert found == []
    assert [row.values for row in streamed] == document.value
    assert [row.line for row in streamed] == [document.value_span((index,)).line for index in range(len(rows))]


def same(read: object, written: object) -> bool:
    """Compare exactly: 1 is not 1.0, -0.0 is not 0.0."""
    if isinstance(written, dict) and isinstance(read, dict):
        return list(read) == list(written) and all(same(read[key], written[key]) for key in written)
    if isinstance(written, list) and isinstance(read, list):
        return len(read) == len(written) and all(map(same, read, written))
    if isinstance(written, float) and isinstance(read, float):
        return read == written and math.copysign(1, read) == math.copysign(1, written)
    return type(read) is type(written) and read == written
