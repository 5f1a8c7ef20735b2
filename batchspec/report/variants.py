"""Names a variant for people: by the values of its matrix, shortened where they are long."""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.core.json_text import encode
from batchspec.core.planning import VariantPlan
from batchspec.report.safe_text import safe

_LONGEST = 60


def matrix_words(matrix: Mapping[str, object]) -> list[str]:
    """Return `name=value` for each value of a variant, harmless to show."""
    return [f"{safe(name)}={_value(value)}" for name, value in matrix.items()]


def _value(value: object) -> str:
    text = safe(value if isinstance(value, str) else encode(value).decode("utf-8", "replace"))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def model_words(variant: VariantPlan) -> str:
    """Return a variant's model, and the alias that a lock has pinned to it."""
    if variant.asked is None:
        return safe(variant.model)
    return f"{safe(variant.model)} ({safe(variant.asked)})"
