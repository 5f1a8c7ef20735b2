"""`init`: a project that can be applied at once, in files that are never written over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Place = Callable[[str, str], bool]
"""Writes a text to a path of the new project and returns True; returns False, writing nothing, where one is there."""

_SETTINGS = """\
# The project that these specs belong to. It holds nothing secret and belongs in git.
[project]
id = "{project_id}"

[defaults]
model = "mistral-small-latest"
"""

_SPEC = """\
# yaml-language-server: $schema=.batchspec/batchspec.schema.json
batchspec: 1
name: reviews
description: The mood of each review, in one word.

inputs: data/reviews.csv
custom_id: "{{ row.id }}"

prompt:
  system: {file: prompts/mood.md}
  user: "{{ row.text }}"
body:
  temperature: 0
  max_tokens: 50
"""

_PROMPT = """\
You read a customer's review and answer with its mood in one word: happy, neutral or unhappy.
"""

_ROWS = """\
id,text
r1,"The bread was warm and the coffee strong. I will be back."
r2,"Fine, but the queue took half an hour."
r3,"Cold soup, and nobody came when we asked."
"""

_IGNORE_LINES = (".batchspec/", "results/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """The files that were made, and those that were there and were left as they are."""

    made: tuple[str, ...]
    kept: tuple[str, ...]


def init(
    *,
    schema: str,
    project_id: str,
    place: Place,
    read_ignore: Callable[[], str | None],
    write_ignore: Callable[[str], None],
) -> Initialised:
    """Make the files of a new project. `schema` is the text of the specs' JSON Schema, for editors without a network.

    `read_ignore` returns the project's .gitignore (None where there is none) and `write_ignore` replaces it.
    """
    files = {
        "batchspec.toml": _SETTINGS.format(project_id=project_id),
        "reviews.batchspec.yaml": _SPEC,
        "prompts/mood.md": _PROMPT,
        "data/reviews.csv": _ROWS,
        ".batchspec/batchspec.schema.json": schema,
    }
    made: list[str] = []
    kept: list[str] = []
    for path, text in files.items():
        (made if place(path, text) else kept).append(path)
    (made if _ignore(read_ignore, write_ignore) else kept).append(".gitignore")
    return Initialised(made=tuple(made), kept=tuple(kept))


def _ignore(read_ignore: Callable[[], str | None], write_ignore: Callable[[str], None]) -> bool:
    """Add the lines that are missing; what a user has written there stays."""
    before = read_ignore()
    lines = (before or "").splitlines()
    missing = [line for line in _IGNORE_LINES if line not in lines]
    if not missing:
        return False
    joint = "" if not before or before.endswith("\n") else "\n"
    write_ignore((before or "") + joint + "\n".join(missing) + "\n")
    return True
