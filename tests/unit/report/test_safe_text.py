from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.report.safe_text import safe, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünïcödé, 日本語, 👍🏽", "plain text, ünïcödé, 日本語, 👍🏽"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x1b]8;;http://evil\x1b\\link", "␛]8;;http://evil␛\\link"),
        ("\x9b31m", "<U+009B>31m"),
        ("a\tb\r\nc\x00", "a␉b␍␊c␀"),
        ("\x7f", "␡"),
        ("\u202eevil\u2066x\u2069", "<U+202E>evil<U+2066>x<U+2069>"),
        ("\u200f\u200e\u061c", "<U+200F><U+200E><U+061C>"),
        ("a\u200bb\ufeff", "a<U+200B>b<U+FEFF>"),
        ("\u2028\u2029\x85", "<U+2028><U+2029><U+0085>"),
        ("\ud800", "<U+D800>"),
        ("\U000e0041", "<U+E0041>"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ],
)
def test_what_a_terminal_would_obey_is_made_visible(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text(st.characters()))
def test_safe_text_is_one_printable_line(text: str) -> None:
    shown = safe(text)
    assert len(shown.splitlines()) <= 1
    assert all(unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"} for character in shown)
    assert not {unicodedata.bidirectional(character) for character in shown} & {
        "RLO",
        "LRO",
        "RLE",
        "LRE",
        "RLI",
        "LRI",
    }
    assert safe(shown) == shown
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("\uff41", 2), ("", 0), ("👍", 2)]
)
def test_width_counts_columns(text: str, columns: int) -> None:
    assert width(text) == columns
