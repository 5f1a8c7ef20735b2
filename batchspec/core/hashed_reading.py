"""Hashes files while they are read, so that what is known by its digest is what was read, and not what came after."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 256 * 1024


@dataclass(slots=True)
class Readings:
    """The SHA-256, in hexadecimal, of each file that was read, by its path, in the order of reading.

    `sound` is whether each was read from its beginning on, and was the same each time. One that is still being read
    counts in `unfinished`.
    """

    digests: dict[str, str] = field(default_factory=dict)
    sound: bool = True
    unfinished: int = 0

    def add(self, other: Readings) -> None:
        """Add what another process has read: it must have been the same."""
        same = all(self.digests.setdefault(path, digest) == digest for path, digest in other.digests.items())
        self.sound = self.sound and other.sound and not other.unfinished and same


def hashed(stream: BinaryIO, path: str, readings: Readings) -> BinaryIO:
    """Return a stream that goes into `readings` when it is closed, and closes `stream`."""
    return cast(BinaryIO, io.BufferedReader(_Hashed(stream, path, readings), _BLOCK_BYTES))


class _Hashed(io.RawIOBase):
    """A file that is read straight through; what its reader leaves at the end is read for the digest alone."""

    def __init__(self, stream: BinaryIO, path: str, readings: Readings) -> None:
        self._stream = stream
        self._path = path
        self._readings = readings
        self._digest = hashlib.sha256()
        self._at = 0
        readings.unfinished += 1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        count = self._stream.readinto(view)  # type: ignore[attr-defined] # every buffered file has it
        self._digest.update(view[:count])
        self._at += count
        return int(count)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = self._stream.seek(offset, whence)
        if at != self._at:
            self._readings.sound = False
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._finish()
        finally:
            self._stream.close()
            super().close()

    def _finish(self) -> None:
        readings = self._readings
        readings.unfinished -= 1
        if not readings.sound:
            return
        try:
            while block := self._stream.read(_BLOCK_BYTES):
                self._digest.update(block)
        except OSError:
            readings.sound = False
            return
        digest = self._digest.hexdigest()
        readings.sound = readings.digests.setdefault(self._path, digest) == digest
