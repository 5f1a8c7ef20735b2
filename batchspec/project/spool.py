"""Batch files on disk: written to a temporary name, made durable, and kept under their SHA-256.

They live as long as one command, which holds the state's lock: what a killed one has left is cleared by the next,
since its requests are rendered again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from batchspec.core.ports import SpooledFile
from batchspec.project.atomic import unwritable

_BUFFER = 1024 * 1024


class DiskSpool:
    """The spool folder of a project. Fills `core.ports.Spool`; everything in it vanishes at `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: set[DiskSpoolWriter] = set()

    def __enter__(self) -> DiskSpool:
        self._clear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def begin(self) -> DiskSpoolWriter:
        """Start a file. Raises BatchspecError where the disk does not take it."""
        with _on_disk(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".open-", suffix=".jsonl")
        writer = DiskSpoolWriter(self._folder, Path(name), os.fdopen(handle, "wb", buffering=_BUFFER), self._begin_fork)
        self._open.add(writer)
        return writer

    def _begin_fork(self) -> DiskSpoolWriter:
        return self.begin()

    def path(self, sha256: str) -> Path:
        """Return where a finished file lies."""
        return self._folder / f"{sha256}.jsonl"

    def close(self) -> None:
        """Remove every file, finished or not."""
        for writer in self._open:
            writer.discard()
        self._open.clear()
        self._clear()

    def _clear(self) -> None:
        if self._folder.is_dir():
            for path in (*self._folder.glob("*.jsonl"), *self._folder.glob(".open-*")):
                # What cannot be removed costs room and nothing else; a file's name is the digest of what is in it.
                with suppress(OSError):
                    path.unlink(missing_ok=True)


class DiskSpoolWriter:
    """One batch file in the making; its digest is taken of what is really written.

    Every method but `discard` raises BatchspecError where the disk does not take it.
    """

    def __init__(self, folder: Path, temporary: Path, stream: BinaryIO, begin: Callable[[], DiskSpoolWriter]) -> None:
        self.lines = 0
        self.size = 0
        self._folder = folder
        self._temporary = temporary
        self._stream = stream
        self._begin = begin
        self._digest = hashlib.sha256()

    def add(self, lines: Sequence[bytes]) -> None:
        """Append lines."""
        block = b"".join(lines)
        try:
            self._stream.write(block)
        except OSError as error:
            raise unwritable(self._temporary, error) from None
        self._digest.update(block)
        self.lines += len(lines)
        self.size += len(block)

    def fork(self) -> DiskSpoolWriter:
        """Return another file that begins with what this one holds so far."""
        twin = self._begin()
        with _on_disk(self._temporary):
            self._stream.flush()
            with self._temporary.open("rb") as source:
                shutil.copyfileobj(source, twin._stream, _BUFFER)
        twin.lines, twin.size = self.lines, self.size
        twin._digest = self._digest.copy()
        return twin

    def finish(self) -> SpooledFile:
        """Make the file durable under its digest. An empty one is thrown away."""
        sha256 = self._digest.hexdigest()
        if not self.lines:
            self.discard()
            return SpooledFile(sha256, 0, 0)
        with _on_disk(self._temporary):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._temporary.replace(self._folder / f"{sha256}.jsonl")
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return SpooledFile(sha256, self.lines, self.size)

    def discard(self) -> None:
        """Throw away what is not finished; a disk that refuses even that leaves it to the next run."""
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from None
