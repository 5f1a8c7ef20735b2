"""A file as the multipart body of `POST /v1/files`: streamed, sent from its first byte on each try, and hashed.

The file is never in memory, and what is hashed is what really went out.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType

from batchspec.core.errors import BatchspecError
from batchspec.core.ports import Progress
from batchspec.mistral.exchange import BLOCK


class UploadBody:
    """Head, file and tail, as one body of known length. `progress` counts each byte of the file once.

    Use it as a context manager: it holds the file open. Raises BatchspecError where the file cannot be read.
    """

    def __init__(
        self, path: Path, filename: str, progress: Progress, purpose: str = "batch", *, hashed: bool = False
    ) -> None:
        self._path = path
        self._hashed = hashed
        self._progress = progress
        self._file: FileIO
        self._shown = 0
        self._sha256: str | None = None
        self.whole = False
        """Whether the file's bytes were all sent, by the last try."""
        boundary = f"batchspec-{secrets.token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = _head(boundary, filename, purpose)
        self._tail = f"\r\n--{boundary}--\r\n".encode("ascii")
        self.size = 0

    def __enter__(self) -> UploadBody:
        try:
            self._file = self._path.open("rb", buffering=0)
            status = os.fstat(self._file.fileno())
        except OSError as error:
            problem = error.strerror
        else:
            if stat.S_ISREG(status.st_mode):
                self.size = status.st_size
                return self
            self._file.close()
            problem = "not a regular file"
        raise self._unreadable(problem)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def sha256(self) -> str | None:
        """SHA-256 in hexadecimal of the file's bytes as last sent; None where that was not all, or not asked for."""
        return self._sha256

    def __len__(self) -> int:
        return len(self._head) + self.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        self._sha256, self.whole = None, False
        digest = hashlib.sha256() if self._hashed else None
        yield self._head
        sent = 0
        while sent < self.size:
            block = self._read(sent)
            if digest is not None:
                digest.update(block)
            yield block
            sent += len(block)
            self._show(sent)
        self._sha256, self.whole = None if digest is None else digest.hexdigest(), True
        yield self._tail

    def _read(self, at: int) -> bytes:
        problem: str | None
        try:
            # Each read says where: nobody else's seek, and no earlier try, can shift it.
            self._file.seek(at)
            block = self._file.read(min(BLOCK, self.size - at))
        except OSError as error:
            problem = error.strerror
        else:
            if block:
                return block
            problem = "it became shorter while it was uploaded"
        raise self._unreadable(problem)

    def _show(self, sent: int) -> None:
        if sent > self._shown:
            self._progress.advance(sent - self._shown)
            self._shown = sent

    def _unreadable(self, problem: str | None) -> BatchspecError:
        return BatchspecError(
            f"cannot upload {self._path}", why=problem, hint="leave the file alone and readable, then run again"
        )


def _head(boundary: str, filename: str, purpose: str) -> bytes:
    """Return the purpose part and the file part's header; the name is escaped as HTML's form encoding has it."""
    name = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
