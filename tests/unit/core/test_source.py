from __future__ import annotations

import pytest
from yaml.reader import Reader

from batchspec.core.diagnostics import Diagnostic, Severity, Span
from batchspec.core.errors import InvalidInputError
from batchspec.core.source import SourceDocument, load_source
from batchspec.core.source.events import ParserFactory, parser_factory

BOTH_PARSERS = [pytest.param(True, id="libyaml"), pytest.param(False, id="python")]


@pytest.fixture(params=BOTH_PARSERS)
def factory(request: pytest.FixtureRequest) -> ParserFactory:
    return parser_factory(compiled=request.param)


def value(text: str) -> object:
    return load_source(text, "spec.yaml").value


def findings(text: str, factory: ParserFactory | None = None) -> list[Diagnostic]:
    with pytest.raises(InvalidInputError) as caught:
        load_source(text, "spec.yaml", factory)
    return list(caught.value.diagnostics)


def codes(text: str, factory: ParserFactory | None = None) -> list[str]:
    return [found.code for found in findings(text, factory)]


def place(found: Diagnostic) -> tuple[int, int]:
    assert found.location.span is not None
    return found.location.span.line, found.location.span.column


def test_the_python_parser_is_really_tested_beside_libyaml() -> None:
    assert isinstance(parser_factory(compiled=False)("a"), Reader)
    assert not isinstance(parser_factory(compiled=True)("a"), Reader)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("True", True),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("false", False),
        ("null", None),
        ("Null", None),
        ("~", None),
        ("nULL", "nULL"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-12", -12),
        ("+12", 12),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z"),
        ("0b11", "0b11"),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("3.10", 3.1),
        ("1.2.3", "1.2.3"),
        ("-1-", "-1-"),
        (".", "."),
        ("=", "="),
        ("١٢", "١٢"),
        ('"010"', "010"),
        ("'true'", "true"),
        ('""', ""),
    ],
)
def test_scalars_are_read_as_in_yaml_1_2(written: str, expected: object) -> None:
    read = value(f"a: {written}\n")
    assert read == {"a": expected}
    assert type(read["a"]) is type(expected)


def test_an_empty_value_is_null() -> None:
    assert value("a:\nb: 1\n") == {"a": None, "b": 1}


def test_big_integers_are_exact_up_to_4300_digits() -> None:
    digits = "1" + "0" * 4299
    assert value(f"a: {digits}") == {"a": int(digits)}
    (found,) = findings(f"a: {digits}0")
    assert found.code == "not-json"
    assert "4,300 digits" in found.summary
    assert codes("a: 0x" + "f" * 4000) == ["not-json"]


def test_numbers_that_json_lacks_are_refused_all_at_once() -> None:
    assert [place(found) for found in findings("[.inf, -.Inf, .NaN, 1e999]")] == [(1, 2), (1, 8), (1, 15), (1, 21)]


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_in_editors(line_break: str, factory: ParserFactory) -> None:
    document = load_source(line_break.join(["a: 1", "b: |", "  one", "  two", "c: 3"]), "spec.yaml", factory)
    assert document.value == {"a": 1, "b": "one\ntwo\n", "c": 3}
    assert document.lines == ("a: 1", "b: |", "  one", "  two", "c: 3")
    assert document.value_span(("c",)) == Span(5, 4, 5, 5)


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_line_breaks_of_old_yaml_are_ordinary_characters(character: str, factory: ParserFactory) -> None:
    text = f'a: "x{character}y \ue000"\nb: |\n  x{character}y\nc: \\ue001 \\UE002\n'
    document = load_source(text, "spec.yaml", factory)
    assert document.value == {"a": f"x{character}y \ue000", "b": f"x{character}y\n", "c": "\\ue001 \\UE002"}
    assert document.key_span(("c",)).line == 4


def test_an_escape_is_not_taken_for_a_replaced_line_break() -> None:
    assert value('a: "\u2028 \\ue000 \\uE001 \\ue002"') == {"a": "\u2028 \ue000 \ue001 \ue002"}


def test_every_key_and_value_has_its_place(factory: ParserFactory) -> None:
    text = "name: x\nbody:\n  stop: [a, 'b c']\n  n: 1\nlast: {deep: {er: }}\n"
    document = load_source(text, "spec.yaml", factory)
    assert document.key_span(("body", "stop")) == Span(3, 3, 3, 7)
    assert document.value_span(("body", "stop")) == Span(3, 9, 3, 19)
    assert document.value_span(("body", "stop", 1)) == Span(3, 13, 3, 18)
    assert document.key_span(("body", "stop", 1)) == Span(3, 13, 3, 18)
    assert document.value_span(("body",)) == Span(3, 3, 4, 7)
    assert document.value_span(("last", "deep")) == Span(5, 14, 5, 20)
    assert document.value_span(()) == Span(1, 1, 5, 21)
    assert document.line_text(3) == "  stop: [a, 'b c']"
    assert document.line_text(99) == ""


def test_a_pointer_to_nothing_means_the_nearest_above_it() -> None:
    document = load_source("a:\n  b: [1]\n", "spec.yaml")
    assert document.has(("a", "b", 0))
    assert not document.has(("a", "b", 1))
    assert not document.has(("a", "b", -1))
    assert not document.has(("a", 0))
    assert document.value_span(("a", "b", 7, "x")) == document.value_span(("a", "b"))
    assert document.key_span(("a", "c")) == Span(1, 1, 1, 2)
    assert document.key_span(("z",)) == document.value_span(())
    assert document.value_at(("a", "b", 0)) == 1


def test_a_diagnostic_carries_place_line_and_reasons() -> None:
    document = load_source("a: 1\nb: two\n", "specs/s.yaml")
    found = document.diagnostic(("b",), "wrong", "no", "because", "so", Severity.WARNING, on_key=True)
    assert found == Diagnostic(
        severity=Severity.WARNING,
        code="wrong",
        location=found.location,
        summary="no",
        detail="because",
        hint="so",
        source_line="b: two",
    )
    assert found.location == ("specs/s.yaml", Span(2, 1, 2, 2))


def test_a_value_is_quoted_as_it_was_written() -> None:
    document = load_source("a: 3.10\nb: &x {c: 010}\nd: *x\n", "spec.yaml")
    assert document.source_text(("a",)) == "3.10"
    assert document.source_text(("d", "c")) == "010"


def test_aliases_share_a_value_and_keep_both_places() -> None:
    document = load_source("x-a: &a {t: 1}\nb: *a\nc: [*a]\n", "spec.yaml")
    assert document.value == {"x-a": {"t": 1}, "b": {"t": 1}, "c": [{"t": 1}]}
    assert document.value_span(("b",)) == Span(2, 4, 2, 6)
    assert document.value_span(("b", "t")) == Span(1, 13, 1, 14)
    assert document.has(("c", 0, "t"))


def test_an_anchor_given_again_stands_for_the_later_value() -> None:
    assert value("[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]
    assert value("[&a [&a 3], *a]") == [[3], 3]


def test_an_alias_may_be_a_key() -> None:
    assert value("a: &a name\n*a : 1\n") == {"a": "name", "name": 1}
    assert codes("a: &a 1\n*a : 1\n") == ["non-string-key"]


def test_merge_keys_fill_in_what_a_mapping_lacks() -> None:
    text = "x-a: &a {t: 0, n: 1}\nx-b: &b {n: 2, m: 3}\none: {t: 9, <<: *a}\nmany:\n  <<: [*a, *b, {k: 4}]\n  z: 5\n"
    document = load_source(text, "spec.yaml")
    assert document.value_at(("one",)) == {"t": 9, "n": 1}
    many = document.value_at(("many",))
    assert many == {"t": 0, "n": 1, "m": 3, "k": 4, "z": 5}
    assert isinstance(many, dict)
    assert list(many) == ["t", "n", "m", "k", "z"]
    assert document.value_span(("many", "m")) == Span(2, 19, 2, 20)
    assert document.value_span(("one", "t")) == Span(3, 10, 3, 11)


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert value('{"<<": 1}') == {"<<": 1}


@pytest.mark.parametrize("merged", ["1", "text", "[1]", "[[a]]", "*gone", ""])
def test_only_mappings_can_be_merged(merged: str) -> None:
    assert "merge-key" in codes(f"a:\n  <<: {merged}\n")


def test_two_merge_keys_are_a_duplicate() -> None:
    assert codes("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n") == ["duplicate-key"]


def test_everything_wrong_is_found_at_once() -> None:
    text = "a: 1\na: 2\nb: !!str 3\n4: x\nc: .nan\nd: *gone\ne: {{ row.x }}\nf: [\n"
    found = findings(text)
    assert [(each.code, place(each)[0]) for each in found] == [
        ("duplicate-key", 2),
        ("yaml-tag", 3),
        ("non-string-key", 4),
        ("not-json", 5),
        ("unknown-anchor", 6),
        ("unquoted-template", 7),
        ("yaml-syntax", 8),
    ]


def test_a_duplicate_names_both_lines() -> None:
    (found,) = findings("a: 1\nb: 2\n\na: 3\n")
    assert "line 1" in found.summary
    assert "line 4" in found.summary
    assert place(found) == (4, 1)


def test_a_misspelt_anchor_gets_the_nearest_name() -> None:
    (found,) = findings("a: &defaults {}\nb: *defualts\n")
    assert found.hint == "did you mean `defaults`?"


@pytest.mark.parametrize("tag", ["!!str", "!!int", "!!python/object/apply:os.system", "!Ref", "!"])
def test_every_tag_is_refused(tag: str, factory: ParserFactory) -> None:
    (found,) = findings(f"a: {tag} 1\n", factory)
    assert found.code == "yaml-tag"
    assert place(found) == (1, 4)


@pytest.mark.parametrize("key", ["1", "true", "~", "3.10", "[a]", "{a: b}", "0x1f", ".inf"])
def test_keys_that_are_not_text_are_refused(key: str, factory: ParserFactory) -> None:
    assert "non-string-key" in codes(f"{key}: x\n", factory)


def test_keys_that_other_yaml_reads_as_booleans_are_text() -> None:
    assert value("on: 1\nNO: 2\ny: 3\n2024-01-01: 4\n") == {"on": 1, "NO": 2, "y": 3, "2024-01-01": 4}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "\n".join(" " * depth + "a:" for depth in range(500)),
        "[" * 65 + "]" * 65,
    ],
    ids=["lists", "mappings", "dashes", "keys", "block", "one too many"],
)
def test_depth_is_bounded_without_recursion(text: str, factory: ParserFactory) -> None:
    assert codes(text, factory) == ["too-deep"]


def test_64_levels_are_allowed() -> None:
    assert isinstance(value("[" * 64 + "]" * 64), list)


def test_depth_cannot_be_reached_through_aliases_either() -> None:
    half = "[" * 40 + "]" * 40
    assert codes(f"a: &a {half}\nb: {'[' * 30}*a{']' * 30}\n") == ["too-deep"]


def bomb(levels: int, value: str = "x") -> str:
    lines = [f"a0: &a0 [{', '.join([value] * 10)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_aliases_of_aliases_have_a_budget() -> None:
    assert isinstance(value(bomb(4)), dict)
    assert codes(bomb(9)) == ["alias-budget"]


def test_the_budget_counts_long_text_too() -> None:
    assert codes(bomb(3, value="y" * 500_000)) == ["alias-budget"]


def test_merged_bombs_have_the_same_budget() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(50)) + "}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 20)}]}}" for n in range(1, 8)]
    assert codes("\n".join(lines)) == ["alias-budget"]


def test_the_number_of_values_has_a_budget_whatever_their_size() -> None:
    assert codes("a: [" + "0," * 510_000 + "]") == ["too-large"]
    assert codes("a: {" + "".join(f"k{n}: 0, " for n in range(260_000)) + "}") == ["too-large"]
    assert isinstance(value("a: [" + "0," * 100_000 + "]"), dict)


def test_a_self_reference_is_found() -> None:
    assert codes("a: &a [1, {b: *a}]\n") == ["self-reference"]


def test_endless_errors_are_cut_short() -> None:
    found = codes("- *gone\n" * 5000)
    assert len(found) == 101
    assert found[-1] == "too-many-errors"


def test_a_file_over_16_mb_is_refused() -> None:
    assert codes("a: " + "x" * 16_000_000) == ["too-large"]
    assert codes("a: " + "€" * 6_000_000) == ["too-large"]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "%YAML 1.2\n---\n"])
def test_an_empty_document_is_refused(text: str) -> None:
    assert codes(text) == ["empty-document"]


def test_an_explicit_null_is_a_document() -> None:
    assert value("null\n") is None
    assert value("--- ~\n") is None
    assert value('""') == ""


def test_a_second_document_is_refused(factory: ParserFactory) -> None:
    (found,) = findings("a: 1\n---\nb: 2\n", factory)
    assert (found.code, place(found)) == ("several-documents", (2, 1))


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ud800", "\uffff"])
def test_characters_that_yaml_refuses_are_located(character: str, factory: ParserFactory) -> None:
    (found,) = findings(f"a: 1\r\nb: x{character}y\n", factory)
    assert (found.code, place(found)) == ("bad-character", (2, 5))
    assert f"U+{ord(character):04X}" in found.summary


def test_only_the_first_few_bad_characters_are_listed() -> None:
    assert codes("\x00" * 1000) == ["bad-character"] * 10


def test_a_nul_may_be_written_as_an_escape() -> None:
    assert value('"a\\0b"') == "a\0b"


@pytest.mark.parametrize("escape", ["\\ud83d\\ude00", "\\ud800", "\\UFFFFFFFF", "\\xZZ", "\\d"])
def test_escapes_that_stand_for_no_character_are_refused(escape: str, factory: ParserFactory) -> None:
    (found,) = findings(f'a: "{escape}"\n', factory)
    assert found.code == "yaml-syntax"


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "\ta: 1\n"])
def test_a_tab_for_indentation_is_named(text: str, factory: ParserFactory) -> None:
    (found,) = findings(text, factory)
    assert found.summary == "a tab is used for indentation"


def test_a_byte_order_mark_does_no_harm() -> None:
    assert value("\ufeffa: 1\n") == {"a": 1}


def test_a_template_in_a_text_is_left_alone() -> None:
    assert value('a: "{{ x }}"\nb: text {{ x }}\nc: |\n  {{ x }}: {% y %}\n') == {
        "a": "{{ x }}",
        "b": "text {{ x }}",
        "c": "{{ x }}: {% y %}\n",
    }


def test_a_bare_template_hides_what_yaml_makes_of_its_inside() -> None:
    (found,) = findings("a: {{ 1 }}\n")
    assert found.code == "unquoted-template"
    assert found.location.span == Span(1, 4, 1, 11)


def test_documents_compare_by_value() -> None:
    first, second = load_source("a: 1", "p"), load_source("a: 1", "p")
    assert isinstance(first, SourceDocument)
    assert first == second
