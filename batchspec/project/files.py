"""Reads the files of a project, confined to its root: fills the port `ProjectFiles`. It writes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from batchspec.core.errors import FileProblemError
from batchspec.project.confined import joined, refuse_unless_regular, resolved, unusable
from batchspec.project.globbing import matching

MAX_TEXT_BYTES = 16 * 2**20
"""The largest file that is read whole: specs, prompts, schemas."""

_BUFFER_BYTES = 256 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# A FIFO put there after the check must not hang the open, nor a symlink lead it astray.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class RootedFiles:
    """The files at and below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def join(self, beside: str, path: str) -> str:
        """Return `path`, as written in the file `beside`, relative to the root; it need not exist.

        Raises FileProblemError for a path that is absolute or leaves the root by `..`.
        """
        return joined(beside, path)

    def read_text(self, path: str) -> str:
        """Return a UTF-8 text file of at most MAX_TEXT_BYTES, its byte order mark dropped, line ends as they are.

        Raises FileProblemError.
        """
        with self.open(path) as stream:
            try:
                data = stream.read(MAX_TEXT_BYTES + 1)
            except OSError as error:
                raise unusable(path, error) from None
        if len(data) > MAX_TEXT_BYTES:
            raise FileProblemError(
                f"`{path}` is larger than {MAX_TEXT_BYTES // 2**20} MiB",
                why="specs, prompts and schemas are read whole",
                hint="put large data in an input file, which is streamed",
            )
        return _decoded(data, path)

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading as a buffered stream of bytes.

        Raises FileProblemError for a path that is missing, leaves the root, or is no regular file.
        """
        real = resolved(self.root, path)
        try:
            # Opening a device can do something by itself, so look before as well as after.
            refuse_unless_regular(real.lstat().st_mode, path)
            descriptor = os.open(real, _OPEN_FLAGS)
        except OSError as error:
            raise unusable(path, error) from None
        try:
            refuse_unless_regular(os.fstat(descriptor).st_mode, path)
        except FileProblemError:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb", buffering=_BUFFER_BYTES)

    def glob(self, pattern: str) -> list[str]:
        """Return the files that match, sorted by path; `**` spans folders, hidden ones are left out.

        Raises FileProblemError for a pattern, or a file that matches it, that leaves the root.
        """
        return matching(self.root, pattern)


def _decoded(data: bytes, path: str) -> str:
    start = len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0
    try:
        return data[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        offset = start + error.start
        line = data.count(b"\n", 0, offset) + 1
        utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise FileProblemError(
            f"`{path}` is not UTF-8 text: byte 0x{data[offset]:02x} at offset {offset}, on line {line}",
            why="it begins like UTF-16" if utf16 else None,
            hint="save the file as UTF-8",
        ) from None
