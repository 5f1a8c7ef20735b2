"""Writes a new project to disk."""

from __future__ import annotations

import uuid
from pathlib import Path

from batchspec.commands.init import Initialised, init
from batchspec.project.packaged import schema_text

_SCHEMA = "batchspec.schema.json"


def begin(directory: Path) -> Initialised:
    """Make a project in a folder, which is made where it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory / ".gitignore"

    def place(path: str, text: str) -> bool:
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("x", encoding="utf-8", newline="") as stream:
                stream.write(text)
        except FileExistsError:
            return False
        return True

    return init(
        schema=schema_text(_SCHEMA),
        project_id=str(uuid.uuid4()),
        place=place,
        read_ignore=lambda: ignore.read_text(encoding="utf-8") if ignore.exists() else None,
        write_ignore=lambda text: _replace(ignore, text),
    )


def _replace(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
