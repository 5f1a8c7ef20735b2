"""Marks of keys: what came before is never taken for new, and what is new is hardly ever doubted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from state_samples import body

from batchspec.state.seen import Seen


@given(chunks=st.lists(st.lists(st.text(max_size=3), max_size=6, unique=True), max_size=8))
def test_a_key_that_came_before_is_never_taken_for_new(chunks: list[list[str]]) -> None:
    seen, before = Seen(), set[str]()
    for keys in chunks:
        if before.isdisjoint(keys):
            assert seen.add(keys)
            before.update(keys)
        else:
            assert not seen.add(keys)
            return


def test_a_key_that_comes_twice_at_once_is_doubted() -> None:
    assert not Seen().add(["a", "b", "a"])


def test_a_hundred_thousand_keys_that_differ_are_new_once() -> None:
    keys = [body(number) for number in range(100_000)]
    seen = Seen(len(keys))
    assert seen.add(keys)
    assert not any(seen.add([key]) for key in keys[::1_000])


def test_a_table_is_full_before_it_is_crowded() -> None:
    seen = Seen()
    room = next(more for more in range(1, 10_000) if seen.full(more)) - 1
    assert seen.add([str(number) for number in range(room)])
    assert seen.full(1)
