"""Opens objects of stores elsewhere by their addresses, as far as the environment of a run allows them.

A spec may be changed by a pull request: so it is no spec that says what this machine's credentials may read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from batchspec.core.errors import FileProblemError
from batchspec.inputs.extras import Extra, MissingExtraError, load_extra
from batchspec.inputs.row_file import BLOCK_BYTES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FSSPEC = Extra("remote", ("fsspec",))
STORES: Mapping[str, str] = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub"}
"""The stores that are read, and the library of each."""

_ADDRESS = re.compile(r"([a-z][a-z0-9]*)://([^/\s]+)/(\S+)")
_DOUBTFUL = re.compile(r"[@?#\\*\[\]]|::|%2e|%2f|[\x00-\x20\x7f]", re.IGNORECASE)


class RemoteInputError(FileProblemError):
    """An address that is refused, or that could not be read."""

    code = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What may be read elsewhere: addresses that begin as one of `allowed`, of the kinds that `libraries` names."""

    allowed: tuple[str, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=lambda: STORES)

    def check(self, address: str) -> None:
        """Refuse an address before anything is asked of a network. Raises FileProblemError."""
        kind = _kind(address)
        if kind not in self.libraries:
            known = ", ".join(f"{name}://" for name in self.libraries)
            raise RemoteInputError(
                f"{kind}:// is not read", hint=f"known are {known}; copy other files into the project"
            )
        self.permit(address)
        load_extra(FSSPEC, f"a {kind}:// address")
        library = self.libraries[kind]
        try:
            import_module(library)
        except ImportError as error:
            summary = f"a {kind}:// address cannot be read without an optional library"
            raise MissingExtraError(summary, why=str(error), hint=f"pip install {library}") from None

    def permit(self, address: str) -> None:
        """Refuse an address that this run may not read, of whatever kind it is. Raises FileProblemError."""
        kind = _kind(address)
        if not any(address.startswith(prefix.rstrip("/") + "/") for prefix in self.allowed):
            raise RemoteInputError(
                f"`{address}` may not be read in this run",
                why="a spec can be changed by a pull request, so only the environment allows to read elsewhere",
                hint=f"set BATCHSPEC_REMOTE_INPUTS={kind}://{address.split('/')[2]}/",
            )

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading. Raises FileProblemError, as does reading it."""
        self.check(path)
        fsspec: Any = import_module("fsspec")
        try:
            return cast(BinaryIO, io.BufferedReader(_Remote(fsspec.open(path, "rb").open(), path), BLOCK_BYTES))
        except Exception as error:  # noqa: BLE001 - every store has errors of its own, which may hold credentials
            raise _problem(path, error) from None


class _Remote(io.RawIOBase):
    """An object that is being read, and whose complaints are put into words."""

    def __init__(self, file: Any, address: str) -> None:
        self._file = file
        self._address = address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        try:
            data = self._file.read(len(view))
        except Exception as error:  # noqa: BLE001 - as above
            raise _problem(self._address, error) from None
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _kind(address: str) -> str:
    """Return the scheme of an address. Raises RemoteInputError for what is no address, or may hide another one."""
    found = _ADDRESS.fullmatch(address)
    if found is None or _DOUBTFUL.search(address) or ".." in address.split("/"):
        raise RemoteInputError(
            f"`{shown(address)}` is no address of one object",
            hint="write s3://bucket/path/file.csv, without a user, a query or a pattern",
        )
    return found[1]


def shown(address: str) -> str:
    """Return an address without what may be secret in it."""
    return re.sub(r"//[^/@]*@", "//…@", address).partition("?")[0]


def _problem(address: str, error: Exception) -> RemoteInputError:
    # A store's own words may hold a key's name or a signed address: they are not shown.
    if isinstance(error, FileNotFoundError):
        return RemoteInputError(f"there is no `{address}`", hint="check the address, and what your credentials may see")
    if isinstance(error, PermissionError):
        return RemoteInputError(f"`{address}` may not be read", hint="check the credentials of this machine")
    return RemoteInputError(
        f"`{address}` could not be read", why=type(error).__name__, hint="check the connection and the credentials"
    )
