"""What no spec wants any more: the values of `gc`, and the port by which answers are found and removed. No storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from batchspec.core.model import RequestDigest, Target
from batchspec.core.usage import Used


class Unwanted(NamedTuple):
    """The recorded answers to one spec by one model that no spec declares any more.

    `requests` counts those that failed too, and `used` what the successes have used; `size` is in bytes.
    """

    spec: str
    model: str
    endpoint: str
    requests: int
    size: int
    used: Used


class LeftFile(NamedTuple):
    """A file, or a folder with all that is in it, that a process has left behind; `size` is in bytes."""

    path: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSize:
    """The bytes of a state's file, and those of them that hold nothing."""

    total: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """What specs are going to want and cannot say yet: their rows wait for another spec's answers.

    `rows` are how many wait or are blocked, by spec; `ways` are where requests of theirs may go, as endpoint and
    target.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    ways: Collection[tuple[str, Target]] = ()


class Reclaiming(Protocol):
    """Finds and removes answers. Every method raises StateError where the file cannot be read or written."""

    def spec_paths(self) -> Mapping[str, str]:
        """Return the paths of the specs that were applied, by their names."""
        ...

    def want(self, digests: Sequence[RequestDigest]) -> None:
        """Remember that a spec declares these requests."""
        ...

    def want_declared(self, specs: Iterable[str]) -> None:
        """Remember what these specs declared when they were last applied, whatever they declare now."""
        ...

    def unwanted(self, *, before: float, unknown: Unknown, whole: Collection[str] = ()) -> Sequence[Unwanted]:
        """Find the answers that are not wanted and were collected by the Unix time `before`.

        None of a request in flight, of a job that is not collected, or of what `unknown` may be about. `whole` names
        the models that are charged by what only an answer's body tells.
        """
        ...

    def remove(self) -> int:
        """Remove what `unwanted` has found, in one durable step; return how many requests that were."""
        ...

    def size(self) -> StateSize:
        """Return how large the state is."""
        ...

    def shrink(self) -> None:
        """Give what holds nothing back to the disk; killed at any moment, the state is as it was."""
        ...

    def needed_files(self) -> Collection[str]:
        """Return the ids of the files of claims that have no job on record yet."""
        ...

    def jobs_made_here(self) -> Collection[str]:
        """Return the ids of the jobs that were created with this very state."""
        ...
