"""Matches a glob against the files below a root, in an order that is the same everywhere.

Hidden names match only a part of the pattern that begins with a dot itself, and `**` follows no symlink.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path

from batchspec.core.errors import FileProblemError
from batchspec.project.confined import PRIVATE_FOLDERS, confine, joined, unusable

_MAGIC = re.compile(r"[*?\[]")


def matching(root: Path, pattern: str) -> list[str]:
    """Return what matches and is not a folder, relative to `root` (itself resolved), sorted by path, each once.

    A name that holds `*`, `?` or `[` and exists just so is itself. Raises FileProblemError for a pattern that leaves
    the root, and for a match that does so by a symlink: leaving it out in silence would lose rows.
    """
    clean = joined("", pattern)
    if (root / clean).is_file() or not _MAGIC.search(clean):
        found = [clean] if os.path.lexists(root / clean) and not (root / clean).is_dir() else []
    else:
        found = sorted(set(_walk(root, "", _parts(clean))))
    for path in found:
        _check(root, path)
    return found


def _check(root: Path, path: str) -> None:
    try:
        real = (root / path).resolve()
    except (OSError, RuntimeError) as error:
        what = f"`{path}` cannot be followed"
        raise FileProblemError(what, why=str(error), hint="replace the symlink by what it means") from None
    confine(root, real, path)


def _parts(pattern: str) -> list[str]:
    """Split at the slashes; `**/**` means no more than `**`, and would take far longer."""
    parts = pattern.split("/")
    return [part for number, part in enumerate(parts) if part != "**" or parts[number - 1 : number] != ["**"]]


def _walk(root: Path, folder: str, parts: list[str]) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _walk(root, folder, rest or ["*"])
        for entry in _entries(root, folder):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _walk(root, _child(folder, entry.name), parts)
        return
    matches = re.compile(translate(part)).match
    for entry in _entries(root, folder):
        hidden = entry.name.startswith(".") and not part.startswith(".")
        if hidden or not (entry.name == part or matches(entry.name)):
            continue
        path = _child(folder, entry.name)
        if not entry.is_dir():
            if not rest:
                yield path
        elif rest and entry.name.casefold() not in PRIVATE_FOLDERS:
            _check(root, path)
            yield from _walk(root, path, rest)


def _child(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _entries(root: Path, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return list(entries)
    except OSError as error:
        raise unusable(folder or ".", error) from None
