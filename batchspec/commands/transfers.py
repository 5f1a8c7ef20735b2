"""Transfers of files in threads of their own, several at once, while one thread goes on to decide and to record.

Nothing is decided or recorded here: a transfer that fails raises where its end is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from batchspec.commands.world import World
from batchspec.core.ports import Progress

_LOOK_EVERY = 0.1
"""Seconds between two looks at whether a signal has come, and at how far the transfers are."""

_T = TypeVar("_T")


class Transfers:
    """Transfers of one kind, shown as `phase` while one of them is waited for."""

    def __init__(self, world: World, phase: str) -> None:
        self._world = world
        self._phase = phase
        self._told = _Told(world)
        self._threads = world.threads(phase)

    def begin(self, transfer: Callable[[Progress], _T]) -> Future[_T]:
        """Begin a transfer, or put it in the queue."""
        return self._threads.submit(transfer, self._told)

    def result(self, future: Future[_T], progress: Progress) -> _T:
        """Wait for a transfer that has begun, and return what it returns or raise what it raises."""
        if not future.done():
            progress.start(self._phase, total=None, unit="bytes")
            shown = self._told.taken
            while not wait([future], _LOOK_EVERY).done:
                self._world.stop()
                taken, note = self._told.taken, self._told.note_left
                progress.advance(taken - shown)
                shown = taken
                if note:
                    self._told.note_left = ""
                    progress.note(note)
            progress.finish()
        return future.result()

    def close(self) -> None:
        """End what goes on, and leave no thread behind."""
        self._told.wanted = False
        self._threads.shutdown(cancel_futures=True)


class _UnwantedError(Exception):
    """Ends a transfer that nobody waits for any more."""


class _Told:
    """The progress of every transfer together: counted in their threads, shown by the one that waits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.wanted = True
        self.taken = 0
        """Bytes, about: threads may count at once, and nothing but a display goes by it."""
        self.note_left = ""
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
        self.note_left = text

    def finish(self) -> None:
        """Show nothing."""
