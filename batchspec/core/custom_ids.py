"""The custom_ids that a spec names: what a template makes of a row, held to what tells requests apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from batchspec.core.model import InputRow
from batchspec.core.origin import TemplateText
from batchspec.core.row_blocks import RowBlock, as_texts
from batchspec.core.schema.problems import found_words
from batchspec.core.template import Compiled, TemplateCompiler, TemplateError

_LONGEST = 512


class CustomIds:
    """The template of a spec's custom_ids, compiled. Raises TemplateError where that cannot be done."""

    def __init__(self, source: TemplateText, compiler: TemplateCompiler) -> None:
        self._template: Compiled = compiler.compile(source)
        if self._template.constant:
            raise TemplateError(
                "custom-id",
                "`custom_id` is the same for every row",
                hint="use a column that is unique: custom_id: '{{ row.id }}'",
                origin=source.origin,
            )

    def apart(self) -> Self:
        """Return the same, to be rendered over other names in between."""
        twin = type(self).__new__(type(self))
        twin._template = self._template.apart()
        return twin

    def of(self, names: dict[str, object], row: InputRow) -> str:
        """Return the custom_id of the row in `names`. Raises TemplateError."""
        value = self._template.render(names)
        if _is_number(value):
            value = str(value)
        if not isinstance(value, str):
            message = f"`custom_id` came out as {found_words(value)}, not text"
        elif not value.strip():
            message = "`custom_id` came out empty"
        elif len(value) > _LONGEST:
            message = f"`custom_id` came out longer than {_LONGEST} characters"
        elif not _is_unicode(value):
            message = "`custom_id` came out with a lone surrogate, which is not Unicode"
        else:
            return str(value)
        hint = f"see {row.place}; every row needs a short text of its own"
        raise TemplateError("custom-id", message, hint=hint, origin=self._template.origin)

    def of_all(self, names: dict[str, object], rows: RowBlock) -> Sequence[str] | None:
        """Return what `of` returns for each row; None where one of them must be looked at by itself.

        Raises TemplateError, where `of` does for any of them.
        """
        column = self._template.column(names, rows)
        if set(map(type, column)) == {int}:
            return list(map(str, column))
        ids = as_texts(column)
        if ids is None or "" in ids or any(map(str.isspace, ids)) or max(map(len, ids), default=0) > _LONGEST:
            return None
        return ids if _is_unicode("".join(ids)) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_unicode(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False
