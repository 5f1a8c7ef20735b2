"""A request body compiled once: constant JSON folded into fragments, and the leaves that a row fills in.

Rendering a row is then: make each leaf's value, encode it, and join. The bytes are the canonical form itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from batchspec.core.canonical import CanonicalError, Pointer, canonical, keeps_key_order
from batchspec.core.json_text import encode_string, encode_strings
from batchspec.core.origin import TemplateText
from batchspec.core.row_blocks import RowBlock, as_texts
from batchspec.core.template import Compiled, TemplateCompiler, TemplateError

Tree = object
"""A JSON-like value in which any string may be a TemplateText instead."""

_NOT_UNICODE = "text with a lone surrogate is not Unicode"


class Leaf(NamedTuple):
    """A place of the body that depends on the row."""

    pointer: Pointer
    template: Compiled


class CompiledBody:
    """`fragments` and `leaves` interleave: fragment, leaf, fragment, …, fragment."""

    __slots__ = ("_pieces", "_renderers", "fragments", "leaves")

    def __init__(self, fragments: Sequence[bytes], leaves: Sequence[Leaf]) -> None:
        self.fragments = tuple(fragments)
        self.leaves = tuple(leaves)
        self._renderers = [leaf.template.render for leaf in self.leaves]
        self._pieces = [self.fragments[0]]
        for fragment in self.fragments[1:]:
            self._pieces += (b"", fragment)

    def values(self, names: dict[str, object]) -> list[object]:
        """Return the leaves' values for the row in `names`, in the order of `leaves`. Raises TemplateError."""
        return [render(names) for render in self._renderers]

    def columns(self, names: dict[str, object], rows: RowBlock) -> list[Sequence[object]]:
        """Return what `values` returns for some rows, leaf by leaf. Raises TemplateError."""
        return [leaf.template.column(names, rows) for leaf in self.leaves]

    def encode_all(self, columns: Sequence[Sequence[object]], count: int) -> list[bytes]:
        """Return what `encode` returns for some rows, of whose leaves these are the values. Raises CanonicalError."""
        pieces: list[Iterable[bytes]] = [repeat(self.fragments[0], count)]
        for leaf, column, fragment in zip(self.leaves, columns, self.fragments[1:], strict=True):
            pieces += (_encoded(column, leaf.pointer), repeat(fragment, count))
        return list(map(b"".join, zip(*pieces, strict=True)))

    def encode(self, values: Sequence[object]) -> bytes:
        """Return the canonical body with these values in its leaves. Raises CanonicalError."""
        pieces = self._pieces.copy()
        place = 1
        for value in values:
            if type(value) is str:
                try:
                    pieces[place] = encode_string(value)
                except ValueError:
                    pointer = self.leaves[place // 2].pointer
                    raise CanonicalError(_NOT_UNICODE, pointer) from None
            else:
                pieces[place] = canonical(value, self.leaves[place // 2].pointer)
            place += 2
        return b"".join(pieces)


def _encoded(column: Sequence[object], pointer: Pointer) -> list[bytes]:
    texts = as_texts(column)
    if texts is None:
        return [canonical(value, pointer) for value in column]
    try:
        return encode_strings(texts)
    except ValueError:
        raise CanonicalError(_NOT_UNICODE, pointer) from None


def compile_body(
    tree: Tree,
    compiler: TemplateCompiler,
    constants: Mapping[str, object],
    varying: frozenset[str] = frozenset({"row"}),
) -> CompiledBody:
    """Compile a body. `constants` are the names whose values are the same for every row, but for those `varying`.

    Raises TemplateProblems with every template that does not compile, and CanonicalError for a constant that JSON
    has no form for.
    """
    builder = _Builder(compiler, dict(compiler.globals) | dict(constants), varying)
    builder.add(tree, (), ordered=False)
    if builder.problems:
        raise TemplateProblems(builder.problems)
    return CompiledBody([*builder.fragments, b"".join(builder.open)], builder.leaves)


class TemplateProblems(Exception):  # noqa: N818 - it carries several
    """Every template of a spec that does not compile, with the place of each in the body."""

    def __init__(self, problems: Sequence[tuple[Pointer, TemplateError]]) -> None:
        super().__init__(f"{len(problems)} templates do not compile")
        self.problems = tuple(problems)


class _Builder:
    def __init__(self, compiler: TemplateCompiler, names: dict[str, object], varying: frozenset[str]) -> None:
        self.fragments: list[bytes] = []
        self.leaves: list[Leaf] = []
        self.open: list[bytes] = []
        self.problems: list[tuple[Pointer, TemplateError]] = []
        self._compiler = compiler
        self._names = names
        self._varying = varying

    def add(self, node: Tree, pointer: Pointer, *, ordered: bool) -> None:
        ordered = ordered or keeps_key_order(pointer)
        if isinstance(node, TemplateText):
            self._add_template(node, pointer)
        elif isinstance(node, Mapping):
            keys: Iterable[str] = node if ordered else sorted(node)
            self._add_items(
                b"{", ((encode_string(key) + b":", node[key], (*pointer, key)) for key in keys), b"}", ordered
            )
        elif isinstance(node, list | tuple):
            self._add_items(b"[", ((b"", item, (*pointer, index)) for index, item in enumerate(node)), b"]", ordered)
        else:
            self.open.append(canonical(node, pointer))

    def _add_items(
        self, opening: bytes, items: Iterable[tuple[bytes, Tree, Pointer]], closing: bytes, ordered: bool
    ) -> None:
        self.open.append(opening)
        for index, (head, item, place) in enumerate(items):
            self.open.append(b"," + head if index else head)
            self.add(item, place, ordered=ordered)
        self.open.append(closing)

    def _add_template(self, source: TemplateText, pointer: Pointer) -> None:
        try:
            template = self._compiler.compile(source)
            if not template.reads & self._varying:
                self.open.append(canonical(template.render(self._names), pointer))
                return
        except TemplateError as error:
            self.problems.append((pointer, error))
            return
        self.fragments.append(b"".join(self.open))
        self.open = []
        self.leaves.append(Leaf(pointer, template))
