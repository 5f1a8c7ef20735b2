"""The requests whose answers a job is to bring, as they are looked up while its result files are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from batchspec.core.model import RequestDigest


class AwaitedRequest(NamedTuple):
    """A request of a claim, and the line of the claim's file that it stands on."""

    line: int
    digest: RequestDigest


class Awaited(Protocol):
    """The requests of a claim by their custom_ids, and which of them were taken in since it was opened."""

    @property
    def count(self) -> int:
        """How many custom_ids there are."""
        ...

    def find(self, custom_ids: Sequence[str]) -> Mapping[str, AwaitedRequest]:
        """Return the requests of these custom_ids; those that are not of this claim are left out."""
        ...

    def take(self, line: int, reading: int) -> bool:
        """Note that a reading, by its number from 1 to 255, has an answer to the request on a line; False if it had."""
        ...

    def missing(self) -> Sequence[RequestDigest]:
        """Return the requests that no reading has had an answer to, in the order of the claim's file."""
        ...
