"""The pages that explain codes: their form, read from Markdown; and the code that somebody may have meant.

Reading the files that hold them is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from batchspec.core.diagnostics import nearest

GROUPS = ("yaml", "specs", "project", "templates", "inputs", "run")
"""The files that hold the pages, in the order of the reference."""

_HEADING = re.compile(r"^## ([a-z-]+)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_WRITTEN_AROUND = re.compile(r"^(?:error|warning)?\[?([a-z-]+)\]?:?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """What a code means, an example that provokes it, why it is so, and the way out. All of it is Markdown.

    `group` is the title of the pages that it stands among. `example` holds files, each named on the line before it, and
    a console with the commands and what is told.
    """

    code: str
    group: str
    meaning: str
    example: str
    why: str
    way_out: str


def read_pages(text: str) -> Mapping[str, CodePage]:
    """Return the pages of one file by their codes. Raises ValueError, which names the code that lacks a part."""
    title, *parts = _HEADING.split(text)
    group = title.strip().removeprefix("# ")
    pages = (_page(code, group, body) for code, body in zip(parts[::2], parts[1::2], strict=True))
    return MappingProxyType({page.code: page for page in pages})


def code_in(text: str) -> str:
    """Return the code in what somebody has copied from a message: `error[unknown-key]:` is `unknown-key`."""
    found = _WRITTEN_AROUND.match(text.strip().lower().replace("_", "-"))
    return found[1] if found else text


def meant(code: str, known: Mapping[str, CodePage]) -> str | None:
    """Return the known code that is closest to an unknown one, or the one code that it is a part of."""
    closest = nearest(code, known)
    if closest is not None:
        return closest
    parts = [each for each in known if code and code in each.split("-")]
    return parts[0] if len(parts) == 1 else None


def _page(code: str, group: str, body: str) -> CodePage:
    fences = list(_FENCE.finditer(body))
    if not fences:
        raise ValueError(f"`{code}` has no example")
    after = body[fences[-1].end() :]
    blocks = dict(_labelled(after))
    if set(blocks) != {"Why", "Way out"}:
        raise ValueError(f"`{code}` has `{', '.join(blocks)}` below its example, not `Why` and `Way out`")
    meaning, _, example = body[: fences[-1].end()].strip().partition("\n\n")
    return CodePage(
        code=code,
        group=group,
        meaning=_joined(meaning),
        example=example.strip(),
        why=blocks["Why"],
        way_out=blocks["Way out"],
    )


def _labelled(text: str) -> Iterator[tuple[str, str]]:
    for block in text.strip().split("\n\n"):
        label, colon, words = block.partition(": ")
        yield (label, _joined(words)) if colon else (block, "")


def _joined(text: str) -> str:
    return " ".join(text.split())
