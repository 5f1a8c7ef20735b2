"""What files hold, by digest, and files that must still hold what they did."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from batchspec.core.errors import FileProblemError
from batchspec.core.ports import ProjectFiles

_BLOCK = 1024 * 1024


def sha256_of(path: str, files: ProjectFiles) -> str:
    """Return the SHA-256 of a file in hexadecimal, streaming it."""
    digest = hashlib.sha256()
    with files.open(path) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class PinnedFiles:
    """Fills `core.ports.ProjectFiles` with files whose texts are those of the SHA-256 in `digests`, by path."""

    files: ProjectFiles
    digests: Mapping[str, str]

    def join(self, beside: str, path: str) -> str:
        """Return `path`, as written in the file `beside`, relative to the root."""
        return self.files.join(beside, path)

    def read_text(self, path: str) -> str:
        """Return a text file. Raises FileProblemError where it is not what it was."""
        text = self.files.read_text(path)
        if path in self.digests and sha256_of(path, self.files) != self.digests[path]:
            raise changed_meanwhile(path)
        return text

    def open(self, path: str) -> BinaryIO:
        """Open a file."""
        return self.files.open(path)

    def glob(self, pattern: str) -> list[str]:
        """Return the files that match."""
        return self.files.glob(pattern)


def changed_meanwhile(path: str) -> FileProblemError:
    """Return the error of a file that was changed while it was in use."""
    return FileProblemError(
        f"`{path}` was changed while it was read",
        why="several processes read it, and must read the same",
        hint="run this again when nothing writes to it",
    )
