"""Merges a document over another: mappings key by key, everything else as a whole; every value keeps its place.

What is special about some keys of a language is said by rules, and not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NamedTuple

from batchspec.core.source.document import Pointer, SourceDocument
from batchspec.core.source.nodes import Entry, Home, Node

_FILE = "file"


def _spend_freely(_keys: int) -> None:
    """Let any number of keys be merged."""


class MergeRules(NamedTuple):
    """What a merge minds at a place of the document.

    `displaced` gives those keys below that make way for the keys above. `long_form` gives the key under which the short
    form of a value stands in its long form, a mapping; None where it has no short form. `names` tells whether the keys
    there are the user's own, so that `file` is one of them and no reference. `spend` is told the number of keys before
    two mappings are merged, and may raise what ends the merge.
    """

    displaced: Callable[[Pointer, Collection[str], Collection[str]], Collection[str]]
    long_form: Callable[[Pointer], str | None]
    names: Callable[[Pointer], bool]
    spend: Callable[[int], None] = _spend_freely


def merged(below: SourceDocument, above: SourceDocument, rules: MergeRules) -> SourceDocument:
    """Return a document with the values of both, those `above` where both have one; its own path is that of `above`."""
    merger = _Merger(rules)
    root = merger.merge(_at_home(below.root, below.home(())), _at_home(above.root, above.home(())), ())
    return replace(above, root=root)


def narrowed(
    document: SourceDocument, pointer: Pointer = (), without: Callable[[str], bool] | None = None
) -> SourceDocument:
    """Return what is at a pointer as a document of its own, but for the keys that `without` names."""
    root = _at_home(document.node(pointer), document.home(pointer))
    entries = root.written.entries
    if without is not None and entries is not None:
        root = _mapping(root, {key: entry for key, entry in entries.items() if not without(key)})
    return replace(document, root=root)


class _Merger:
    def __init__(self, rules: MergeRules) -> None:
        self._rules = rules

    def merge(self, below: Node, above: Node, pointer: Pointer) -> Node:
        """Merge two nodes that know their homes."""
        over = self._entries(above, pointer)
        under = None if over is None else self._long_entries(below, pointer)
        if over is None or under is None:
            return above
        self._rules.spend(len(under) + len(over))
        gone = self._rules.displaced(pointer, under.keys(), over.keys())
        entries: dict[str, Entry] = {}
        for key, entry in under.items():
            other = over.get(key)
            node = _at_home(entry.node, below.home)
            if other is not None:
                node = self.merge(node, _at_home(other.node, above.home), (*pointer, key))
                entries[key] = Entry(other.key_span, node)
            elif key not in gone:
                entries[key] = Entry(entry.key_span, node)
        for key, entry in over.items():
            if key not in under:
                entries[key] = Entry(entry.key_span, _at_home(entry.node, above.home))
        return _mapping(above, entries)

    def _long_entries(self, node: Node, pointer: Pointer) -> dict[str, Entry] | None:
        entries = self._entries(node, pointer)
        key = self._rules.long_form(pointer)
        if entries is None and key is not None and isinstance(node.value, str | dict):
            return {key: Entry(node.span, node)}
        return entries

    def _entries(self, node: Node, pointer: Pointer) -> dict[str, Entry] | None:
        """Return the keys of a mapping that can be merged: `{file: …}` stands for one value."""
        entries = node.written.entries
        if entries is None or self._rules.names(pointer):
            return entries
        is_reference = entries.keys() == {_FILE} and isinstance(entries[_FILE].node.value, str)
        return None if is_reference else entries


def _at_home(node: Node, home: Home | None) -> Node:
    return node if node.home is not None else replace(node, home=home)


def _mapping(like: Node, entries: dict[str, Entry]) -> Node:
    """Return a mapping with these entries, in the place of another node."""
    nodes = [entry.node for entry in entries.values()]
    return Node(
        {key: entry.node.value for key, entry in entries.items()},
        like.span,
        1 + sum(node.size for node in nodes),
        1 + max((node.height for node in nodes), default=0),
        entries=entries,
        home=like.home,
    )
