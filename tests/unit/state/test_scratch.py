"""The scratch of one plan: which ids are taken, which bodies repeat, which requests are reserved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from state_samples import body, digest

from batchspec.state.scratch import SqliteScratch


@pytest.fixture
def scratch() -> Iterator[SqliteScratch]:
    with SqliteScratch() as opened:
        yield opened


def test_an_id_is_taken_by_the_first_row_that_has_it(scratch: SqliteScratch) -> None:
    places = [("t.csv", line) for line in range(2, 7)]
    assert scratch.add_ids("s", ["a", "b", "a"], [body(1), body(2), body(3)], places[:3]) == {2: "t.csv:2"}
    assert scratch.add_ids("s", ["c", "b"], [body(4), body(5)], places[3:]) == {1: "t.csv:3"}
    assert scratch.add_ids("other", ["a"], [body(1)], [("u.csv", 2)]) == {}
    assert list(scratch.rows("s")) == [("a", body(1)), ("b", body(2)), ("c", body(4))]
    assert list(scratch.rows("none")) == []


def test_ids_differ_by_every_character(scratch: SqliteScratch) -> None:
    names = ["a", "A", "a ", "é", "e\u0301", "a\x00b", "1", "01"]
    bodies = [body(name) for name in names]
    assert scratch.add_ids("s", names, bodies) == {}
    assert len(scratch.add_ids("s", names, bodies)) == len(names)


def test_ids_may_have_no_place(scratch: SqliteScratch) -> None:
    assert scratch.add_ids("s", ["a", "b"], [body(1), body(2)]) == {}
    assert scratch.add_ids("s", ["c", "a"], [body(3), body(1)]) == {1: ":0"}
    assert list(scratch.rows("s")) == [("a", body(1)), ("b", body(2)), ("c", body(3))]


def test_a_body_repeats_within_a_spec_and_not_across(scratch: SqliteScratch) -> None:
    assert scratch.add_bodies("s", [body(1), body(2), body(1)]) == {2}
    assert scratch.add_bodies("s", [body(3), body(2)]) == {1}
    assert scratch.add_bodies("other", [body(1)]) == set()


def test_a_request_is_reserved_once_for_the_whole_plan(scratch: SqliteScratch) -> None:
    assert scratch.reserve([digest(1), digest(2), digest(1)]) == {digest(1), digest(2)}
    assert scratch.reserve([digest(2), digest(3)]) == {digest(3)}
    assert scratch.reserve([]) == set()


def test_more_than_one_statement_takes_is_remembered(scratch: SqliteScratch) -> None:
    names = [str(number) for number in range(5_000)]
    bodies = [body(name) for name in names]
    assert scratch.add_ids("s", names, bodies, [("t", int(name)) for name in names]) == {}
    assert scratch.add_ids("s", names, bodies, [("x", 1)] * len(names)) == {int(name): f"t:{name}" for name in names}
    assert scratch.reserve([digest(name) for name in names]) == {digest(name) for name in names}
    assert scratch.reserve([digest(name) for name in names]) == set()


def test_nothing_of_it_is_left_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SqliteScratch() as scratch:
        scratch.add_bodies("s", [body(n) for n in range(1_000)])
        assert list(tmp_path.iterdir()) == []


@given(chunks=st.lists(st.lists(st.integers(0, 6), max_size=8), max_size=6))
def test_what_repeats_does_not_depend_on_how_rows_are_cut_into_chunks(chunks: list[list[int]]) -> None:
    seen: set[int] = set()
    with SqliteScratch() as scratch:
        for chunk in chunks:
            repeated = scratch.add_bodies("s", [body(n) for n in chunk])
            taken = scratch.add_ids("s", [*map(str, chunk)], [body(n) for n in chunk], [("t", n) for n in chunk])
            expected = {index for index, n in enumerate(chunk) if n in seen or n in chunk[:index]}
            assert repeated == set(taken) == expected
            assert all(taken[index] == f"t:{chunk[index]}" for index in taken)
            seen.update(chunk)
