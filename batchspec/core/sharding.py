"""Cuts what is to be sent into shards, by count and by bytes, and lets models that send the same lines share a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from batchspec.core.ports import SpooledFile, SpoolWriter
from batchspec.core.spec import Limits


class CutShard(NamedTuple):
    """A finished file and the models that it is to be sent to."""

    models: tuple[str, ...]
    file: SpooledFile


@dataclass(slots=True)
class _Cohort:
    """Models whose open shard holds the same lines so far."""

    models: frozenset[str]
    writer: SpoolWriter


class ShardCutter:
    """Takes lines in input order, each with the models that need it.

    Models start out together and share one file; when one of them needs a line that another does not, their files
    part, and go on apart.
    """

    def __init__(self, models: Iterable[str], limits: Limits, begin: Callable[[], SpoolWriter]) -> None:
        self._order = tuple(models)
        self._limits = limits
        self._begin = begin
        self._cohorts = [_Cohort(frozenset(self._order), begin())]

    def add(self, line: bytes, models: frozenset[str]) -> Iterator[CutShard]:
        """Add a line; yield the shards that are full and therefore end before it."""
        self._part(models)
        for cohort in self._cohorts:
            if not cohort.models <= models:
                continue
            writer = cohort.writer
            full = (
                writer.lines >= self._limits.requests_per_job or writer.size + len(line) > self._limits.bytes_per_file
            )
            if writer.lines and full:
                yield self._cut(cohort)
            cohort.writer.add(line)

    def finish(self) -> Iterator[CutShard]:
        """Yield the shards that are still open. The cutter is not used afterwards."""
        for cohort in self._cohorts:
            yield self._cut(cohort)

    def _part(self, models: frozenset[str]) -> None:
        parted = []
        for cohort in self._cohorts:
            staying = cohort.models - models
            if not staying or staying == cohort.models:
                parted.append(cohort)
            else:
                parted.append(_Cohort(staying, cohort.writer.fork()))
                parted.append(_Cohort(cohort.models & models, cohort.writer))
        self._cohorts = parted

    def _cut(self, cohort: _Cohort) -> CutShard:
        models = tuple(model for model in self._order if model in cohort.models)
        cut = CutShard(models, cohort.writer.finish())
        cohort.writer = self._begin()
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
