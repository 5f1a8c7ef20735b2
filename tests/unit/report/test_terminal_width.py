"""What a terminal shows fits its width: folded below where text begins, tables in two lines a row."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchspec.commands.init import Initialised
from batchspec.report.style import Style, table
from batchspec.report.text import init_text
from batchspec.report.wrapping import fold, visible

JOBS = [
    ("job", "status", "model", "done", "of"),
    ("730f2938-ec26-4210-9655-37cb21af9440", "SUCCESS", "mistral-small-latest", "3", "1,000"),
    ("20e8465c-091e-458f-81c5-efe0280264e3", "RUNNING", "ministral-8b-latest", "12", "40"),
]


def test_a_long_line_goes_on_below_where_its_text_begins() -> None:
    assert fold("  why:  nothing was sent, since the limit is lower than that", 40) == (
        "  why:  nothing was sent, since the\n        limit is lower than that"
    )


def test_what_is_to_be_copied_is_not_folded() -> None:
    assert fold("  help: run `batchspec apply --provider emulator --yes`", 40) == (
        "  help: run\n        `batchspec apply --provider emulator --yes`"
    )


def test_a_file_is_as_wide_as_need_be() -> None:
    assert fold("word " * 100, None) == "word " * 100


def test_colours_take_no_room() -> None:
    assert visible("\x1b[1mPlan\x1b[0m") == 4
    assert fold("\x1b[2m1234 678\x1b[0m", 8) == "\x1b[2m1234 678\x1b[0m"


@given(st.lists(st.text("ab`:é  ", max_size=30), max_size=8), st.integers(20, 100))
@example(["::::::::::::::::::```"], 20)
def test_folding_loses_nothing_but_blanks_and_is_done_once(lines: list[str], width: int) -> None:
    text = "\n".join(lines)
    folded = fold(text, width)
    assert folded.split() == text.split()
    assert fold(folded, width).split() == text.split()


@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=40), st.integers(30, 100))
def test_words_that_fit_are_in_lines_that_fit(words: list[str], width: int) -> None:
    assert max(map(len, fold("  head:  " + " ".join(words), width).split("\n"))) <= width


def test_numbers_of_a_table_stand_to_the_right_of_their_columns() -> None:
    assert table(JOBS, Style(colour=False)).splitlines() == [
        "job                                   status   model                 done     of",
        "730f2938-ec26-4210-9655-37cb21af9440  SUCCESS  mistral-small-latest     3  1,000",
        "20e8465c-091e-458f-81c5-efe0280264e3  RUNNING  ministral-8b-latest     12     40",
    ]


@pytest.mark.parametrize("width", [60, 70, 79])
def test_where_a_table_is_too_wide_its_first_cells_have_lines_of_their_own(width: int) -> None:
    lines = table(JOBS, Style(colour=False, width=width)).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[:4] == [
        "job",
        "  status   model                 done     of",
        "730f2938-ec26-4210-9655-37cb21af9440",
        "  SUCCESS  mistral-small-latest     3  1,000",
    ]


def test_a_table_that_fits_is_left_in_one_line_a_row() -> None:
    assert len(table(JOBS, Style(colour=False, width=80)).splitlines()) == 3


def test_cells_of_a_table_stand_below_each_other_whatever_their_script() -> None:
    rows = [("spec", "model", "done"), ("評価データ", "m", "1"), ("caf\N{COMBINING ACUTE ACCENT}", "m", "1,000")]
    rows += [("sun\N{SUN WITH FACE}", "m", "20")]
    lines = table(rows, Style(colour=False)).splitlines()
    # Ten columns for the widest name, and five each for a model and a number, two blanks between them.
    assert {visible(line) for line in lines} == {10 + 2 + 5 + 2 + 5}
    assert {visible(line[: line.rindex(" m")]) for line in lines} == {11}


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_words_after_init_are_folded_and_its_command_is_not(width: int) -> None:
    made = Initialised(made=("batchspec.toml",), kept=())
    text = init_text(made, "a-rather-long-name-of-a-folder", Style(colour=False, width=width))
    command = "  cd a-rather-long-name-of-a-folder && batchspec apply --provider emulator --wait"
    lines = text.splitlines()
    assert command in lines
    assert max(len(line) for line in lines if line != command) <= width
