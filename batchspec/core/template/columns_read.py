"""Recognises, in a parsed template, the look-up of a row's column: by far the commonest of what templates do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jinja2 import nodes


class Column(NamedTuple):
    """A column of the row, by its name."""

    name: str


def column_of(expression: nodes.Expr) -> Column | None:
    """Return the column that `row.name` or `row['name']` reads; None for any other expression."""
    if not isinstance(expression, nodes.Getattr | nodes.Getitem):
        return None
    if not isinstance(expression.node, nodes.Name) or expression.node.name != "row":
        return None
    if isinstance(expression, nodes.Getattr):
        return Column(expression.attr)
    key = expression.arg
    return Column(key.value) if isinstance(key, nodes.Const) and isinstance(key.value, str) else None


def row_text_parts(tree: nodes.Template) -> Sequence[str | Column] | None:
    """Return the texts and columns that a template puts together; None where it does anything else, or reads none."""
    parts: list[str | Column] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            part = node.data if isinstance(node, nodes.TemplateData) else column_of(node)
            if part is None:
                return None
            parts.append(part)
    return parts if any(isinstance(part, Column) for part in parts) else None
