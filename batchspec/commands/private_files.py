"""Files in which answers and requests lie while they are taken in: their owner's alone, and named where they fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written anew, for its owner alone from its first byte on.

    Raises OSError with the file's name: the system names none where a file is open and a write to it fails.
    """
    path.touch(mode=0o600)
    try:
        with path.open("wb") as stream:
            yield stream
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
