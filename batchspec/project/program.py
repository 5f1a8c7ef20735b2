"""Tells the program itself by a digest: its own files, and the libraries and the Python that it runs with."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

import batchspec

_SUFFIXES = frozenset({".py", ".json", ".yaml"})


@cache
def program_digest() -> str:
    """Return a SHA-256, in hexadecimal, that is another one where anything may come out otherwise.

    By content, so that an edit in a checkout counts as much as a new version. Every library that is installed counts,
    by its version: which of them rows are read with is found out only while reading.
    """
    digest = hashlib.sha256(f"{batchspec.__version__} {sys.version} {sys.platform}".encode())
    package = Path(batchspec.__file__).resolve().parent
    folders = [package] if (package / "schemas").is_dir() else [package, package.parent / "schemas"]
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES):
            digest.update(f"\n{path.relative_to(folder).as_posix()} ".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for name in sorted(_installed()):
        digest.update(b"\n" + os.fsencode(name))
    return digest.hexdigest()


def _installed() -> set[str]:
    """Return name and version of what is installed, by the folders that say so."""
    folders = [folder for folder in map(Path, filter(None, sys.path)) if folder.is_dir()]
    return {path.name for folder in folders for path in folder.glob("*.dist-info")}
