"""Writes a file whole or not at all: temporary file, flush, fsync, rename, fsync of the folder.

A temporary file is locked by who writes it, so that one whose writer has died is known, and cleared by the next.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from batchspec.core.errors import BatchspecError, FileProblemError
from batchspec.project.confined import confine, refuse_unless_regular

_PREFIX, _SUFFIX = ".batchspec-", ".part"
_GIT_FOLDER = frozenset({".git"})

# The block may also raise a network's OSError, which is not the disk's.
_DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


@contextmanager
def write_atomically(path: Path, mode: int = 0o600, *, root: Path | None = None) -> Iterator[BinaryIO]:
    """Give a stream whose bytes become the file `path` when the block ends, and leave `path` as it was if it raises.

    Missing parent folders are made, for their owner alone. With `root`, a symlink in the path is followed where it
    stays in the root and refused where it leaves it; without, a symlink at `path` is itself replaced. Raises
    FileProblemError for a path that is refused, and BatchspecError when the system cannot write (a full disk, a
    read-only folder).
    """
    target = _destination(path, root)
    with _system_refusals(path):
        _make_folders(target.parent, mode=0o700)
        _clear_abandoned(target.parent)
        descriptor, temporary = _temporary(target.parent)
    try:
        with _file_of(descriptor) as stream:
            with _system_refusals(path, only=_DISK_TROUBLE):
                yield stream
            with _system_refusals(path):
                stream.flush()
                temporary.chmod(mode)
                os.fsync(stream.fileno())
                # Still open, and so still locked: nobody takes it for abandoned.
                temporary.replace(target)
                _sync_folder(target.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes_atomically(path: Path, data: bytes, mode: int = 0o600, *, root: Path | None = None) -> None:
    """Make `data` the content of `path`, as `write_atomically` does."""
    with write_atomically(path, mode, root=root) as stream:
        stream.write(data)


def write_new(path: Path, data: bytes, *, root: Path, mode: int = 0o666) -> bool:
    """Make a file whole, durably, unless anything is at `path` already; return whether it was made.

    `mode` is lessened by the umask. Missing parent folders are made. Raises FileProblemError for a path that leaves
    `root` by a symlink, and BatchspecError when the system refuses.
    """
    with _system_refusals(path):
        confine(root.resolve(), path.parent.resolve(), str(path), private=_GIT_FOLDER)
        _clear_abandoned(path.parent)
        if os.path.lexists(path):
            return False
        _make_folders(path.parent, mode=0o777)
        descriptor, temporary = _temporary(path.parent)
        try:
            with _file_of(descriptor) as stream:
                stream.write(data)
                stream.flush()
                temporary.chmod(mode & ~_umask())
                os.fsync(stream.fileno())
                return _named(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _named(temporary: Path, path: Path) -> bool:
    """Give a finished file its name, unless somebody else has taken it meanwhile."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        temporary.replace(path)
    _sync_folder(path.parent)
    return True


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _temporary(folder: Path) -> tuple[int, Path]:
    """Make a temporary file and lock it as long as its descriptor is open."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        # Before it was locked, somebody else has taken it for abandoned.
        os.close(descriptor)


@contextmanager
def _file_of(descriptor: int) -> Iterator[BinaryIO]:
    stream = os.fdopen(descriptor, "wb")
    try:
        yield stream
    finally:
        # What counts was flushed before; what a full disk has refused is refused again here, and is no news.
        with suppress(OSError):
            stream.close()


def abandoned_in(folder: Path) -> list[Path]:
    """Return the temporary files of writers that have died, in name order."""
    return [part for part in sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}")) if _is_abandoned(part, remove=False)]


def _clear_abandoned(folder: Path) -> None:
    """Remove the temporary files of writers that have died. What cannot be removed is in nobody's way."""
    for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        _is_abandoned(part, remove=True)


def _is_abandoned(part: Path, *, remove: bool) -> bool:
    """Tell whether nobody holds a temporary file any more; remove it while that is sure."""
    with suppress(OSError):
        descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if remove:
                part.unlink()
            return True
        finally:
            os.close(descriptor)
    return False


def _destination(path: Path, root: Path | None) -> Path:
    """Return the path to rename to: with a root the real one, once it is known to lie in there."""
    try:
        if root is None:
            target = path.parent.resolve() / path.name
        else:
            target = path.resolve()
            confine(root.resolve(), target, str(path), private=_GIT_FOLDER)
    except (OSError, RuntimeError) as error:
        raise FileProblemError(
            f"`{path}` cannot be written", why=str(error), hint="name a file in a folder that you may write to"
        ) from None
    if os.path.lexists(target) and not target.is_symlink():
        refuse_unless_regular(target.lstat().st_mode, str(path), to_write=True)
    return target


def _make_folders(folder: Path, mode: int) -> None:
    """Make a folder and what is missing above it, each recorded durably in the one above."""
    if folder.is_dir():
        return
    _make_folders(folder.parent, mode)
    folder.mkdir(mode, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; they say so with EINVAL.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _system_refusals(path: Path, only: frozenset[int] | None = None) -> Iterator[None]:
    """Put the system's refusals in words; with `only`, those of these numbers, and let every other pass."""
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> BatchspecError:
    """Return the system's refusal to write a file, in words for the user."""
    hint = "check the folder's rights and the disk"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        hint = "free some space and run the same command again"
    elif error.errno in {errno.EEXIST, errno.ENOTDIR}:
        hint = "a file has the name of a folder that is wanted there; move it away"
    return BatchspecError(f"`{path}` could not be written", why=error.strerror or str(error), hint=hint)
