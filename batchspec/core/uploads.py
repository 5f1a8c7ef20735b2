"""Local files that a request names: in a body as a mark made of their content, at the provider as a `file_id`.

The mark is what identity is made of; the id, which is another with each upload, takes its place only on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

PURPOSE = "ocr"
"""The purpose that files for documents are uploaded with (the API's `FilePurpose`)."""

_MARK = re.compile(rb"batchspec-upload:([0-9a-f]{64})(\.[a-z0-9]{1,8})?")
_REMOTE_NAME = re.compile(r"batchspec-([0-9a-f]{64})(\.[a-z0-9]{1,8})?")
_FILE_ID = re.compile(rb'"file_id":"([0-9A-Za-z_-]{1,80})"')


class LocalFile(NamedTuple):
    """A file of the project that goes to the provider: its content's SHA-256, and its path relative to the root."""

    sha256: str
    path: str

    @property
    def suffix(self) -> str:
        """The path's ending, where it is a plain one; the provider goes by it."""
        name = self.path.rsplit("/", 1)[-1]
        ending = f".{name.rsplit('.', 1)[-1].lower()}" if "." in name else ""
        return ending if re.fullmatch(r"\.[a-z0-9]{1,8}", ending) else ""

    @property
    def mark(self) -> str:
        """What stands in the body where the `file_id` will be."""
        return f"batchspec-upload:{self.sha256}{self.suffix}"

    @property
    def remote_name(self) -> str:
        """The name it is uploaded under, by which it is known again."""
        return f"batchspec-{self.sha256}{self.suffix}"


def marked(line: bytes) -> set[str]:
    """Return the SHA-256 of each file that a line names."""
    return {found[1].decode("ascii") for found in _MARK.finditer(line)} if b"batchspec-upload:" in line else set()


def with_ids(line: bytes, ids: Mapping[str, str]) -> bytes:
    """Return a line with the ids, by SHA-256, in place of the marks; a mark of no known file stays text."""
    return _MARK.sub(lambda found: ids.get(found[1].decode("ascii"), found[0].decode("ascii")).encode("ascii"), line)


def file_ids(line: bytes) -> set[str]:
    """Return the ids that stand as a `file_id` in a line."""
    return {found[1].decode("ascii") for found in _FILE_ID.finditer(line)}


def with_marks(line: bytes, names: Mapping[str, str | None]) -> bytes:
    """Return a line as it was before its marks were replaced. `names` are the files' names by id, None if unknown."""

    def mark(found: re.Match[bytes]) -> bytes:
        name = _REMOTE_NAME.fullmatch(names.get(found[1].decode("ascii")) or "")
        if name is None:
            return found[0]
        return b'"file_id":"batchspec-upload:' + f"{name[1]}{name[2] or ''}".encode("ascii") + b'"'

    return _FILE_ID.sub(mark, line)
