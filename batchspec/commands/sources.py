"""Which files a spec was made of: remembered as they are read, each with the SHA-256 of its bytes."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from batchspec.core.contents import sha256_of
from batchspec.core.errors import FileProblemError
from batchspec.core.hashed_reading import Readings, hashed
from batchspec.core.ports import ProjectFiles


class RememberedFiles:
    """A project's files, of which those that were read whole are remembered with their digests, and all by name."""

    def __init__(self, files: ProjectFiles) -> None:
        self._files = files
        self.texts: dict[str, str] = {}
        """The SHA-256, in hexadecimal, of each file that was read as text, by its path."""
        self.opened: dict[str, None] = {}
        """The paths that were opened, in the order in which they first were."""
        self.used: dict[str, str] = {}
        """The SHA-256, in hexadecimal, of each text as it was used, whatever the file holds by now."""
        self.steady = True
        """Whether every text was there, and the same each time."""
        self.readings: Readings | None = None
        """Where what is opened is hashed to while it is read, if it is."""

    def join(self, beside: str, path: str) -> str:
        """Return `path`, as written in the file `beside`, relative to the root."""
        return self._files.join(beside, path)

    def read_text(self, path: str) -> str:
        """Return a text file, and remember it."""
        try:
            text = self._files.read_text(path)
        except FileProblemError:
            self.steady = False
            raise
        data = text.encode("utf-8")
        digest = hashlib.sha256(data).hexdigest()
        self.steady &= self.used.setdefault(path, digest) == digest
        if path not in self.texts:
            self.texts[path] = sha256_of(path, self._files)
            # What it is told by is read once more, and other processes are held to that.
            self.steady &= self.texts[path] in {digest, hashlib.sha256(codecs.BOM_UTF8 + data).hexdigest()}
        return text

    def open(self, path: str) -> BinaryIO:
        """Open a file, and remember its name."""
        self.opened.setdefault(path)
        stream = self._files.open(path)
        return stream if self.readings is None else hashed(stream, path, self.readings)

    def glob(self, pattern: str) -> list[str]:
        """Return the files that match, and remember their names: whoever asks reads them, perhaps by other means."""
        paths = self._files.glob(pattern)
        self.opened.update(dict.fromkeys(paths))
        return paths

    @contextmanager
    def hashing(self, readings: Readings) -> Iterator[None]:
        """Have the files that are opened in a block hashed while they are read."""
        self.readings = readings
        try:
            yield
        finally:
            self.readings = None
