"""A block drawn again and again: what stood above it stays, and the last one is what is seen."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from batchspec.report.frame import Frame, Room

_STEP = re.compile(r"\x1b\[(\d*)([FKJ])|(\n)|([^\x1b\n]+)")


def seen(written: str, columns: int) -> list[str]:
    """Return the lines that a terminal shows: it goes up, clears, and goes on below where a line is too long."""
    lines, row, column = [""], 0, 0
    for count, code, newline, text in _STEP.findall(written):
        if newline:
            row, column = row + 1, 0
        elif code == "F":
            row, column = row - int(count), 0
            assert row >= 0, "above what was ever drawn"
        elif code == "K":
            lines[row] = lines[row][:column]
        elif code == "J":
            lines[row:] = [lines[row][:column]]
        for character in text:
            if column == columns:
                row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    return lines


BLOCKS = st.lists(st.lists(st.text("ab ", max_size=25), min_size=1, max_size=6), min_size=1, max_size=5)


@given(BLOCKS, st.integers(8, 30))
def test_the_last_block_alone_is_seen_below_what_was_there(blocks: list[list[str]], columns: int) -> None:
    stream = io.StringIO()
    stream.write("before\n")
    frame = Frame(stream, lambda: Room(columns, 100))
    for block in blocks:
        frame.draw(block)
    last = [line[at : at + columns] for line in blocks[-1] for at in range(0, max(len(line), 1), columns)]
    assert [line.rstrip() for line in seen(stream.getvalue(), columns)] == [
        "before",
        *(line.rstrip() for line in last),
        "",
    ]


@given(BLOCKS, st.integers(8, 30))
def test_a_cleared_block_leaves_nothing(blocks: list[list[str]], columns: int) -> None:
    stream = io.StringIO()
    stream.write("before\n")
    frame = Frame(stream, lambda: Room(columns, 100))
    for block in blocks:
        frame.draw(block, ["the foot"])
    frame.clear()
    assert seen(stream.getvalue(), columns) == ["before", ""]


def test_the_same_block_is_not_written_again() -> None:
    stream = io.StringIO()
    frame = Frame(stream, lambda: Room(80, 24))
    frame.draw(["one", "two"])
    written = stream.getvalue()
    frame.draw(["one", "two"])
    assert stream.getvalue() == written


def test_what_is_higher_than_the_terminal_is_cut_above_its_foot() -> None:
    stream = io.StringIO()
    Frame(stream, lambda: Room(80, 6)).draw([f"line {number}" for number in range(20)], ["the foot"])
    assert seen(stream.getvalue(), 80) == [
        "line 0",
        "line 1",
        "line 2",
        "… 17 more lines; the whole is shown at the end",
        "the foot",
        "",
    ]
