"""One file of rows: where it is, how it is to be read, and its bytes, unpacked where they are packed.

Knows nothing of any format.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from batchspec.core.offered import OfferedReader
from batchspec.inputs.packing import unpacked

BLOCK_BYTES = 256 * 1024
"""How much is read at a time."""

MAX_ROW_CHARACTERS = 16 * 2**20
"""The longest line, cell or element that is read; a longer one is a mistake (an unclosed quote) or an attack.

Python holds such text in up to 64 MiB, the most that reading may take.
"""


class Opener(Protocol):
    """What opens the files that rows are read from."""

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading as a stream of bytes. Raises FileProblemError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """A file of rows. `format` is one of `opening.FORMATS`, or that of the `reader`, which is a plugin's.

    `path` is POSIX and relative to the root.
    """

    files: Opener
    path: str
    format: str
    encoding: str = "utf-8"
    delimiter: str | None = None
    reader: OfferedReader | None = None

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Give the bytes, from the beginning, unpacked. This and reading raise FileProblemError."""
        with self.files.open(self.path) as raw, unpacked(raw, self.path) as stream:
            yield stream
