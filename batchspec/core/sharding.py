"""Cuts what is to be sent into shards, by count and by bytes, and lets targets that get the same lines share a file."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from batchspec.core.ports import SpooledFile, SpoolWriter
from batchspec.core.spec import Limits, Submit

MOST_INLINE = 10_000
"""The API takes at most so many requests in a job itself (its OpenAPI document, `CreateBatchJobRequest.requests`)."""

_T = TypeVar("_T", bound=Hashable)
"""What tells targets apart."""

Told = Callable[[int, int], bytes]
"""Returns what is to be kept beside a file about those of some lines that stand from one index up to another."""

_LARGEST_INLINE = 16_000_000
_AUTO_REQUESTS, _AUTO_BYTES = 100, 1_000_000


class CutShard(NamedTuple, Generic[_T]):
    """A finished shard, its files in order, and the targets that it is to be sent to."""

    targets: tuple[_T, ...]
    parts: tuple[SpooledFile, ...]

    @property
    def lines(self) -> int:
        """How many requests it holds."""
        return sum(part.lines for part in self.parts)

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return sum(part.size for part in self.parts)


@dataclass(slots=True)
class _Cohort(Generic[_T]):
    """Targets whose open shard holds the same lines so far: the parts that are full, and the one being written."""

    targets: frozenset[_T]
    writer: SpoolWriter
    full: tuple[SpooledFile, ...] = ()

    @property
    def lines(self) -> int:
        return self.writer.lines + sum(part.lines for part in self.full)


class ShardCutter(Generic[_T]):
    """Takes lines in input order, each with the targets that need it.

    A shard ends at `requests_per_job` lines; within it a file ends at `bytes_per_file`, and the next is its next
    part. With `one_part`, a full file ends the shard. Targets start out together and share their files; when one of
    them needs a line that another does not, their files part, and go on apart.
    """

    def __init__(
        self, targets: Iterable[_T], limits: Limits, begin: Callable[[], SpoolWriter], *, one_part: bool = False
    ) -> None:
        self._order = tuple(targets)
        self._limits = limits
        self._begin = begin
        self._one_part = one_part
        self._cohorts: list[_Cohort[_T]] = [_Cohort(frozenset(self._order), begin())]

    def add(
        self, lines: Sequence[bytes], targets: frozenset[_T], told: Told = lambda *_: b""
    ) -> Iterator[CutShard[_T]]:
        """Add lines, and what is told of them; yield the shards that are full and therefore end before one of them."""
        self._part(targets)
        size = sum(map(len, lines))
        for cohort in self._cohorts:
            if not cohort.targets <= targets:
                continue
            roomy = cohort.writer.size + size <= self._limits.bytes_per_file
            if roomy and cohort.lines + len(lines) <= self._limits.requests_per_job:
                cohort.writer.add(lines, told(0, len(lines)))
            else:
                yield from self._add_singly(cohort, lines, told)

    def _add_singly(self, cohort: _Cohort[_T], lines: Sequence[bytes], told: Told) -> Iterator[CutShard[_T]]:
        for index, line in enumerate(lines):
            file_full = cohort.writer.lines > 0 and cohort.writer.size + len(line) > self._limits.bytes_per_file
            if cohort.lines >= self._limits.requests_per_job or (file_full and self._one_part):
                yield self._cut(cohort)
            elif file_full:
                cohort.full += (cohort.writer.finish(),)
                cohort.writer = self._begin()
            cohort.writer.add((line,), told(index, index + 1))

    def finish(self) -> Iterator[CutShard[_T]]:
        """Yield the shards that are still open and not empty. The cutter is not used afterwards."""
        for cohort in self._cohorts:
            cut = self._cut(cohort)
            if cut.lines:
                yield cut

    def _part(self, targets: frozenset[_T]) -> None:
        parted: list[_Cohort[_T]] = []
        for cohort in self._cohorts:
            staying = cohort.targets - targets
            if not staying or staying == cohort.targets:
                parted.append(cohort)
            else:
                parted.append(_Cohort(staying, cohort.writer.fork(), cohort.full))
                parted.append(_Cohort(cohort.targets & targets, cohort.writer, cohort.full))
        self._cohorts = parted

    def _cut(self, cohort: _Cohort[_T]) -> CutShard[_T]:
        targets = tuple(target for target in self._order if target in cohort.targets)
        last = cohort.writer.finish()
        cut = CutShard(targets, cohort.full + ((last,) if last.lines else ()))
        cohort.writer, cohort.full = self._begin(), ()
        return cut


class CountingWriter:
    """Counts what a file would hold, for a plan that writes none."""

    def __init__(self, lines: int = 0, size: int = 0) -> None:
        self.lines = lines
        self.size = size

    def add(self, lines: Sequence[bytes], told: bytes = b"") -> None:  # noqa: ARG002 - there is no file
        """Count lines."""
        self.lines += len(lines)
        self.size += sum(map(len, lines))

    def fork(self) -> CountingWriter:
        """Return a writer that has counted the same."""
        return CountingWriter(self.lines, self.size)

    def finish(self) -> SpooledFile:
        """Return the counts; there is no file."""
        return SpooledFile("", self.lines, self.size)


def inline_limits(limits: Limits) -> Limits:
    """Return the limits of shards that are sent in the job itself."""
    return limits._replace(
        requests_per_job=min(limits.requests_per_job, MOST_INLINE),
        bytes_per_file=min(limits.bytes_per_file, _LARGEST_INLINE),
    )


def goes_inline(submit: Submit, shard: CutShard[_T]) -> bool:
    """Tell whether a shard is sent in the job itself; `auto` means one that is small."""
    if submit is Submit.AUTO:
        return len(shard.parts) == 1 and shard.lines <= _AUTO_REQUESTS and shard.size <= _AUTO_BYTES
    return submit is Submit.INLINE
