"""Unpacks files that are packed with gzip or Zstandard while they are read; what is damaged or cut short is an error.

Knows nothing of rows.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from batchspec.core.errors import FileProblemError
from batchspec.inputs.extras import ZSTD, load_extra

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PACKED_SUFFIXES = (".gz", ".zst")

_BUFFER_BYTES = 256 * 1024

# Zstandard's own default: what a frame may make its reader remember, 128 MiB.
_LARGEST_WINDOW_LOG = 27


class DamagedError(FileProblemError):
    """Packed data that is damaged, cut short, or wants more memory than it may have."""


class DamagedGzipError(DamagedError):
    """The same of gzip."""

    code = "gzip"


class DamagedZstdError(DamagedError):
    """The same of Zstandard."""

    code = "zstd"


def packing(path: str) -> str | None:
    """Return the suffix that says how a file is packed, or None."""
    return next((suffix for suffix in PACKED_SUFFIXES if path.lower().endswith(suffix)), None)


@contextmanager
def unpacked(raw: BinaryIO, path: str) -> Iterator[BinaryIO]:
    """Give the bytes of a file as its name says. Reading raises DamagedError; MissingExtraError comes at once."""
    kind = packing(path)
    if kind is None:
        yield raw
        return
    with _open_gzip(raw) if kind == ".gz" else _open_zstd(raw) as stream:
        yield io.BufferedReader(stream, _BUFFER_BYTES)


class _Unpacking(io.RawIOBase):
    """A file of the standard library's kind, whose complaints are put into words."""

    def __init__(self, file: BinaryIO, faults: tuple[type[Exception], ...], error: type[DamagedError]) -> None:
        self._file = file
        self._faults = faults
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        try:
            data = self._file.read(len(view))
        except self._faults as error:
            raise self._error(
                f"the {self._error.code} data is damaged or cut short", why=str(error), hint="pack it again"
            ) from None
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _open_gzip(raw: BinaryIO) -> _Unpacking:
    file = cast(BinaryIO, GzipFile(fileobj=raw, mode="rb"))
    return _Unpacking(file, (BadGzipFile, EOFError, zlib.error), DamagedGzipError)


def _open_zstd(raw: BinaryIO) -> _Unpacking:
    library: Any = load_extra(ZSTD, "a .zst file")
    file = library.ZstdFile(raw, "rb", options={library.DecompressionParameter.window_log_max: _LARGEST_WINDOW_LOG})
    return _Unpacking(file, (library.ZstdError, EOFError), DamagedZstdError)
