"""A file's content streamed to disk: whole under a temporary name and then renamed, or not at all.

A try that is cut short begins again from nothing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from batchspec.core.errors import BatchspecError
from batchspec.core.ports import Progress
from batchspec.mistral.answer_text import is_html
from batchspec.mistral.exchange import Answer


class Download:
    """The temporary file beside `destination`, mode 0600. Raises BatchspecError where the disk does not take it.

    `refuse` makes the error for an answer that is a page and no file.
    """

    def __init__(
        self,
        destination: Path,
        progress: Progress,
        *,
        refuse: Callable[[Answer], BatchspecError],
    ) -> None:
        self._destination = destination
        self._progress = progress
        self._refuse = refuse
        self._shown = 0
        self._started = False
        self.size = 0
        """Bytes written by the last try."""
        with self._on_disk():
            descriptor, name = tempfile.mkstemp(dir=destination.parent, prefix=f".{destination.name}.", suffix=".part")
        self._part = Path(name)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Download:
        return self

    def take(self, answer: Answer, blocks: Iterator[bytes]) -> None:
        """Write a body from its first byte, whatever an earlier try has left."""
        with self._on_disk():
            self._file.seek(0)
            self._file.truncate()
        self.size = 0
        if is_html(answer.content_type, b""):
            raise self._refuse(answer)
        self._start(answer.length)
        for block in blocks:
            if self.size == 0 and is_html("", block):
                raise self._refuse(answer)
            with self._on_disk():
                self._file.write(block)
            self.size += len(block)
            self._show()

    def commit(self) -> None:
        """Put the file in its place, durably."""
        with self._on_disk():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._destination)
            _sync_folder(self._destination.parent)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind but what was committed."""
        # What is still buffered belongs to a file that is thrown away; a full disk is no news by now.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._part.unlink()
        if self._started:
            self._progress.finish()

    def _start(self, length: int | None) -> None:
        if not self._started:
            self._progress.start("download", total=length, unit="bytes")
            self._started = True

    def _show(self) -> None:
        if self.size > self._shown:
            self._progress.advance(self.size - self._shown)
            self._shown = self.size

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[None]:
        """Tell the disk's errors from the network's, which are of the same class."""
        try:
            yield
        except OSError as error:
            raise BatchspecError(
                f"cannot write {self._destination}",
                why=error.strerror,
                hint="make room, or make the folder writable, then run again",
            ) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
