"""Prices are decimals, a batch pays its share, sums add up, and what has no price costs nobody knows what."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.price_table import read_prices
from batchspec.core.pricing import Price, PriceTable, total
from batchspec.core.usage import Used, most_output, used_by
from batchspec.project.packaged import packaged_schema, packaged_text

COUNTS = st.integers(0, 10**12)
RATES = st.decimals(0, 1000, places=4)
MODEL = "mistral-small-latest"


def table(batch: str = "0.5", **rates: Decimal) -> PriceTable:
    price = Price(as_of="2026-08-21", source="a test", **rates)
    return PriceTable(as_of="2026-08-21", batch=Decimal(batch), prices={MODEL: price})


def cost(prices: PriceTable, used: Used) -> Decimal:
    found = prices.cost(MODEL, used)
    assert found is not None
    return found


def packaged() -> PriceTable:
    return read_prices(packaged_text("prices.yaml"), "prices.yaml", packaged_schema("prices.schema.json"))


def test_a_million_tokens_cost_half_their_price_to_the_last_digit() -> None:
    prices = table(input_tokens=Decimal("0.15"), output_tokens=Decimal("0.6"))
    assert cost(prices, Used(input_tokens=1_000_000, output_tokens=1_000_000)) == Decimal("0.375")
    assert cost(prices, Used(input_tokens=1)) == Decimal("0.000000075")


@given(RATES, RATES, COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_cost_of_two_together_is_the_sum_of_their_costs(
    one: Decimal, other: Decimal, a: int, b: int, c: int, d: int
) -> None:
    prices = table(input_tokens=one, output_tokens=other)
    first, second = Used(input_tokens=a, output_tokens=b), Used(input_tokens=c, output_tokens=d)
    assert cost(prices, first.plus(second)) == cost(prices, first) + cost(prices, second)


@given(RATES, COUNTS)
def test_a_batch_costs_half_of_what_it_costs_outside_of_one(rate: Decimal, tokens: int) -> None:
    used = Used(input_tokens=tokens)
    assert 2 * cost(table(input_tokens=rate), used) == cost(table(batch="1", input_tokens=rate), used)


def test_more_is_never_cheaper() -> None:
    prices = table(input_tokens=Decimal("0.1"), output_tokens=Decimal("0.3"))
    costs = [cost(prices, Used(input_tokens=count, output_tokens=count)) for count in range(5)]
    assert costs == sorted(set(costs))


@pytest.mark.parametrize(
    ("prices", "used"),
    [
        (table(input_tokens=Decimal(1)), Used(output_tokens=1)),
        (table(input_tokens=Decimal(1), output_tokens=Decimal(1)), Used(pages=1)),
        (table(pages=Decimal(1)), Used(annotated_pages=1)),
        (table(input_tokens=Decimal(1), output_tokens=Decimal(1)), Used(input_tokens=1, answers=2, unmetered=1)),
        (PriceTable(as_of="2026-08-21", batch=Decimal("0.5")), Used(input_tokens=1)),
    ],
)
def test_what_has_no_price_or_tells_no_usage_has_no_known_cost(prices: PriceTable, used: Used) -> None:
    assert prices.cost(MODEL, used) is None


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    assert total([Decimal(1), None]) is None
    assert total([Decimal(1), Decimal(2)]) == 3
    assert total([]) == 0


def test_what_is_free_costs_nothing_even_where_its_answers_tell_no_usage() -> None:
    assert cost(table(input_tokens=Decimal(0), output_tokens=Decimal(0)), Used(answers=3, unmetered=3)) == 0


def test_sound_by_the_minute_charges_no_tokens_unless_they_have_a_price_too() -> None:
    used = Used(input_tokens=4, output_tokens=635, audio_seconds=120)
    assert cost(table(minute=Decimal("0.003")), used) == Decimal("0.003")
    assert cost(table(minute=Decimal("0.003"), input_tokens=Decimal(1), output_tokens=Decimal(1)), used) == Decimal(
        "0.0033195"
    )


def test_the_longest_beginning_that_fits_gives_the_price_and_a_whole_name_goes_before() -> None:
    def priced(rate: int) -> Price:
        return Price(as_of="2026-08-21", source="a test", input_tokens=Decimal(rate))

    names = {"ft:*": priced(1), "ft:small:*": priced(2), "ft:small:mine": priced(3)}
    prices = PriceTable(as_of="2026-08-21", batch=Decimal(1), prices=names)
    found = [prices.price(name) for name in ("ft:large:x", "ft:small:x", "ft:small:mine", "small")]
    assert [each and each.input_tokens for each in found] == [1, 2, 3, None]


def test_every_packaged_price_has_its_day_and_its_source() -> None:
    prices = packaged()
    assert prices.batch == Decimal("0.5")
    assert len(prices.prices) > 50
    for name, price in prices.prices.items():
        assert price.as_of == prices.as_of == "2026-08-21", name
        assert price.source.startswith("https://docs.mistral.ai/models/"), name
    small = prices.price("mistral-small-latest")
    assert small is not None
    assert (small.input_tokens, small.output_tokens) == (Decimal("0.15"), Decimal("0.6"))
    assert prices.price("agent:ag_1") is None


def test_what_an_answer_used_is_read_by_its_kind() -> None:
    assert used_by({"usage": {"prompt_tokens": 7, "completion_tokens": 2}}) == Used(7, 2, answers=1)
    assert used_by({"usage_info": {"pages_processed": 3}}) == Used(pages=3, answers=1)
    annotated = {"usage_info": {"pages_processed": 3}, "document_annotation": "{}"}
    assert used_by(annotated) == Used(annotated_pages=3, answers=1)
    pictures = {"usage_info": {"pages_processed": 1}, "pages": [{"images": [{"image_annotation": "{}"}]}]}
    assert used_by(pictures) == Used(annotated_pages=1, answers=1)
    assert used_by({"usage": {"prompt_tokens": 4, "prompt_audio_seconds": 19}}) == Used(4, audio_seconds=19, answers=1)
    assert used_by({"results": []}) == used_by(None) == Used(answers=1, unmetered=1)
    assert used_by({"usage": {"prompt_tokens": 1, "connector_tokens": 95}}) == Used(1, answers=1, unmetered=1)


@pytest.mark.parametrize(
    ("endpoint", "body", "most"),
    [
        ("/v1/chat/completions", {"max_tokens": 20}, 20),
        ("/v1/chat/completions", {"max_tokens": 20, "n": 3}, 60),
        ("/v1/chat/completions", {"max_tokens": 20, "n": None}, 20),
        ("/v1/chat/completions", {}, None),
        ("/v1/chat/completions", {"max_tokens": None}, None),
        ("/v1/conversations", {"max_tokens": 20}, None),
        ("/v1/conversations", {"completion_args": {"max_tokens": 20}}, 20),
        ("/v1/embeddings", {}, 0),
        ("/v1/chat/moderations", {}, 0),
    ],
)
def test_the_most_that_an_answer_can_have(endpoint: str, body: dict[str, object], most: int | None) -> None:
    assert most_output(endpoint, body) == most
