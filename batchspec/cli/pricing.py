"""The options about costs, and what they make: a price table, and a counter of tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batchspec.core.errors import InvalidInputError

if TYPE_CHECKING:
    from batchspec.commands.world import World
    from batchspec.core.metering import TokenCounter
    from batchspec.core.pricing import PriceTable

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Dollars(click.ParamType):  # type: ignore[type-arg]
    """An amount in US dollars: 25, 0.50."""

    name = "dollars"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the amount as it was written."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0:
            self.fail(f"`{value}` is not an amount of US dollars: write 25 or 0.50", param, ctx)
        return amount


PRICES = click.option(
    "--prices",
    "prices_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prices of your own (YAML or JSON), before batchspec's.",
)


def costed(command: _Command) -> _Command:
    """Add the options of a command that says what sending would cost."""
    exact = click.option(
        "--exact-tokens", is_flag=True, help="Count the tokens of every request to be sent, not of a sample."
    )
    return PRICES(exact(command))


def metered(world: World, prices: PriceTable, provider: str, *, exact: bool) -> World:
    """Return a world that can say what sending would cost, and what answers have cost."""
    from batchspec.core.metering import Costing

    return replace(world, prices=prices, costing=Costing(prices=prices, counter=_counter(provider), exact=exact))


def load_prices(prices_file: Path | None) -> PriceTable:
    """Return the packaged prices, under those of a file. Raises InvalidInputError with every finding."""
    from batchspec.core.price_table import read_prices
    from batchspec.project.packaged import packaged_schema, packaged_text

    schema = packaged_schema("prices.schema.json")
    base = read_prices(packaged_text("prices.yaml"), "prices.yaml", schema)
    if prices_file is None:
        return base
    try:
        text = prices_file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInputError(
            f"`{prices_file}` cannot be read", why=error.strerror or str(error), hint="name a file of prices"
        ) from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"`{prices_file}` is not UTF-8 text", hint="save it as UTF-8") from None
    # A finding shows a path as it is seen from here only where it is absolute: the file need not be in the project.
    return read_prices(text, prices_file.absolute().as_posix(), schema, base)


def _counter(provider: str) -> TokenCounter:
    from batchspec.core.metering import EstimatingCounter

    if provider == "emulator":
        # It bills by the plain rule, which is then no estimate.
        return EstimatingCounter(exact=True)
    from batchspec.tokens import MistralCounter, is_installed

    return MistralCounter() if is_installed() else EstimatingCounter()
