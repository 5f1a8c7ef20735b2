"""A price table of one's own adds to the packaged one or stands alone, and what is wrong in it has its place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from batchspec.core.errors import InvalidInputError
from batchspec.core.price_table import read_prices
from batchspec.core.pricing import PriceTable
from batchspec.project.packaged import packaged_schema

HEAD = "prices: 1\nas_of: 2026-09-01\n"


def read(text: str, base: PriceTable | None = None) -> PriceTable:
    return read_prices(text, "mine.yaml", packaged_schema("prices.schema.json"), base)


def test_a_table_of_ones_own_goes_before_the_other_and_keeps_the_rest() -> None:
    base = read(HEAD + "models:\n- {names: [a, b], input: 1}\n")
    both = read(HEAD + "batch: 0.25\nmodels:\n- {names: [b, c], input: 0.15, source: a letter}\n", base)
    assert {name: price.input_tokens for name, price in both.prices.items()} == {
        "a": Decimal(1),
        "b": Decimal("0.15"),
        "c": Decimal("0.15"),
    }
    assert (both.batch, both.prices["b"].source, both.prices["a"].source) == (Decimal("0.25"), "a letter", "mine.yaml")


def test_a_table_that_stands_alone_keeps_nothing_of_the_other() -> None:
    base = read(HEAD + "models:\n- {names: [a], input: 1}\n")
    alone = read('{"prices": 1, "as_of": "2026-09-01", "replace": true, "models": []}', base)
    assert (alone.prices, alone.batch) == ({}, Decimal("0.5"))


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        (HEAD + "models:\n- {names: [a], input: -1}\n", 4, "out-of-range"),
        (HEAD + "models:\n- {names: [a], inputs: 1}\n", 4, "unknown-key"),
        (HEAD + "models:\n- {names: [a], input: cheap}\n", 4, "wrong-type"),
        ("prices: 1\nmodels: []\n", 1, "missing-key"),
        (HEAD + "models:\n- {names: [a], input: 1}\n- {names: [b, a], input: 2}\n", 5, "repeated-name"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, place: int, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(text)
    [found] = caught.value.diagnostics
    assert found.location.span is not None
    assert (found.location.path, found.location.span.line, found.code) == ("mine.yaml", place, code)
