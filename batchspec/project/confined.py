"""Turns a path that a spec wrote into a real one, refusing whatever leaves the project's root.

It opens and reads nothing.
"""

from __future__ import annotations

import posixpath
import stat
from pathlib import Path, PureWindowsPath

from batchspec.core.diagnostics import nearest
from batchspec.core.errors import FileProblemError

PRIVATE_FOLDERS = frozenset({".git", ".batchspec"})
"""What no spec may read: git's folder may hold credentials, and reading the state would drop SQLite's locks on it."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def joined(beside: str, path: str) -> str:
    """Return `path`, as written in the file `beside`, relative to the root; neither need exist.

    Raises FileProblemError for a path that is empty, absolute, or leaves the root by `..`.
    """
    if not path:
        raise FileProblemError("the path is empty", hint="write a path relative to the file that names it")
    if "\0" in path:
        raise FileProblemError("the path holds a NUL character", hint="remove it")
    if path.startswith("/") or PureWindowsPath(path).is_absolute():
        raise FileProblemError(
            f"`{path}` is an absolute path",
            why="a project must work wherever it is checked out, so its paths are relative",
            hint="write the path relative to the file that names it",
        )
    clean = posixpath.normpath(posixpath.join(posixpath.dirname(beside), path))
    if clean == ".." or clean.startswith("../"):
        raise FileProblemError(
            f"`{path}` leaves the project's root",
            why="a spec may only use files of its own project",
            hint="move or copy the file into the project",
        )
    return clean


def resolved(root: Path, path: str) -> Path:
    """Return the real path of an existing file or folder, every symlink followed and still inside `root`.

    `root` is itself resolved. Raises FileProblemError, with the nearest name where the file is missing.
    """
    clean = joined("", path)
    try:
        real = (root / clean).resolve(strict=True)
    except FileNotFoundError:
        raise missing(root, clean) from None
    except NotADirectoryError:
        what = f"`{path}` passes through a file as if it were a folder"
        raise FileProblemError(what, hint="mend the path: what stands before a `/` must be a folder") from None
    except RuntimeError:  # a ring of symlinks, before Python 3.13
        raise FileProblemError(f"`{path}` is a symlink to itself", hint="replace it by the file") from None
    except OSError as error:
        raise unusable(path, error) from None
    confine(root, real, path)
    return real


def confine(root: Path, real: Path, path: str, private: frozenset[str] = PRIVATE_FOLDERS) -> None:
    """Refuse a real path that is not in the root, or is in a private folder; `path` is what the user calls it.

    Raises FileProblemError.
    """
    if not real.is_relative_to(root):
        raise FileProblemError(
            f"`{path}` leaves the project's root by a symlink",
            why="a spec may only use files of its own project",
            hint="use a file of the project in the place of the symlink",
        )
    for part in real.relative_to(root).parts:
        if part.casefold() in private:
            raise FileProblemError(
                f"`{path}` is in `{part}`, which is private",
                why="git's folder may hold credentials, and batchspec's own holds its state",
                hint="use another place in the project",
            )


def refuse_unless_regular(mode: int, path: str, *, to_write: bool = False) -> None:
    """Refuse what is not a regular file, by the mode of its `stat`. Raises FileProblemError."""
    if stat.S_ISREG(mode):
        return
    kind = next((name for test, name in _KINDS if test(mode)), "not a regular file")
    hint = "name a regular file"
    if stat.S_ISDIR(mode):
        hint = "name a file in it" if to_write else f"name a file in it, or a glob such as `{path}/*.csv`"
    raise FileProblemError(f"`{path}` is {kind}, not a file", hint=hint)


def unusable(path: str, error: OSError) -> FileProblemError:
    """Return the system's refusal of a path, in words for the user."""
    if isinstance(error, PermissionError):
        return FileProblemError(f"`{path}` may not be read", hint="give yourself the right to read it")
    return FileProblemError(
        f"`{path}` cannot be read", why=error.strerror or str(error), hint="check the file and the disk"
    )


def missing(root: Path, clean: str) -> FileProblemError:
    """Return the error for a path that does not exist, naming the nearest sibling of its first missing part."""
    folder, parts = root, clean.split("/")
    for number, part in enumerate(parts):
        try:
            real = (folder / part).resolve(strict=True)
            if not real.is_relative_to(root):
                break
            folder = real
        except (OSError, RuntimeError):
            if (folder / part).is_symlink():
                return FileProblemError(f"`{clean}` is a symlink to nothing", hint="mend the symlink")
            closest = nearest(part, _names(folder))
            if closest is None:
                break
            guess = "/".join([*parts[:number], closest, *parts[number + 1 :]])
            return FileProblemError(f"there is no file `{clean}`", hint=f"did you mean `{guess}`?")
    return FileProblemError(
        f"there is no file `{clean}`", hint="paths are relative to the file that names them; check the spelling"
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.name not in PRIVATE_FOLDERS)
    except OSError:
        return []
