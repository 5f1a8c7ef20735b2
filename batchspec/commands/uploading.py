"""Uploads the files of shards ahead of their turn, while those before them are claimed and created one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from types import TracebackType

from batchspec.commands.transfers import Transfers
from batchspec.commands.world import TRANSFERS_AT_ONCE, World
from batchspec.core.model import RemoteFile
from batchspec.core.ports import Provider, SpooledFile


class UploadsAhead:
    """The files of shards, to be asked for in the order of `parts`; any other is uploaded when asked for.

    Before an upload begins it is on record that it may; that it has ended is for whoever asks for the file to record.
    """

    def __init__(self, parts: Iterable[SpooledFile], *, world: World, provider: Provider) -> None:
        self._waiting = deque(dict.fromkeys(parts))
        if len(self._waiting) == 1:
            # Nothing to be ahead of; and its own upload shows how much is left of it.
            self._waiting.clear()
        self._world = world
        self._provider = provider
        self._transfers = Transfers(world, "upload")
        self._begun: dict[str, Future[RemoteFile]] = {}

    def __enter__(self) -> UploadsAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave no thread behind. What was uploaded for nobody is found again by the next run, by its name."""
        self._transfers.close()

    def begin(self) -> None:
        """Begin the next uploads, of files that no run has begun before."""
        while self._waiting and len(self._begun) < TRANSFERS_AT_ONCE:
            part = self._waiting.popleft()
            if self._world.ledger.find_file(part.sha256) is None:
                self._expect(part)
                path = self._world.spool.path(part.sha256)
                self._begun[part.sha256] = self._transfers.begin(partial(self._provider.upload, path, name_of(part)))

    def has_begun(self, part: SpooledFile) -> bool:
        """Tell whether a file was uploaded ahead, or is on its way, and was not asked for yet."""
        return part.sha256 in self._begun

    def upload(self, part: SpooledFile) -> RemoteFile:
        """Upload a file, or wait for the end of its upload. Raises as the provider does."""
        begun = self._begun.pop(part.sha256, None)
        if begun is not None:
            return self._transfers.result(begun, self._world.progress)
        self._expect(part)
        return self._provider.upload(self._world.spool.path(part.sha256), name_of(part), self._world.progress)

    def _expect(self, part: SpooledFile) -> None:
        expected = RemoteFile(id="", filename=name_of(part), size=part.size)
        self._world.ledger.save_file(part.sha256, expected)
        self._world.checkpoint("submit:before-upload")


def name_of(part: SpooledFile) -> str:
    """Return the name of a file at the provider, by which it is found again."""
    return f"batchspec-{part.sha256[:32]}.jsonl"
