"""Reads what batchspec says of each of its codes: the page of the reference, which a wheel carries in the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import batchspec
from batchspec.core.errors import BatchspecError

_PAGE = "errors.md"


def errors_page() -> str:
    """Return the page's Markdown. Raises BatchspecError where it is missing."""
    beside = Path(batchspec.__file__).resolve().parent.parent / "docs" / "reference"
    for folder in (files("batchspec").joinpath("reference"), beside):
        page = folder.joinpath(_PAGE)
        if page.is_file():
            return page.read_text(encoding="utf-8")
    raise BatchspecError(
        f"batchspec's own page `{_PAGE}` is missing",
        why="this installation is not whole",
        hint="install batchspec again",
    )
