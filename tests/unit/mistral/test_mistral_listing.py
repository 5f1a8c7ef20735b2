from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.errors import ProviderError
from batchspec.mistral import listing
from batchspec.mistral.listing import PAGE_SIZE, every_page
from batchspec.mistral.wire import Page


class Thing(NamedTuple):
    id: str


def read(value: object) -> Thing:
    return Thing(str(value))


def listed(count: int, total: int | None, *, size: int = PAGE_SIZE) -> tuple[int, int]:
    """List `count` things from a server whose pages hold `size`; return the things seen and the pages asked for."""
    asked: list[int] = []

    def fetch(number: int) -> Page:
        asked.append(number)
        return Page(tuple(range(count))[number * size : (number + 1) * size], total)

    seen = list(every_page(fetch, read))
    assert len(seen) == len(set(seen))
    assert asked == list(range(len(asked)))
    return len(seen), len(asked)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 300])
def test_every_page_is_read(count: int) -> None:
    assert listed(count, count)[0] == count
    assert listed(count, None)[0] == count


def test_a_short_page_is_the_last_where_the_total_agrees() -> None:
    assert listed(50, 50) == (50, 1)
    assert listed(50, None) == (50, 1)
    assert listed(150, 150) == (150, 2)


def test_a_server_with_smaller_pages_is_read_to_its_total() -> None:
    assert listed(130, 130, size=40)[0] == 130


@pytest.mark.parametrize("lie", [0, 1, 100])
def test_a_total_that_is_too_small_hides_nothing_behind_a_full_page(lie: int) -> None:
    assert listed(250, lie)[0] == 250


@given(st.integers(0, 400), st.integers(0, 1000))
def test_no_total_makes_a_list_endless_or_short(count: int, total: int) -> None:
    assert listed(count, total)[0] == count


def test_things_that_come_twice_are_given_once() -> None:
    pages = [tuple(range(100)), (98, 99, *range(100, 110))]
    assert len(list(every_page(lambda number: Page(pages[number], None), read))) == 110


def test_a_server_that_repeats_a_page_for_ever_ends_the_list() -> None:
    assert len(list(every_page(lambda _: Page(tuple(range(100)), None), read))) == 100


def test_a_server_that_invents_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    # The true bound would take a server of many thousand pages.
    monkeypatch.setattr(listing, "_MOST_PAGES", 5)
    with pytest.raises(ProviderError, match="no end"):
        list(every_page(lambda number: Page(tuple(range(number * 100, number * 100 + 100)), None), read))
