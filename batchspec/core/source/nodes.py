"""A YAML document as a tree of values with their places. Plain data; built in `building`, read in `document`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from batchspec.core.diagnostics import Span

Value = object
"""A plain value: dict with text keys, list, str, int, float, bool or None."""


class Home(NamedTuple):
    """The text that a value is written in: its file's path, and its lines without their ends."""

    path: str
    lines: tuple[str, ...]


class Entry(NamedTuple):
    """A mapping's key, at its place, and the node it leads to."""

    key_span: Span
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place.

    `size` counts the values in it, itself included and aliases expanded; `height` the collections nested in it.
    `style` is a scalar's: "" (plain) or one of `'"|>`. `target` is what an alias stands for: `span` is then where the
    alias is, and everything inside has the place where it was written. `home` is the text that it is written in, and
    everything in it that has no other; without one it is that of what it stands in.
    """

    value: Value
    span: Span
    size: int = 1
    height: int = 0
    style: str = ""
    entries: dict[str, Entry] | None = None
    items: tuple[Node, ...] | None = None
    target: Node | None = None
    home: Home | None = None

    @property
    def written(self) -> Node:
        """The node itself, or the one that an alias stands for."""
        return self if self.target is None else self.target
