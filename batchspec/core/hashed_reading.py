"""Hashes files while they are read, so that what is known by its digest is what was read, and not what came after."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 256 * 1024
_MOST_LEFT_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class Readings:
    """The SHA-256, in hexadecimal, of each file that was read, by its path, in the order of reading.

    `sound` is whether every byte that was read is one of the file with that digest, and each file was the same each
    time. One that is still being read counts in `unfinished`.
    """

    digests: dict[str, str] = field(default_factory=dict)
    sound: bool = True
    unfinished: int = 0

    def add(self, other: Readings) -> None:
        """Add what another process has read: it must have been the same."""
        same = all(self.digests.setdefault(path, digest) == digest for path, digest in other.digests.items())
        self.sound = self.sound and other.sound and not other.unfinished and same

    def finish(self, path: str, digest: str) -> None:
        """Take note of a file that was read to its end."""
        if self.digests.setdefault(path, digest) != digest:
            self.sound = False


def hashed(stream: BinaryIO, path: str, readings: Readings) -> BinaryIO:
    """Return a stream that goes into `readings` when it is closed, and closes `stream`."""
    return cast(BinaryIO, io.BufferedReader(_Hashed(stream, path, readings), _BLOCK_BYTES))


class _Hashed(io.RawIOBase):
    """A file that is read straight through, or, from the first time on that its reader goes elsewhere, by blocks.

    Straight through it is hashed as it goes; what its reader leaves at the end is read for the digest alone, unless
    that is much: ten rows of a large table are rendered sooner than the table is hashed. Whoever goes to and fro is
    given what is in blocks whose digests were taken in one reading of the whole.
    """

    def __init__(self, stream: BinaryIO, path: str, readings: Readings) -> None:
        self._stream = stream
        self._path = path
        self._readings = readings
        self._digest = hashlib.sha256()
        self._at = 0
        self._blocks: _Blocks | None = None
        readings.unfinished += 1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        if self._blocks is None:
            count = int(self._stream.readinto(view))  # type: ignore[attr-defined] # every buffered file has it
            self._digest.update(view[:count])
        else:
            count = self._blocks.readinto(view, self._at)
            if not self._blocks.same:
                self._readings.sound = False
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = self._stream.seek(offset, whence)
        if self._blocks is None and at != self._at:
            if self._at > 0:
                # What was read before is in no block that could be told to be the same.
                self._readings.sound = False
            self._blocks = _Blocks(self._stream)
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if self.closed:
            return
        readings = self._readings
        readings.unfinished -= 1
        try:
            if readings.sound:
                digest = self._whole()
                readings.finish(self._path, digest)
        except OSError:
            readings.sound = False
        finally:
            self._stream.close()
            super().close()

    def _whole(self) -> str:
        """Return the digest of the whole file."""
        if self._blocks is not None:
            return self._blocks.digest
        left = max(self._at, _MOST_LEFT_BYTES)
        while block := self._stream.read(_BLOCK_BYTES):
            self._digest.update(block)
            left -= len(block)
            if left < 0:
                self._readings.sound = False
                break
        return self._digest.hexdigest()


class _Blocks:
    """A file's blocks, known by their digests from one reading; `same` is whether each was the same ever since."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._known: list[bytes] = []
        self.same = True
        whole = hashlib.sha256()
        stream.seek(0)
        while block := self._read():
            whole.update(block)
            self._known.append(_mark(block))
        self.digest = whole.hexdigest()

    def readinto(self, view: memoryview, at: int) -> int:
        """Fill `view` with what is at an offset, as far as the block goes that this is in; return how much it was."""
        index, skipped = divmod(at, _BLOCK_BYTES)
        self._stream.seek(index * _BLOCK_BYTES)
        block = self._read()
        # Beyond its end there was nothing.
        if _mark(block) != (self._known[index] if index < len(self._known) else _mark(b"")):
            self.same = False
        part = block[skipped : skipped + len(view)]
        view[: len(part)] = part
        return len(part)

    def _read(self) -> bytes:
        """Return the block at which the stream stands, whole but at the end of the file."""
        return self._stream.read(_BLOCK_BYTES)


def _mark(block: bytes) -> bytes:
    return hashlib.sha256(block).digest()
