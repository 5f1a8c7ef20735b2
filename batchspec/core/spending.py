"""What the recorded answers have cost, by spec and model, and the fields that documents show it in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from batchspec.core.pricing import PriceTable, total
from batchspec.core.usage import SpecUsage, Used


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the answers to one spec have used with one model, and cost in US dollars; None where that is not known."""

    spec: str
    model: str
    used: Used
    cost_usd: Decimal | None


def spending(usage: Iterable[SpecUsage], prices: PriceTable) -> tuple[Spent, ...]:
    """Return what usage has cost by these prices."""
    return tuple(
        Spent(spec=each.spec, model=each.model, used=each.used, cost_usd=prices.cost(each.model, each.used))
        for each in usage
    )


def cost_fields(spent: Sequence[Spent]) -> dict[str, object]:
    """Return what these have used and cost together, as a document shows it.

    `tokens` is null where an answer does not tell its usage, and `cost_usd` where any part of it is not known.
    """
    used = Used()
    for each in spent:
        used = used.plus(each.used)
    fields: dict[str, object] = {
        "answers": used.answers,
        "tokens": None if used.unmetered else {"input": used.input_tokens, "output": used.output_tokens},
    }
    if used.pages or used.annotated_pages:
        fields["pages"] = used.pages + used.annotated_pages
    if used.audio_seconds:
        fields["audio_seconds"] = used.audio_seconds
    return {**fields, "cost_usd": usd(total(each.cost_usd for each in spent))}


def usd(amount: Decimal | None) -> float | None:
    """Return an amount as a JSON number: the shortest that stands for it."""
    return None if amount is None else float(amount)
