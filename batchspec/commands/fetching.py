"""Fetches the result files of several ended jobs side by side, ahead of their taking in, which stays one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol

from batchspec.commands.transfers import Transfers
from batchspec.commands.world import TRANSFERS_AT_ONCE, World
from batchspec.core.model import BatchJob
from batchspec.core.ports import Progress, Provider

# Files are fetched faster than they are taken in; what lies on disk meanwhile is bounded.
_AHEAD = 2 * TRANSFERS_AT_ONCE


class ResultFiles(Protocol):
    """What taking in a job needs of the provider; see `Provider` for what each raises."""

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        """Stream a file's content into `destination`; return its bytes."""
        ...

    def outputs(self, job_id: str) -> Sequence[bytes]:
        """Return an inline job's answers as result lines."""
        ...


class SideBySide:
    """The result files of ended jobs, to be asked for in the order of `jobs`; any other is fetched when asked for."""

    def __init__(self, jobs: Iterable[BatchJob], *, world: World, provider: Provider) -> None:
        files = (file for job in jobs for file in (job.output_file, job.error_file) if file is not None)
        self._order = deque(dict.fromkeys(files))
        if len(self._order) == 1:
            # Nothing to be beside; and its own fetching shows how much is left of it.
            self._order.clear()
        self._world = world
        self._provider = provider
        self._transfers = Transfers(world, "download")
        self._begun: dict[str, tuple[Future[int], Path]] = {}
        self._paths: list[Path] = []

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave neither a thread nor a file behind."""
        self._transfers.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def outputs(self, job_id: str) -> Sequence[bytes]:
        """Return an inline job's answers, asked for now."""
        return self._provider.outputs(job_id)

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        """Put the file at `destination`, once; asked for again, it is fetched again. Raises as the provider does."""
        if file_id not in self._order:
            return self._provider.download(file_id, destination, progress)
        while self._order[0] != file_id:
            self._forget(self._order.popleft())
        self._begin()
        self._order.popleft()
        future, path = self._begun.pop(file_id)
        size = self._transfers.result(future, progress)
        path.replace(destination)
        return size

    def _begin(self) -> None:
        for file_id in islice(self._order, _AHEAD):
            if file_id not in self._begun:
                path = self._world.downloads / f"ahead-{len(self._paths)}.jsonl"
                self._paths.append(path)
                future = self._transfers.begin(partial(self._provider.download, file_id, path))
                self._begun[file_id] = future, path

    def _forget(self, file_id: str) -> None:
        """Let go of a file that was not asked for when it was its turn."""
        if file_id in self._begun:
            self._begun.pop(file_id)[0].cancel()
