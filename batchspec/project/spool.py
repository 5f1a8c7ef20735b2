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
_LENGTH_BYTES = 4
_OWN = ("*.jsonl", "*.told", ".open-*")


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

    def told(self, sha256: str) -> Iterator[bytes]:
        """Yield what was told of a finished file's lines, piece by piece as it was added."""
        with (self._folder / f"{sha256}.told").open("rb") as stream:
            while length := stream.read(_LENGTH_BYTES):
                yield stream.read(int.from_bytes(length, "big"))

    def remove(self, sha256: str) -> None:
        """Let a finished file go, and what was told of it."""
        for path in (self.path(sha256), self._folder / f"{sha256}.told"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove every file, finished or not."""
        for writer in self._open:
            writer.discard()
        self._open.clear()
        self._clear()

    def _clear(self) -> None:
        if self._folder.is_dir():
            for path in (path for pattern in _OWN for path in self._folder.glob(pattern)):
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
        self._told: BinaryIO | None = None

    def add(self, lines: Sequence[bytes], told: bytes = b"") -> None:
        """Append lines. What is `told` of them is kept beside the file."""
        block = b"".join(lines)
        try:
            self._stream.write(block)
            if told:
                self._beside().write(len(told).to_bytes(_LENGTH_BYTES, "big") + told)
        except OSError as error:
            raise unwritable(self._temporary, error) from None
        self._digest.update(block)
        self.lines += len(lines)
        self.size += len(block)

    def fork(self) -> DiskSpoolWriter:
        """Return another file that begins with what this one holds so far, and with what was told of it."""
        twin = self._begin()
        with _on_disk(self._temporary):
            _copy(self._stream, self._temporary, twin._stream)
            if self._told is not None:
                _copy(self._told, self._temporary_told, twin._beside())
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
            if self._told is not None:
                # As short-lived as the command, it need not survive the machine.
                self._told.close()
                self._temporary_told.replace(self._folder / f"{sha256}.told")
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
        for stream in (self._stream, self._told):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        for path in (self._temporary, self._temporary_told):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    @property
    def _temporary_told(self) -> Path:
        return self._temporary.with_suffix(".told")

    def _beside(self) -> BinaryIO:
        """Return where what is told goes; the first time, make it."""
        if self._told is None:
            handle = os.open(self._temporary_told, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._told = os.fdopen(handle, "wb", buffering=_BUFFER)
        return self._told


def _copy(written: BinaryIO, path: Path, to: BinaryIO) -> None:
    """Copy what was written to a stream so far."""
    written.flush()
    with path.open("rb") as source:
        shutil.copyfileobj(source, to, _BUFFER)


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from None
