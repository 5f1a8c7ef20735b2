"""Cuts what is to be sent into shards, by count and by bytes, and lets models that send the same lines share a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from batchspec.core.ports import SpooledFile, SpoolWriter
from batchspec.core.spec import Limits, Submit

MOST_INLINE = 10_000
"""The API takes at most so many requests in a job itself (its OpenAPI document, `CreateBatchJobRequest.requests`)."""

_LARGEST_INLINE = 16_000_000
_AUTO_REQUESTS, _AUTO_BYTES = 100, 1_000_000


class CutShard(NamedTuple):
    """A finished shard, its files in order, and the models that it is to be sent to."""

    models: tuple[str, ...]
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
class _Cohort:
    """Models whose open shard holds the same lines so far: the parts that are full, and the one being written."""

    models: frozenset[str]
    writer: SpoolWriter
    full: tuple[SpooledFile, ...] = ()

    @property
    def lines(self) -> int:
        return self.writer.lines + sum(part.lines for part in self.full)


class ShardCutter:
    """Takes lines in input order, each with the models that need it.

    A shard ends at `requests_per_job` lines; within it a file ends at `bytes_per_file`, and the next is its next
    part. With `one_part`, a full file ends the shard. Models start out together and share their files; when one of
    them needs a line that another does not, their files part, and go on apart.
    """

    def __init__(
        self, models: Iterable[str], limits: Limits, begin: Callable[[], SpoolWriter], *, one_part: bool = False
    ) -> None:
        self._order = tuple(models)
        self._limits = limits
        self._begin = begin
        self._one_part = one_part
        self._cohorts = [_Cohort(frozenset(self._order), begin())]

    def add(self, line: bytes, models: frozenset[str]) -> Iterator[CutShard]:
        """Add a line; yield the shards that are full and therefore end before it."""
        self._part(models)
        for cohort in self._cohorts:
            if not cohort.models <= models:
                continue
            file_full = cohort.writer.lines > 0 and cohort.writer.size + len(line) > self._limits.bytes_per_file
            if cohort.lines >= self._limits.requests_per_job or (file_full and self._one_part):
                yield self._cut(cohort)
            elif file_full:
                cohort.full += (cohort.writer.finish(),)
                cohort.writer = self._begin()
            cohort.writer.add(line)

    def finish(self) -> Iterator[CutShard]:
        """Yield the shards that are still open and not empty. The cutter is not used afterwards."""
        for cohort in self._cohorts:
            cut = self._cut(cohort)
            if cut.lines:
                yield cut

    def _part(self, models: frozenset[str]) -> None:
        parted = []
        for cohort in self._cohorts:
            staying = cohort.models - models
            if not staying or staying == cohort.models:
                parted.append(cohort)
            else:
                parted.append(_Cohort(staying, cohort.writer.fork(), cohort.full))
                parted.append(_Cohort(cohort.models & models, cohort.writer, cohort.full))
        self._cohorts = parted

    def _cut(self, cohort: _Cohort) -> CutShard:
        models = tuple(model for model in self._order if model in cohort.models)
        last = cohort.writer.finish()
        cut = CutShard(models, cohort.full + ((last,) if last.lines else ()))
        cohort.writer, cohort.full = self._begin(), ()
        return cut


class CountingWriter:
    """Counts what a file would hold, for a plan that writes none."""

    def __init__(self, lines: int = 0, size: int = 0) -> None:
        self.lines = lines
        self.size = size

    def add(self, line: bytes) -> None:
        """Count a line."""
        self.lines += 1
        self.size += len(line)

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


def goes_inline(submit: Submit, shard: CutShard) -> bool:
    """Tell whether a shard is sent in the job itself; `auto` means one that is small."""
    if submit is Submit.AUTO:
        return len(shard.parts) == 1 and shard.lines <= _AUTO_REQUESTS and shard.size <= _AUTO_BYTES
    return submit is Submit.INLINE
