"""A code explained, in a terminal and as a document; and the list of all codes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from batchspec.core.code_pages import CodePage
from batchspec.report.style import Style

_LINK = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)[^)]*\)")
_WIDTH = 100
_LEAST = 20


def page_text(page: CodePage, style: Style) -> str:
    """Return a page as it is read in a terminal."""
    head = f"{style(page.code, 'bold')}  {style(page.group, 'dim')}"
    example = re.sub(r"\n{3,}", "\n\n", "\n".join(_example(page.example, style)))
    meaning, why, way_out = (_wrapped(text, style) for text in (page.meaning, page.why, page.way_out))
    parts = [head, meaning, style.fold(example), f"{style('why', 'bold')}\n{why}"]
    return "\n\n".join([*parts, f"{style('way out', 'bold')}\n{way_out}"])


def list_text(pages: Iterable[CodePage], style: Style) -> str:
    """Return every code with its meaning, by groups."""
    listed = list(pages)
    width = max(len(page.code) for page in listed)
    lines: list[str] = []
    group = ""
    for page in listed:
        if page.group != group:
            group = page.group
            lines += ["", style(group, "bold")] if lines else [style(group, "bold")]
        first, *rest = textwrap.wrap(_plain(page.meaning), max(_LEAST, _room(style) - width - 4))
        lines.append(f"  {style(page.code.ljust(width), 'cyan')}  {first}")
        lines += [f"  {'':<{width}}  {line}" for line in rest]
    return "\n".join(lines)


def page_document(page: CodePage) -> dict[str, str]:
    """Return the page for a program; its texts are Markdown."""
    return {
        "code": page.code,
        "group": page.group,
        "meaning": page.meaning,
        "example": page.example,
        "why": page.why,
        "way_out": page.way_out,
    }


def pages_document(pages: Iterable[CodePage]) -> dict[str, object]:
    """Return the document of `explain --json`."""
    # With it comes all that plans are told by, which a page of text has no use for.
    from batchspec.report.documents import FORMAT_VERSION  # noqa: PLC0415

    return {"format_version": FORMAT_VERSION, "codes": [page_document(page) for page in pages]}


def _plain(text: str) -> str:
    return _LINK.sub(r"\1 (docs/\2)", text)


def _room(style: Style) -> int:
    """Return how wide prose is: as the terminal, and never so wide that it is hard to read."""
    return _WIDTH if style.width is None else min(_WIDTH, style.width)


def _wrapped(text: str, style: Style) -> str:
    whole = _plain(text)
    return textwrap.fill(whole, _room(style), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _example(text: str, style: Style) -> Iterator[str]:
    """Yield an example's lines: names of files and what stands in them, indented, without Markdown's marks."""
    inside = False
    for line in text.split("\n"):
        if line.startswith("```"):
            inside = not inside
        elif inside:
            yield f"    {style(line, 'bold') if line.startswith('$ ') else line}".rstrip()
        else:
            yield style(f"  {line.strip('`')}", "dim").rstrip() if line else ""
