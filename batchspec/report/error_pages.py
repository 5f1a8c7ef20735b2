"""What is said of codes, for a terminal: the Markdown of the reference page, without its marks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import shorten

from batchspec.core.error_pages import ErrorPage
from batchspec.report.style import Style

_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WIDTH = 100


def error_page_text(page: ErrorPage, style: Style) -> str:
    """Return a code's section; code stands indented in it."""
    shown = _FENCE.sub(lambda found: _indented(found[1]), page.text)
    shown = _LINK.sub(r"\1", shown).replace("**Way out:**", style("Way out:", "bold"))
    return f"{style(page.code, 'bold')}\n\n{shown}"


def error_list_text(pages: Iterable[ErrorPage]) -> str:
    """Return the codes, each with what it means in a line."""
    listed = list(pages)
    width = max(len(page.code) for page in listed)
    return "\n".join(f"{page.code:<{width}}  {_in_a_line(page.meaning, _WIDTH - width)}" for page in listed)


def _in_a_line(text: str, width: int) -> str:
    return shorten(_LINK.sub(r"\1", text), width, placeholder="…")


def _indented(code: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in code.splitlines())
