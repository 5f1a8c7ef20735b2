"""Reads the files of the top-level `schemas/` folder, which a wheel carries inside the package.

A schema that refers to another one there, by its URN, is read as one that stands by itself.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import batchspec
from batchspec.core.errors import BatchspecError
from batchspec.core.json_text import JsonError, parse

_NO_SCHEMAS = {"prices.yaml", "datasette.json", "codes"}
_URN = "urn:batchspec:schema:"


def schema_text(name: str) -> str:
    """Return a schema's text, whole, for any validator. Raises BatchspecError where it is missing or damaged."""
    text = _text(name)
    return text if _URN not in text.replace(f'"$id": "{_URN}', "") else _written(packaged_schema(name))


def schema_names() -> list[str]:
    """Return the names of all schemas."""
    return sorted({file.name for folder in _folders() if folder.is_dir() for file in folder.iterdir()} - _NO_SCHEMAS)


def packaged_text(name: str) -> str:
    """Return another file that lies there, such as "prices.yaml". Raises BatchspecError where it is missing."""
    return _text(name)


def packaged_schema(name: str) -> dict[str, object]:
    """Return a schema, such as "batchspec.schema.json". Raises BatchspecError where it is missing or damaged."""
    # The pages of codes are read from here too, without any use of schemas.
    from batchspec.core.schema import bundled  # noqa: PLC0415

    try:
        return bundled(_read(name), lambda urn: _read(f"{urn.removeprefix(_URN).rpartition(':')[2]}.schema.json"))
    except ValueError as error:
        raise _damaged(name, str(error)) from None


def _read(name: str) -> dict[str, object]:
    try:
        value = parse(_text(name).encode("utf-8"))
    except JsonError as error:
        raise _damaged(name, str(error)) from None
    if not isinstance(value, dict):
        raise _damaged(name, "it holds no object")
    return value


def _text(name: str) -> str:
    for folder in _folders():
        file = folder.joinpath(*name.split("/"))
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise BatchspecError(
        f"batchspec's own file `schemas/{name}` is missing",
        why="this installation is not whole",
        hint="install batchspec again",
    )


def _written(schema: dict[str, object]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _damaged(name: str, why: str) -> BatchspecError:
    return BatchspecError(f"batchspec's own file `schemas/{name}` is damaged", why=why, hint="install batchspec again")


def _folders() -> tuple[Traversable, ...]:
    """Return where the folder may be: inside the package in a wheel, beside it in a checkout."""
    beside = Path(batchspec.__file__).resolve().parent.parent / "schemas"
    return files("batchspec").joinpath("schemas"), beside
