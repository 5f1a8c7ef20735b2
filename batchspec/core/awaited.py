"""The requests whose answers a job is to bring, as they are looked up while its result files are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from batchspec.core.model import RequestDigest


class AwaitedRequest(NamedTuple):
    """A request of a claim: the line of the claim's file that it stands on, and whether its answer was taken in."""

    line: int
    digest: RequestDigest
    taken: bool


class Awaited(Protocol):
    """The requests of a claim by their custom_ids, and which of them were read or taken in since it was opened."""

    @property
    def count(self) -> int:
        """How many custom_ids there are."""
        ...

    def note(self, custom_ids: Sequence[str], reading: int) -> int:
        """Note that a reading, by its number from 1, has these; return how many it had not had before.

        Those that are not of this claim do not count.
        """
        ...

    def find(self, custom_ids: Sequence[str]) -> Mapping[str, AwaitedRequest]:
        """Return the requests of these custom_ids; those that are not of this claim are left out."""
        ...

    def take(self, lines: Sequence[int]) -> None:
        """Note that the answers to the requests on these lines were taken in."""
        ...

    def missing(self) -> Sequence[RequestDigest]:
        """Return the requests whose answers were not taken in, in the order of the claim's file."""
        ...
