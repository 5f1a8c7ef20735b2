"""Fetches the result files of several ended jobs side by side, ahead of their taking in, which stays one by one.

Nothing is decided or recorded here: a file that fails raises where it would have been fetched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol

from batchspec.commands.world import World
from batchspec.core.model import BatchJob
from batchspec.core.ports import Progress, Provider

_AT_ONCE = 4
# Files are fetched faster than they are taken in; what lies on disk meanwhile is bounded.
_AHEAD = 2 * _AT_ONCE
_LOOK_EVERY = 0.1
"""Seconds between two looks at whether a signal has come, and at how far the transfers are."""


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
        self._transfer = _Transfer(world)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="download")
        self._begun: dict[str, tuple[Future[int], Path]] = {}
        self._paths: list[Path] = []

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave neither a thread nor a file behind."""
        self._transfer.wanted = False
        self._threads.shutdown(cancel_futures=True)
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
        size = self._result(future, progress)
        path.replace(destination)
        return size

    def _begin(self) -> None:
        for file_id in islice(self._order, _AHEAD):
            if file_id not in self._begun:
                path = self._world.downloads / f"ahead-{len(self._paths)}.jsonl"
                self._paths.append(path)
                future = self._threads.submit(self._provider.download, file_id, path, self._transfer)
                self._begun[file_id] = future, path

    def _forget(self, file_id: str) -> None:
        """Let go of a file that was not asked for when it was its turn."""
        if file_id in self._begun:
            self._begun.pop(file_id)[0].cancel()

    def _result(self, future: Future[int], progress: Progress) -> int:
        if not future.done():
            progress.start("download", total=None, unit="bytes")
            shown = self._transfer.taken
            while not wait([future], _LOOK_EVERY).done:
                self._world.stop()
                taken, note = self._transfer.taken, self._transfer.told
                progress.advance(taken - shown)
                shown = taken
                if note:
                    self._transfer.told = ""
                    progress.note(note)
            progress.finish()
        return future.result()


class _UnwantedError(Exception):
    """Ends a transfer that nobody waits for any more."""


class _Transfer:
    """The progress of every transfer together: counted in their threads, shown by the one that waits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.wanted = True
        self.taken = 0
        """Bytes, about: threads may count at once, and nothing but a display goes by it."""
        self.told = ""
        """What is waited for, until it was shown."""

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None:
        """Show nothing."""

    def advance(self, count: int = 1) -> None:
        """Count bytes. Raises Interrupted once a signal has come."""
        self._world.stop()
        if not self.wanted:
            raise _UnwantedError
        self.taken += count

    def note(self, text: str) -> None:
        """Keep what is waited for."""
        self.told = text

    def finish(self) -> None:
        """Show nothing."""
