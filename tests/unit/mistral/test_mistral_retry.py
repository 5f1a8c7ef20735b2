from __future__ import annotations

import itertools
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistral_server import FakeClock

from batchspec.core.errors import ProviderUnavailableError
from batchspec.mistral.retry import LONGEST_WAIT, TRIES, PassingError, Retrying, read_retry_after

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("3.", 3.0),
        (" 12 ", 12.0),
        ("5, 5", 5.0),
        ("21600", 21600.0),
        ("9" * 400, float("inf")),
        (format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True), 30.0),
        ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
        ("Tue Nov 14 22:13:50 2023", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("1e3", None),
        ("٣", None),
        ("Tue, 99 Nov 2023 22:13:50 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form_that_servers_send(text: str | None, seconds: float | None) -> None:
    assert read_retry_after(text, NOW) == seconds


@given(st.text())
def test_no_retry_after_is_an_error_or_negative(text: str) -> None:
    seconds = read_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


def waits_of(retry_after: float | None = None, *, random: float = 1.0, total_seconds: float = 1e9) -> list[float]:
    """The length of each wait between tries that all fail."""
    clock = FakeClock()
    tried_at: list[float] = []

    def attempt() -> None:
        tried_at.append(clock.now())
        raise PassingError(ProviderUnavailableError("busy"), retry_after)

    with pytest.raises(ProviderUnavailableError):
        Retrying(clock, lambda: random).run(attempt, lambda _: None, total_seconds=total_seconds)
    return [round(after - before, 6) for before, after in itertools.pairwise(tried_at)]


def test_waits_double_and_end_after_the_permitted_tries() -> None:
    assert waits_of() == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert len(waits_of()) == TRIES - 1


def test_jitter_covers_the_whole_of_each_wait() -> None:
    assert waits_of(random=0.0) == [0.0] * 5
    assert waits_of(random=0.25) == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_retry_after_is_obeyed_where_it_is_longer_and_capped_where_it_is_endless() -> None:
    assert waits_of(3.5) == [3.5, 3.5, 4.0, 8.0, 16.0]
    assert waits_of(21600.0) == [LONGEST_WAIT] * 5
    assert waits_of(float("inf")) == [LONGEST_WAIT] * 5


def test_no_try_begins_after_the_total_time() -> None:
    assert waits_of(120.0, total_seconds=300.0) == [120.0, 120.0]


def test_a_wait_is_shown_as_a_countdown_with_its_reason() -> None:
    notes: list[str] = []
    outcomes = iter([PassingError(ProviderUnavailableError("the provider is busy (HTTP 429)"), 3.0), None])

    def attempt() -> str:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        return "done"

    assert Retrying(FakeClock(), lambda: 0.0).run(attempt, notes.append, total_seconds=600.0) == "done"
    assert notes == [f"the provider is busy (HTTP 429); try 2 of 6 in {left} s" for left in (3, 2, 1)]


def test_a_clock_that_comes_back_early_ends_the_trying() -> None:
    class StoppedClock(FakeClock):
        """Returns from every sleep at once, as the port allows when a signal asks to stop."""

        def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)

    tries: list[int] = []

    def attempt() -> None:
        tries.append(1)
        raise PassingError(ProviderUnavailableError("busy"), 10.0)

    with pytest.raises(ProviderUnavailableError):
        Retrying(StoppedClock(), lambda: 1.0).run(attempt, lambda _: None, total_seconds=600.0)
    assert len(tries) == 1
