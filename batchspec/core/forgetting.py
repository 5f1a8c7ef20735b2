"""What it means to forget: the port by which a job or a request is taken out of the ledger, to be sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from batchspec.core.model import RequestDigest


class Forgetting(Protocol):
    """Takes records away. Every method is one durable transaction, and returns how many requests are forgotten.

    Answers of requests that succeeded are kept unless `results` is given.
    """

    def count_job(self, claim_id: int, *, results: bool) -> int:
        """Return how many requests `forget_job` would forget."""
        ...

    def forget_job(self, claim_id: int, *, results: bool, now: float) -> int:
        """Forget what a claim's job was to answer, and never ask for that job again, nor adopt it."""
        ...

    def mark_gone(self, job_ids: Sequence[str], now: float) -> None:
        """Record that these jobs were deleted at the provider, so that they are never asked for again."""
        ...

    def forget_request(self, digest: RequestDigest, *, results: bool) -> int:
        """Forget one request that is not in flight."""
        ...
