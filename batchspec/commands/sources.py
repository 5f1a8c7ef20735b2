"""Which files a spec was made of: remembered as they are read, each with the SHA-256 of its bytes."""

from __future__ import annotations

from typing import BinaryIO

from batchspec.core.contents import sha256_of
from batchspec.core.ports import ProjectFiles


class RememberedFiles:
    """A project's files, of which those that were read whole are remembered with their digests, and all by name."""

    def __init__(self, files: ProjectFiles) -> None:
        self._files = files
        self.texts: dict[str, str] = {}
        """The SHA-256, in hexadecimal, of each file that was read as text, by its path."""
        self.opened: dict[str, None] = {}
        """The paths that were opened, in the order in which they first were."""

    def join(self, beside: str, path: str) -> str:
        """Return `path`, as written in the file `beside`, relative to the root."""
        return self._files.join(beside, path)

    def read_text(self, path: str) -> str:
        """Return a text file, and remember it."""
        text = self._files.read_text(path)
        if path not in self.texts:
            self.texts[path] = sha256_of(path, self._files)
        return text

    def open(self, path: str) -> BinaryIO:
        """Open a file, and remember its name."""
        self.opened.setdefault(path)
        return self._files.open(path)

    def glob(self, pattern: str) -> list[str]:
        """Return the files that match, and remember their names: whoever asks reads them, perhaps by other means."""
        paths = self._files.glob(pattern)
        self.opened.update(dict.fromkeys(paths))
        return paths
