"""Takes the reference page of errors apart: one section for each code, with its examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_SECTION = re.compile(r"^### `([a-z-]+)`$", re.MULTILINE)
_FILE = re.compile(r"^`([^`\n]+)`(?::\n\n```[a-z]*\n(.*?)```$| is empty\.$)", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"^```console\n\$ ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WAY_OUT = re.compile(r"^\*\*Way out:\*\* (.+?)\.$", re.MULTILINE | re.DOTALL)


class ErrorPage(NamedTuple):
    """What is said of one code, as Markdown without its heading."""

    code: str
    text: str

    @property
    def meaning(self) -> str:
        """The first paragraph."""
        return self.text.split("\n\n", 1)[0].replace("\n", " ")

    @property
    def way_out(self) -> str:
        """How to mend it."""
        found = _WAY_OUT.search(self.text)
        return found[1].replace("\n", " ") if found else ""

    @property
    def files(self) -> dict[str, str]:
        """The files of its example, by path, where it has one."""
        return files_of(self.text)

    @property
    def call(self) -> tuple[str, str] | None:
        """The command of its example, and what that prints."""
        found = _CALL.search(self.text)
        return (found[1], found[2]) if found else None


def error_pages(text: str) -> Mapping[str, ErrorPage]:
    """Return the sections of the page by their codes, in its order."""
    parts = _SECTION.split(text)
    return {
        # What follows a section may be the heading of the next group.
        code: ErrorPage(code, section.split("\n## ", 1)[0].strip())
        for code, section in zip(parts[1::2], parts[2::2], strict=True)
    }


def files_of(text: str) -> dict[str, str]:
    """Return the files that are shown in a text, by their paths."""
    return {found[1]: found[2] or "" for found in _FILE.finditer(text)}
