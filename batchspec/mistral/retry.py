"""When a call is made again and how long is waited before: the one place that decides it.

Only calls that may be repeated come here; creating a job never does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from batchspec.core.errors import ProviderError
from batchspec.core.ports import Clock

T = TypeVar("T")
Note = Callable[[str], None]

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 531)})
"""Statuses that may pass. 520 to 530 are those of the delivery network in front of the API."""

TRIES = 6
LONGEST_BACKOFF = 60.0
LONGEST_WAIT = 120.0
"""Seconds; a server that asks for more is asked again after this."""

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+", re.ASCII)


class PassingError(Exception):
    """One try failed in a way that may pass; `error` is what to raise once no try is left."""

    def __init__(self, error: ProviderError, retry_after: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.retry_after = retry_after


class Retrying:
    """Repeats a call with full-jitter exponential backoff. `random` returns numbers from 0 to 1.

    `tries` is how often a call is made at most.
    """

    def __init__(self, clock: Clock, random: Callable[[], float], tries: int = TRIES) -> None:
        self._clock = clock
        self._random = random
        self._tries = tries

    def run(self, attempt: Callable[[], T], note: Note, *, total_seconds: float) -> T:
        """Return what `attempt` returns, calling it so many times at most while it raises PassingError.

        No try begins after `total_seconds`. `note` is told each second of a wait. Raises the last try's error.
        """
        gives_up_at = self._clock.now() + total_seconds
        for tried in range(1, self._tries + 1):
            try:
                return attempt()
            except PassingError as passing:
                failure = passing
            wait = self._wait_before(tried, failure.retry_after)
            if tried == self._tries or self._clock.now() + wait > gives_up_at:
                break
            if not self._wait(wait, f"{failure.error.summary}; try {tried + 1} of {self._tries}", note):
                break
        # Outside the handler, so that nothing hangs on the error as its context.
        raise failure.error

    def _wait_before(self, tried: int, retry_after: float | None) -> float:
        backoff = self._random() * min(LONGEST_BACKOFF, 2.0 ** (tried - 1))
        return min(LONGEST_WAIT, max(backoff, retry_after or 0.0))

    def _wait(self, seconds: float, reason: str, note: Note) -> bool:
        """Wait under a countdown. False: the clock came back early, because a signal asks to stop."""
        began = self._clock.now()
        left = seconds
        while left > 0:
            note(f"{reason} in {max(1, round(left))} s")
            self._clock.sleep(min(1.0, left))
            left -= 1.0
        return self._clock.now() - began >= seconds / 2


def read_retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, or None where it cannot be read.

    Takes whole and broken seconds, every HTTP date, and a doubled header; `now` is Unix time.
    """
    if text is None:
        return None
    first = text.split(",")[0].strip()
    if _SECONDS.fullmatch(first):
        return float(first)
    try:
        moment = parsedate_to_datetime(text.strip())
        # A date without a zone is in GMT, as all of HTTP's are.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
