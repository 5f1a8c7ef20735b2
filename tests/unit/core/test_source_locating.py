from __future__ import annotations

import pytest

from batchspec.core.diagnostics import Span
from batchspec.core.source import SourceDocument, load_source
from batchspec.core.source.events import parser_factory


def located(text: str, line: int, name: str | None, pointer: tuple[str | int, ...] = ("a",)) -> str:
    """Return "line:column=text" of what is found, with both parsers alike."""
    spans = {
        load_source(text, "s.yaml", parser_factory(compiled=compiled)).locate_in_string(pointer, line, name)
        for compiled in (True, False)
    }
    (span,) = spans
    assert span.line == span.end_line
    source = load_source(text, "s.yaml").line_text(span.line)
    return f"{span.line}:{span.column}={source[span.column - 1 : span.end_column - 1]}"


@pytest.mark.parametrize(
    "text",
    [
        "a: text {{ row.x }}\n",
        "a: 'text {{ row.x }}'\n",
        'a: "text {{ row.x }}"\n',
        "{a: 'text {{ row.x }}'}\n",
    ],
)
def test_a_name_in_a_one_line_text(text: str) -> None:
    found = located(text, 1, "x")
    assert found == f"1:{text.index('x }}') + 1}=x"


def test_a_name_counts_only_inside_delimiters_and_as_a_whole_word() -> None:
    assert located("a: 'x {# x #} {{ xy.z }} {{ x }}'\n", 1, "x") == "1:29=x"
    assert located("a: x {% if x %}x{% endif %}\n", 1, "x") == "1:12=x"


def test_a_name_that_is_nowhere_gives_the_text_of_the_line() -> None:
    assert located("a: 'one {{ row.x }}'\n", 1, "gone") == "1:4='one {{ row.x }}'"
    assert located("a: 'one {{ row.x }}'\n", 1, None) == "1:4='one {{ row.x }}'"


BLOCK = "b: 1\na: |\n  first {{ x }}\n\n  third {{ x }} {{ y }}\n    fourth\nc: 2\n"


def test_lines_of_a_literal_block_match_exactly() -> None:
    assert located(BLOCK, 1, "x") == "3:12=x"
    assert located(BLOCK, 3, "x") == "5:12=x"
    assert located(BLOCK, 3, "y") == "5:20=y"
    assert located(BLOCK, 4, None) == "6:5=fourth"
    assert located(BLOCK, 1, "y") == "3:3=first {{ x }}"


def test_a_line_beyond_the_block_is_its_last() -> None:
    assert located(BLOCK, 99, None) == "6:5=fourth"


def test_an_empty_line_has_a_place() -> None:
    document = load_source(BLOCK, "s.yaml")
    assert document.locate_in_string(("a",), 2, None) == Span(4, 1, 4, 2)


@pytest.mark.parametrize("header", ["|", "|-", "|+", "|2", "|  # comment", "&anchor |"])
def test_the_header_of_a_block_is_not_its_first_line(header: str) -> None:
    assert located(f"a: {header}\n  {{{{ x }}}}\nb: 1\n", 1, "x") == "2:6=x"


def test_a_block_at_the_end_of_the_file() -> None:
    assert located("a: |\n  one\n  {{ x }}", 2, "x") == "3:6=x"


def test_a_delimiter_may_span_lines() -> None:
    assert located("a: |\n  {% if one\n     and x %}\n  {% endif %}\n", 2, "x") == "3:10=x"


def test_folded_text_is_searched_for_the_name() -> None:
    text = "a: >\n  one\n  {{ x }}\n  two {{ y }}\n"
    assert located(text, 1, "x") == "3:6=x"
    assert located(text, 1, "y") == "4:10=y"
    assert located(text, 1, "gone") == "2:3=one"


def test_quoted_text_over_several_lines_is_searched_for_the_name() -> None:
    text = 'a: "one\n  {{ x }}\n\n  {{ y }}" # {{ z }}\n'
    assert located(text, 1, "x") == "2:6=x"
    assert located(text, 2, "y") == "4:6=y"
    assert located(text, 1, "z") == '1:4="one'


def test_plain_text_over_several_lines_is_searched_for_the_name() -> None:
    assert located("a: one\n  {{ x }}\n", 1, "x") == "2:6=x"


def test_a_text_behind_an_alias_is_where_it_was_written() -> None:
    assert located("x: &x |\n  {{ y }}\na: *x\n", 1, "y") == "2:6=y"


def test_an_anchor_is_no_part_of_the_text() -> None:
    assert located("a: &y {b: 1}\nc: &z\n  '{{ y }}'\n", 1, "y", ("c",)) == "3:7=y"


def test_what_is_no_text_has_its_own_place() -> None:
    document = load_source("a: {b: 1}\n", "s.yaml")
    assert document.locate_in_string(("a",), 1, "x") == Span(1, 4, 1, 10)


def test_unclosed_delimiters_take_linear_time() -> None:
    document: SourceDocument = load_source(f"a: '{'{{ {# {% ' * 200_000}'\n", "s.yaml")
    assert document.locate_in_string(("a",), 1, "x").line == 1
