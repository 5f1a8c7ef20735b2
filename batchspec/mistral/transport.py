"""Calls that may be repeated, made until they have a definite answer, and the way to make a call exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from batchspec.core.errors import BatchspecError, ProviderError, ProviderUnavailableError
from batchspec.core.ports import Clock
from batchspec.mistral.base_url import BaseUrl
from batchspec.mistral.exchange import Answer, Call, Exchange, ExchangeFailedError, Take, Timing
from batchspec.mistral.faults import Fault
from batchspec.mistral.key import ApiKey
from batchspec.mistral.refusals import Refusals
from batchspec.mistral.retry import PASSING_STATUSES, TRIES, Note, PassingError, Retrying, read_retry_after

T = TypeVar("T")

TOTAL_SECONDS = 600.0
"""Within this no further try of a call begins."""
_LATER = "the provider may be busy or down; wait a while and run again"


class Transport:
    """The API's host, spoken to patiently."""

    def __init__(
        self,
        base_url: BaseUrl,
        key: ApiKey,
        clock: Clock,
        random: Callable[[], float],
        timing: Timing,
        tries: int = TRIES,
    ) -> None:
        self._place = base_url.place
        self._clock = clock
        self._exchange = Exchange(base_url, key, timing)
        self._retrying = Retrying(clock, random, tries)
        self._refusals = Refusals(base_url.place, key)

    @property
    def clock_ahead(self) -> float | None:
        """Return by how many seconds this machine's clock is ahead of the latest answer's date."""
        return self._exchange.clock_ahead

    def close(self) -> None:
        """Close every connection."""
        self._exchange.close()

    def send(
        self,
        call: Call,
        note: Note,
        read: Callable[[Answer], T],
        take: Take | None = None,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> T:
        """Make a call that may be repeated until it has a definite answer, and return what `read` makes of it.

        Definite is 2xx, 3xx, or a 4xx that will not pass; `read` may find otherwise and raise PassingError. `note` is
        told of every wait. Raises ProviderUnavailableError when no usable answer came within the permitted tries, the
        last of which begins within `total_seconds`.
        """
        return self._retrying.run(lambda: read(self._attempt(call, take)), note, total_seconds=total_seconds)

    def send_once(self, call: Call) -> Answer:
        """Return whatever answer one single try got. Raises ExchangeFailedError."""
        return self._exchange.once_afresh(call)

    def refused(self, call: Call, answer: Answer) -> BatchspecError:
        """Return the error for a definite answer that is not the one asked for."""
        if 400 <= answer.status < 500:
            return self._refusals.refusal(call.doing, answer)
        return self._refusals.unexpected(call.doing, answer)

    def failed(self, call: Call, answer: Answer) -> ProviderError:
        """Return the error for an answer that settles nothing: 408, 5xx, or something that the API never sends."""
        if answer.status >= 400:
            return self.unavailable(call, answer)
        return self._refusals.unexpected(call.doing, answer)

    def unavailable(self, call: Call, cause: Fault | Answer) -> ProviderUnavailableError:
        """Return the error for a call that got no usable answer."""
        if isinstance(cause, Fault):
            summary = f"could not {call.doing} at {self._place}: {cause.sentence}"
            return ProviderUnavailableError(summary, hint=cause.hint or _LATER)
        summary, request_id, why = self._refusals.failure(call.doing, cause)
        return ProviderUnavailableError(summary, status=cause.status, request_id=request_id, why=why, hint=_LATER)

    def retry_after(self, answer: Answer) -> float | None:
        """Return the seconds that the provider asks to wait, or None where it does not."""
        return read_retry_after(answer.retry_after, self._clock.now())

    def _attempt(self, call: Call, take: Take | None) -> Answer:
        try:
            answer = self._exchange.once(call, take)
        except ExchangeFailedError as failed:
            cause: Fault | Answer = failed.fault
            passing, retry_after = failed.fault.passing, None
        else:
            if answer.status < 500 and answer.status not in PASSING_STATUSES:
                return answer
            cause = answer
            passing, retry_after = answer.status in PASSING_STATUSES, self.retry_after(answer)
        error = self.unavailable(call, cause)
        if passing:
            raise PassingError(error, retry_after)
        raise error
