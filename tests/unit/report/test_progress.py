"""How far work is, in the same words for a terminal and a log."""

from __future__ import annotations

import io
import re
import time

import pytest

from batchspec.report import live
from batchspec.report.live import LiveProgress
from batchspec.report.progress import LogProgress, Pace


def aged(pace: Pace, seconds: float, monkeypatch: pytest.MonkeyPatch) -> Pace:
    """Let time pass: a clock that is put forward, since no test may wait for it."""
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + seconds)
    return pace


def test_rows_have_a_rate_and_a_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace()
    pace.start("claiming", 30_000, "requests")
    pace.count = 10_000
    assert pace.words() == "10,000 of 30,000 requests"
    words = aged(pace, 10, monkeypatch).words()
    assert re.fullmatch(r"10,000 of 30,000 requests, (1,000|999)/s, 0:20 left", words)


def test_bytes_are_told_in_their_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace()
    pace.start("upload", 245_000_000, "bytes")
    pace.count = 120_000_000
    assert re.fullmatch(r"120 MB of 245 MB, [\d.]+ MB/s, 0:10 left", aged(pace, 10, monkeypatch).words())


def test_where_the_total_is_not_known_nothing_is_said_of_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace()
    pace.start("rendering", None, "rows")
    assert pace.words() == ""
    pace.count = 50_000
    assert re.fullmatch(r"50,000 rows, [\d,]+/s", aged(pace, 10, monkeypatch).words())


def test_a_log_gets_a_plain_line_with_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    shown = LogProgress(stream)
    shown.start("waiting", total=1_000, unit="requests")
    shown.advance(250)
    assert stream.getvalue() == ""
    now = time.monotonic()
    # No test may wait for a minute.
    monkeypatch.setattr(time, "monotonic", lambda: now + 50)
    shown.note("2 jobs in flight")
    assert re.fullmatch(
        r"waiting: 250 of 1,000 requests, [45]\.\d/s, 2:\d\d left \(2 jobs in flight\)\n", stream.getvalue()
    )


@pytest.mark.parametrize("columns", ["60", "120"])
def test_a_live_line_is_no_longer_than_its_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    # A stream of text in memory stands for the terminal: what matters is what is written to it.
    monkeypatch.setenv("FORCE_COLOR", "1")
    # It is silent at first, so that a short run shows nothing.
    monkeypatch.setattr(live, "_PATIENCE", 0.0)
    stream = io.StringIO()
    shown = LiveProgress(stream, colour=False)
    shown.start("waiting", total=1_000, unit="requests")
    shown.advance(250)
    shown.note("a long word about what is done now, " * 5)
    shown.finish()
    lines = [line for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).splitlines() if line]
    assert "waiting  250 of 1,000 requests" in stream.getvalue()
    assert max(map(len, lines)) <= int(columns)


def test_what_was_done_before_says_nothing_of_how_fast_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace()
    pace.start("waiting", 1_000, "requests", 900)
    assert aged(pace, 5, monkeypatch).words() == "900 of 1,000 requests"
    pace.start("waiting", 1_000, "requests", 950)
    assert re.fullmatch(r"950 of 1,000 requests, (10|10\.0|9\.9)/s, 0:05 left", pace.words())


def test_a_new_phase_takes_the_line_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    # A stream of text in memory stands for the terminal: what matters is what is written to it.
    monkeypatch.setenv("FORCE_COLOR", "1")
    # It is silent at first, so that a short run shows nothing.
    monkeypatch.setattr(live, "_PATIENCE", 0.0)
    stream = io.StringIO()
    shown = LiveProgress(stream, colour=False)
    shown.start("claiming", total=10, unit="requests")
    shown.advance(10)
    shown.start("creating")
    shown.note("")
    before_end = stream.getvalue()
    shown.finish()
    assert "\n" not in before_end
    assert "claiming  10 of 10 requests" in before_end
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", before_end).rpartition("\r")[2].split()[1:] == ["creating"]
