"""Content on its way out: files streamed in blocks, cut short on purpose, or put inline into a job's JSON."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from batchspec.core.json_text import encode
from batchspec.emulator.faults import CallDroppedError
from batchspec.emulator.refusals import no_such

_BLOCK = 256 * 1024


class FileContent:
    """The first `size` bytes of a file, in blocks; where `dropped`, the connection closes after them.

    Opened at once, so that a file deleted from now on is still sent whole. Raises Refusal (404) where it is gone.
    """

    def __init__(self, path: Path, size: int, *, dropped: bool = False) -> None:
        try:
            self._stream = path.open("rb")
        except FileNotFoundError:
            raise no_such("file") from None
        self._left = size
        self._dropped = dropped

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0 and (block := self._stream.read(min(_BLOCK, self._left))):
            self._left -= len(block)
            yield block
        if self._dropped:
            raise CallDroppedError("download")

    def close(self) -> None:
        """Close the file; the server calls this at the end of the answer."""
        self._stream.close()


def half_of_lines(path: Path, size: int) -> int:
    """Return about half of a file's bytes, up to the end of a line, so that the cut cannot be seen."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
        stream.seek(size // 2)
        stream.readline()
        return min(stream.tell(), size) if stream.tell() < size else _first_line(stream)
    return 0


def _first_line(stream: BinaryIO) -> int:
    stream.seek(0)
    first = len(stream.readline())
    return first if stream.read(1) else 0


def job_with_outputs(job: dict[str, object], paths: Sequence[Path]) -> Iterator[bytes]:
    """Yield the JSON of a job whose `outputs` are the lines of its result files, never holding them all.

    The API does not say whether failed lines are among the outputs; here they are, so that none is missing.
    """
    yield encode({name: value for name, value in job.items() if name != "outputs"})[:-1] + b',"outputs":['
    separator = b""
    for path in paths:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
            for line in stream:
                yield separator + line.rstrip(b"\n")
                separator = b","
    yield b"]}"


def signature(secret: bytes, file_id: str, expires: int) -> str:
    """Return what makes a download URL valid without a key, until `expires` (Unix seconds)."""
    return hmac.new(secret, f"{file_id}\n{expires}".encode(), hashlib.sha256).hexdigest()


def is_signed(secret: bytes, file_id: str, expires: int, given: str) -> bool:
    """Tell whether a URL's signature is one that `signature` gave."""
    return hmac.compare_digest(signature(secret, file_id, expires).encode(), given.encode("utf-8", "replace"))
