"""Reads the pages that explain codes, which batchspec carries with it."""

from __future__ import annotations

from batchspec.core.code_pages import GROUPS, CodePage, read_pages
from batchspec.project.packaged import packaged_text


def load_pages() -> dict[str, CodePage]:
    """Return every page by its code, in the order of the reference. Raises BatchspecError where a file is missing."""
    pages: dict[str, CodePage] = {}
    for group in GROUPS:
        pages |= read_pages(packaged_text(f"codes/{group}.md"))
    return pages
