"""Reads the JSON files of the top-level `schemas/` folder, which a wheel carries inside the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import batchspec
from batchspec.core.errors import BatchspecError
from batchspec.core.json_text import JsonError, parse


def schema_text(name: str) -> str:
    """Return the text of a file of `schemas/`, such as "batchspec.schema.json". Raises BatchspecError without it."""
    for folder in _folders():
        file = folder.joinpath(*name.split("/"))
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise BatchspecError(
        f"batchspec's own file `schemas/{name}` is missing",
        why="this installation is not whole",
        hint="install batchspec again",
    )


def packaged_schema(name: str) -> dict[str, object]:
    """Return a JSON file of `schemas/` as a mapping. Raises BatchspecError where it is missing or damaged."""
    try:
        value = parse(schema_text(name).encode("utf-8"))
    except JsonError as error:
        raise _damaged(name, str(error)) from None
    if not isinstance(value, dict):
        raise _damaged(name, "it holds no object")
    return value


def _damaged(name: str, why: str) -> BatchspecError:
    return BatchspecError(f"batchspec's own file `schemas/{name}` is damaged", why=why, hint="install batchspec again")


def _folders() -> tuple[Traversable, ...]:
    """Return where the folder may be: inside the package in a wheel, beside it in a checkout."""
    beside = Path(batchspec.__file__).resolve().parent.parent / "schemas"
    return files("batchspec").joinpath("schemas"), beside
