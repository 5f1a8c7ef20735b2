"""What an answerer is asked: the request, its hash, and a way to look at the files that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from batchspec.emulator.answers.errors import AnswerError


class Attachment(NamedTuple):
    """An uploaded file that a request names: its name, its size in bytes and the SHA-256 of its content in hex."""

    filename: str
    size: int
    digest: str


Files = Callable[[str], Attachment | None]
"""Looks a file up by its id; None where there is none."""


def no_files(file_id: str) -> Attachment | None:  # noqa: ARG001 - a `Files`
    """Know no file at all."""
    return None


class Asked(NamedTuple):
    """One request. `seed` is the hash of endpoint, model and body (32 bytes), a file's id counting as its content."""

    model: str
    body: Mapping[str, object]
    seed: bytes
    files: Files

    @property
    def draw(self) -> int:
        """A number of 64 bits made of the request, to pick things by."""
        return int.from_bytes(self.seed[8:16], "big")

    @property
    def id(self) -> str:
        """The answer's id, which says that it is emulated."""
        return f"emulated-{self.seed.hex()[:24]}"

    def attachment(self, file_id: object) -> Attachment:
        """Return the file of that id. Raises AnswerError (404) where there is none."""
        found = self.files(file_id) if isinstance(file_id, str) else None
        if found is None:
            raise AnswerError(f"File {file_id} not found.", kind="invalid_request_file", code="3310", status=404)
        return found
