"""What answers cost: prices by model, and sums in decimals, never in floats. Holds no price and reads no file.

A model without a price has no cost: None, which is unknown, and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from batchspec.core.usage import Used

_MILLION = Decimal(1_000_000)
_THOUSAND = Decimal(1_000)
_SECONDS = Decimal(60)
_ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one model costs outside of a batch, in US dollars; None where nothing is said of a unit.

    `input_tokens` and `output_tokens` are for a million of them, `pages` and `annotated_pages` for a thousand,
    `minute` for a minute of sound. `as_of` (YYYY-MM-DD) and `source` say when and where it was stated.
    """

    as_of: str
    source: str
    input_tokens: Decimal | None = None
    output_tokens: Decimal | None = None
    pages: Decimal | None = None
    annotated_pages: Decimal | None = None
    minute: Decimal | None = None

    def of(self, used: Used) -> Decimal | None:
        """Return what this costs outside of a batch; None where something that was used has no price.

        A price by the minute alone charges no tokens: those that are told then are the sound's.
        """
        by_sound = self.minute is not None and self.input_tokens is None and self.output_tokens is None
        return total(
            None if rate is None and amount else (rate or Decimal(0)) * amount / unit
            for rate, amount, unit in (
                (self.input_tokens, 0 if by_sound else used.input_tokens, _MILLION),
                (self.output_tokens, 0 if by_sound else used.output_tokens, _MILLION),
                (self.pages, used.pages, _THOUSAND),
                (self.annotated_pages, used.annotated_pages, _THOUSAND),
                (self.minute, used.audio_seconds, _SECONDS),
            )
        )

    @property
    def by_answer(self) -> bool:
        """Whether it charges for what only an answer's body tells: pages or sound."""
        return not (self.pages is None and self.annotated_pages is None and self.minute is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by the name of a model; a name that ends in `*` stands for all that begin so, the longest wins.

    `batch` is the share of a price that is paid in a batch: 0.5 is half.
    """

    as_of: str
    batch: Decimal
    prices: Mapping[str, Price] = field(default_factory=dict)

    def price(self, model: str) -> Price | None:
        """Return a model's price, or None where there is none."""
        exact = self.prices.get(model)
        if exact is not None:
            return exact
        fitting = [name for name in self.prices if name.endswith(_ANY) and model.startswith(name[:-1])]
        return self.prices[max(fitting, key=len)] if fitting else None

    def cost(self, model: str, used: Used) -> Decimal | None:
        """Return what a batch costs that has used this, in US dollars; None where it is not known."""
        price = self.price(model)
        cost = None if price is None or used.unmetered else price.of(used)
        if cost is None and price is not None and price.of(_EVERYTHING) == 0:
            return Decimal(0)
        return None if cost is None else cost * self.batch

    def by_answer(self, models: Iterable[str]) -> frozenset[str]:
        """Return those of the models that charge for what only an answer's body tells."""
        priced = ((model, self.price(model)) for model in models)
        return frozenset(model for model, price in priced if price is not None and price.by_answer)

    def extended(self, other: PriceTable) -> PriceTable:
        """Return this table with another's prices before its own."""
        return PriceTable(as_of=other.as_of, batch=other.batch, prices={**self.prices, **other.prices})


_EVERYTHING = Used(input_tokens=1, output_tokens=1)
"""What a model that is free must cost nothing for."""


def total(costs: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum, which is unknown where any part of it is."""
    found = list(costs)
    known = [cost for cost in found if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(found) else None
