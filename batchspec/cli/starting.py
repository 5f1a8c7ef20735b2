"""Writes a new project to disk."""

from __future__ import annotations

import stat
import uuid
from pathlib import Path

from batchspec.commands.init import Initialised, init
from batchspec.core.errors import FileProblemError
from batchspec.project.atomic import write_bytes_atomically, write_new
from batchspec.project.packaged import schema_text

_SCHEMA = "editor.schema.json"


def begin(directory: Path) -> Initialised:
    """Make a project in a folder, which is made where it is missing."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise FileProblemError(
            f"`{directory}` is a file, or lies below one", hint="name a folder, or one that is to be made"
        ) from None
    ignore = directory / ".gitignore"

    def place(path: str, text: str) -> bool:
        return write_new(directory / path, text.encode("utf-8"), root=directory)

    return init(
        schema=schema_text(_SCHEMA),
        project_id=str(uuid.uuid4()),
        place=place,
        read_ignore=lambda: ignore.read_text(encoding="utf-8") if ignore.exists() else None,
        write_ignore=lambda text: _replace(ignore, text, directory),
    )


def _replace(path: Path, text: str, root: Path) -> None:
    # As git makes it: readable for whoever may read the project.
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    write_bytes_atomically(path, text.encode("utf-8"), mode, root=root)
