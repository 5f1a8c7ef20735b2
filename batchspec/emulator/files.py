"""The emulator's files: one row and one file on disk each, by id. Nothing in here understands what they hold."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO

from batchspec.emulator.answers import Attachment
from batchspec.emulator.database import Database
from batchspec.emulator.listing import ListQuery
from batchspec.emulator.refusals import no_such

_ABANDONED_SECONDS = 3600
_PART_SUFFIX = ".part"


class FileStore:
    """Files in the folder `files` of the data folder, and their rows. Safe for many threads."""

    def __init__(self, data: Path, database: Database) -> None:
        self._database = database
        self._folder = data / "files"
        self._folder.mkdir(exist_ok=True, mode=0o700)

    def path(self, file_id: str) -> Path:
        """Return where a file's content is, for an id that the store itself has given."""
        return self._folder / file_id

    def part(self) -> IO[bytes]:
        """Open a new file to receive an upload; `keep` or `drop` ends it."""
        return tempfile.NamedTemporaryFile(mode="w+b", dir=self._folder, suffix=_PART_SUFFIX, delete=False)

    def drop(self, part: Path) -> None:
        """Remove a part that is not kept."""
        part.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the parts of uploads that a killed server left behind."""
        for part in self._folder.glob(f"*{_PART_SUFFIX}"):
            with contextlib.suppress(OSError):
                if part.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    part.unlink()

    def keep(
        self,
        part: Path,
        *,
        filename: str,
        purpose: str,
        lines: int | None,
        mimetype: str | None,
        visibility: str,
        expires_at: float | None,
    ) -> dict[str, object]:
        """Take an uploaded part in as a file and return it as the API shows it."""
        file_id = str(uuid.uuid4())
        size = part.stat().st_size
        part.rename(self.path(file_id))
        with self._database.transaction() as connection:
            add_file(
                connection,
                file_id,
                filename=filename,
                size=size,
                purpose=purpose,
                sample_type="batch_request" if purpose == "batch" else "instruct",
                source="upload",
                lines=lines,
                mimetype=mimetype,
                visibility=visibility,
                expires_at=expires_at,
            )
        return self.get(file_id)

    def get(self, file_id: str) -> dict[str, object]:
        """Return a file as the API shows it. Raises Refusal (404)."""
        return _shown(self.row(file_id))

    def row(self, file_id: str) -> sqlite3.Row:
        """Return a file's row. Raises Refusal (404)."""
        row = self._database.row("SELECT * FROM files WHERE id = ? AND deleted = 0", (file_id,))
        if row is None:
            raise no_such("file")
        return row

    def attachment(self, file_id: str) -> Attachment | None:
        """Return what an answer may know of a file that its request names, or None where there is none."""
        row = self._database.row("SELECT filename, bytes FROM files WHERE id = ? AND deleted = 0", (file_id,))
        try:
            return None if row is None else Attachment(row["filename"], row["bytes"], _digest(self.path(file_id)))
        except FileNotFoundError:
            return None

    def page(self, query: ListQuery) -> dict[str, object]:
        """Return one page of the files, the newest first."""
        where = f"deleted = 0 AND {query.where}"
        rows = self._database.rows(
            f"SELECT * FROM files WHERE {where} ORDER BY seq DESC LIMIT ? OFFSET ?",  # noqa: S608 - values are bound
            (*query.values, query.page_size, query.page * query.page_size),
        )
        total: int | None = None
        if query.total:
            counted = self._database.row(f"SELECT count(*) FROM files WHERE {where}", query.values)  # noqa: S608
            total = counted[0] if counted else 0
        return {"data": [_shown(row) for row in rows], "object": "list", "total": total}

    def delete(self, file_id: str) -> dict[str, object]:
        """Delete a file: its content goes, its row stays for the ledger. Raises Refusal (404)."""
        with self._database.transaction() as connection:
            changed = connection.execute("UPDATE files SET deleted = 1 WHERE id = ? AND deleted = 0", (file_id,))
            if changed.rowcount == 0:
                raise no_such("file")
        self.path(file_id).unlink(missing_ok=True)
        return {"id": file_id, "object": "file", "deleted": True}


@lru_cache(maxsize=1024)
def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, which never changes under its id."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def add_file(
    connection: sqlite3.Connection,
    file_id: str,
    *,
    filename: str,
    size: int,
    purpose: str,
    sample_type: str,
    source: str,
    lines: int | None,
    mimetype: str | None = "application/jsonl",
    visibility: str = "workspace",
    expires_at: float | None = None,
) -> None:
    """Record a file whose content is in its place; part of the caller's transaction."""
    values: Mapping[str, object] = {
        "id": file_id,
        "filename": filename,
        "bytes": size,
        "created_at": time.time(),
        "purpose": purpose,
        "sample_type": sample_type,
        "source": source,
        "num_lines": lines,
        "mimetype": mimetype,
        "expires_at": expires_at,
        "visibility": visibility,
    }
    names = ", ".join(values)
    places = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO files ({names}) VALUES ({places})", tuple(values.values()))  # noqa: S608


def _shown(row: sqlite3.Row) -> dict[str, object]:
    return {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": int(row["created_at"]),
        "filename": row["filename"],
        "purpose": row["purpose"],
        "sample_type": row["sample_type"],
        "num_lines": row["num_lines"],
        "mimetype": row["mimetype"],
        "source": row["source"],
        "signature": None,
        "expires_at": None if row["expires_at"] is None else int(row["expires_at"]),
        "visibility": row["visibility"],
        "deleted": False,
    }
