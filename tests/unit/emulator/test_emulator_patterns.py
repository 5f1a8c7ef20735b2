from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from batchspec.emulator.answers.pattern_search import found_in
from batchspec.emulator.answers.pattern_texts import texts
from batchspec.emulator.answers.patterns import LONGEST, UnsupportedPatternError, read

PATTERNS = [
    r"^[A-Z]{2}\d{3}$",
    r"^(?:red|green|blue)$",
    r"^a{2,4}b?c*d+$",
    r"^[^0-9]+$",
    r"^\+?[1-9]\d{1,14}$",
    r"^[\w.]+@[\w-]+\.[a-z]{2,}$",
    r"^(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])$",
    r"^[]a-c-]{3}$",
    r"^\S+ \D\W$",
    r"^\x41\u0042$",
    r"^((a|b){2}){3}$",
    r"^a+?b{2}?$",
    r"x{y}",
    r"^(ab|c)*$",
    r"a{300}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("draw", [0, 1, 99])
def test_a_text_is_made_after_its_pattern(pattern: str, draw: int) -> None:
    made = list(texts(pattern, draw))
    assert made
    assert all(re.search(pattern, text) and found_in(pattern, text) for text in made)


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [("^a+b*$", 7, 7), ("^(ab)*$", 5, 6), ("[0-9]", 9, 9), ("^x", 4, 9), ("y$", 4, 9), ("^(a|bcd)+$", 3, 3)],
)
def test_a_text_is_as_long_as_it_is_asked_to_be(pattern: str, least: int, most: int) -> None:
    made = [text for text in texts(pattern, 5, least, most) if re.search(pattern, text)]
    assert made
    assert all(least <= len(text) <= most for text in made)


def test_other_draws_make_other_texts() -> None:
    assert len({next(texts("^[a-z]{8}$", draw)) for draw in range(50)}) > 40


@given(
    st.text(st.sampled_from("ab01()[]{}|?*+^$\\-.,:<>=!PdwsDWSx_ "), max_size=25),
    st.text(st.sampled_from("ab01 _-x."), max_size=12),
)
def test_a_pattern_is_found_where_python_finds_it_or_refused(pattern: str, text: str) -> None:
    try:
        read(pattern)
    except UnsupportedPatternError:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            compiled = re.compile(pattern)
    except re.error:
        assume(False)
    assert found_in(pattern, text) == bool(compiled.search(text))
    for made in texts(pattern, 3):
        assert found_in(pattern, made) == bool(compiled.search(made))


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", "a(?!b)", "(?<=a)b", "(?<!a)b", r"\bab\b", r"a\Bb", r"(a|b)\1", "(?P<x>a|b)-(?P=x)", "^(?!.*bb)[ab]+$"],
)
@given(text=st.text("ab -", max_size=8))
def test_what_a_pattern_looks_around_for_is_found_where_python_finds_it(pattern: str, text: str) -> None:
    assert found_in(pattern, text) == bool(re.search(pattern, text))


@pytest.mark.parametrize(
    "pattern",
    [
        "(?>a)",
        "(?<=a*)b",
        r"\1(a)",
        "(?(1)a|b)",
        "(?=a)*",
        "(?i)a",
        r"\p{L}",
        "(",
        "a)",
        "[a",
        "*a",
        "a**",
        "[z-a]",
        "\\",
        r"\xg1",
        "a{3,2}",
        "(?P<1>a)",
        "^*",
        "(" * 5000,
        "a" * 5000,
    ],
)
def test_what_is_no_pattern_or_not_supported_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedPatternError, match=r"\w+ "):
        read(pattern)


@pytest.mark.parametrize(
    "pattern", ["((a{9999}){9999}){9999}", "a{999999999999}", "(((a*)*)*)*$", "(a?){4000}b", "(a|a)*b", "[^\\s\\S]"]
)
def test_a_hostile_pattern_costs_little(pattern: str) -> None:
    assert all(len(text) <= LONGEST for text in texts(pattern, 1, 9))
    assert not found_in(pattern + "!", "a" * LONGEST)
