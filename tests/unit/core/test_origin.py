"""Where the text of a template came from."""

from __future__ import annotations

import pytest

from batchspec.core.diagnostics import Location, Span
from batchspec.core.origin import FileOrigin, find_name, is_template


def test_a_name_is_found_on_its_line_of_the_file() -> None:
    origin = FileOrigin(path="prompts/a.md", text="subject\n  about {{ row.subject }}\n")
    place, source = origin.place(2, "subject")
    assert place == Location("prompts/a.md", Span(2, 16, 2, 23))
    assert source == "  about {{ row.subject }}"


def test_without_a_name_the_first_visible_character_is_meant() -> None:
    origin = FileOrigin(path="a.md", text="x\n\t  y")
    assert origin.place(2)[0].span == Span(2, 4, 2, 5)
    assert origin.place(2, "nowhere")[0].span == Span(2, 4, 2, 5)


@pytest.mark.parametrize("line", [0, -1, 3, 99])
def test_a_line_that_is_not_there_leaves_the_file(line: int) -> None:
    assert FileOrigin(path="a.md", text="x\ny").place(line) == (Location("a.md"), None)


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("{{ row.a }}", "a", (8, 1)),
        ("a {{ row.a }}", "a", (10, 1)),
        ("a {% if row.a %}", "a", (13, 1)),
        ("a b", "b", (3, 1)),
        ("ab {{ row.abc }}", "ab", (1, 2)),
        ("{{ row['a+b'] }}", "a+b", (9, 3)),
        ("", "a", (1, 1)),
        ("   ", None, (4, 1)),
    ],
)
def test_a_name_inside_a_delimiter_is_preferred(source: str, name: str | None, expected: tuple[int, int]) -> None:
    assert find_name(source, name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{{ x }}", True), ("{% if %}", True), ("{# note #}", True), ("{ x }", False), ("}}", False), ("", False)],
)
def test_a_string_without_delimiters_is_a_constant(text: str, expected: bool) -> None:
    assert is_template(text) is expected
