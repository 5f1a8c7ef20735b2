"""What a plan comes to: counted, or drawn from a sample that depends on the requests alone; unknown is never 0."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.json_text import encode
from batchspec.core.metering import (
    SAMPLE,
    Costing,
    Counted,
    Estimate,
    EstimatingCounter,
    InputTokens,
    Sampler,
    TokenCounter,
)
from batchspec.core.model import BodyDigest
from batchspec.core.pricing import Price, PriceTable
from batchspec.core.usage import Used

CHAT = "/v1/chat/completions"
MODEL = "m"
BOTH = frozenset({"m", "n"})
PRICES = PriceTable(
    as_of="2026-08-21",
    batch=Decimal("0.5"),
    prices={
        MODEL: Price(as_of="2026-08-21", source="a test", input_tokens=Decimal(2), output_tokens=Decimal(4)),
        "free": Price(as_of="2026-08-21", source="a test", input_tokens=Decimal(0), output_tokens=Decimal(0)),
    },
)


def chat(text: str, **more: object) -> bytes:
    return encode({"messages": [{"role": "user", "content": text}], **more})


def digest(body: bytes) -> BodyDigest:
    return BodyDigest(hashlib.sha256(body).digest())


def estimate(
    bodies: list[bytes],
    declared: Mapping[str, object],
    *,
    exact: bool = False,
    past: Used | None = None,
    model: str = MODEL,
    counter: TokenCounter | None = None,
    endpoint: str = CHAT,
) -> Estimate:
    costing = Costing(prices=PRICES, counter=counter or EstimatingCounter(exact=True), exact=exact)
    meter = costing.meter(endpoint, declared)
    for body in bodies:
        meter.add([digest(body)], [body], frozenset({(model, 1)}))
    return meter.finish(model, len(bodies), past)


def texts(count: int) -> list[bytes]:
    chance = random.Random(count)
    return [chat(f"{number} " + "word " * chance.randrange(200)) for number in range(count)]


def true_tokens(bodies: list[bytes]) -> int:
    told = estimate(bodies, {}, exact=True)
    assert told.input_tokens is not None
    return told.input_tokens.tokens


def test_a_few_requests_are_counted_one_and_all() -> None:
    told = estimate([chat("four"), chat("fives")], {"max_tokens": 10})
    assert (told.input_tokens, told.most_output, told.counted) == (InputTokens(3 + 4, 0, True), 20, 2)
    assert told.most_usd == told.cost_usd == Decimal("0.000047")
    assert not told.estimated


def test_a_sample_is_near_says_how_near_and_is_the_same_in_any_order() -> None:
    bodies = texts(SAMPLE * 5)
    told = estimate(bodies, {"max_tokens": 10})
    assert told.input_tokens is not None
    assert told.counted == SAMPLE
    assert told.estimated
    assert 0 < told.input_tokens.margin < told.input_tokens.tokens / 10
    assert abs(told.input_tokens.tokens - true_tokens(bodies)) <= 2 * told.input_tokens.margin
    shuffled = list(bodies)
    random.Random(1).shuffle(shuffled)
    assert estimate(shuffled, {"max_tokens": 10}) == told
    assert told.most_usd == PRICES.cost(MODEL, Used(told.input_tokens.most, 10 * len(bodies)))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for salt in range(100):
        counter = EstimatingCounter(exact=True)
        sampler = Sampler(CHAT, [MODEL], counter, most=50)
        chance = random.Random(salt)
        bodies = [
            chat(f"{salt} {at} " + "x " * chance.randrange(90) + "日" * chance.randrange(90)) for at in range(400)
        ]
        for body in bodies:
            sampler.add([digest(body)], [body])
        told = sampler.input(MODEL)
        assert told is not None
        held += abs(told.tokens - true_tokens(bodies)) <= told.margin
    assert held >= 88


def test_all_are_counted_where_that_is_asked_for() -> None:
    bodies = texts(SAMPLE + 50)
    told = estimate(bodies, {"max_tokens": 10}, exact=True)
    assert told.input_tokens is not None
    assert (told.counted, told.input_tokens.margin, told.estimated) == (len(bodies), 0, False)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40, unique=True), st.integers(3, 50))
def test_a_sample_as_large_as_the_whole_is_exact(numbers: list[int], most: int) -> None:
    sampler = Sampler(CHAT, [MODEL], EstimatingCounter(exact=True), most=most)
    for number in numbers:
        body = chat("word " * number)
        sampler.add([digest(body)], [body])
    told = sampler.input(MODEL)
    assert told is not None
    assert sampler.counted == min(most, len(numbers))
    if most >= len(numbers):
        assert told == InputTokens(sum(2 + (5 * number + 3) // 4 for number in numbers), 0, True)


def test_a_bound_that_a_template_makes_is_read_from_every_request() -> None:
    bodies = [chat("a", max_tokens=5), chat("b", max_tokens=7, n=2)]
    assert estimate(bodies, {"max_tokens": object()}).most_output == 19


def test_one_request_without_a_bound_leaves_all_without_one() -> None:
    told = estimate([chat("a", max_tokens=5), chat("b")], {"max_tokens": object()})
    assert (told.most_output, told.most_usd, told.cost_usd) == (None, None, None)


def test_earlier_answers_tell_what_to_expect_within_the_bound() -> None:
    past = Used(input_tokens=100, output_tokens=30, answers=10)
    told = estimate([chat("four"), chat("five")], {}, past=past)
    assert (told.expected_output, told.most_usd) == (6, None)
    assert told.cost_usd == told.expected_usd == PRICES.cost(MODEL, Used(6, 6))
    assert estimate([chat("four")], {"max_tokens": 2}, past=past).expected_output == 2


def test_answers_that_tell_no_usage_lead_to_expect_nothing() -> None:
    told = estimate([chat("four")], {}, past=Used(answers=3, unmetered=3))
    assert (told.expected_output, told.expected_usd) == (None, None)


def test_what_holds_more_than_text_is_expected_from_the_past_or_unknown() -> None:
    picture = encode({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]})
    told = estimate([picture], {"max_tokens": 5})
    assert (told.input_tokens, told.cost_usd, told.estimated) == (None, None, True)
    told = estimate([picture], {"max_tokens": 5}, past=Used(2000, 10, answers=2))
    assert told.cost_usd == PRICES.cost(MODEL, Used(1000, 5))


def test_pages_are_known_only_from_earlier_answers() -> None:
    prices = PriceTable(
        as_of="2026-08-21",
        batch=Decimal("0.5"),
        prices={"ocr": Price(as_of="2026-08-21", source="a test", pages=Decimal(4))},
    )
    costing = Costing(prices=prices, counter=EstimatingCounter())
    meter = costing.meter("/v1/ocr", {})
    meter.add([digest(b"{}")], [b"{}"], frozenset({("ocr", 1)}))
    assert meter.finish("ocr", 1, None).cost_usd is None
    assert meter.finish("ocr", 1, Used(pages=6, answers=2)).cost_usd == Decimal("0.006")


def test_a_model_without_a_price_has_no_cost_and_a_free_one_costs_nothing() -> None:
    unpriced = estimate([chat("four")], {"max_tokens": 5}, model="other")
    assert (unpriced.priced, unpriced.cost_usd) == (False, None)
    free = estimate([chat("four")], {}, model="free")
    assert (free.priced, free.cost_usd) == (True, Decimal(0))


def test_embeddings_answer_with_no_tokens() -> None:
    told = estimate([encode({"input": "four"})], {}, endpoint="/v1/embeddings")
    assert (told.most_output, told.most_usd) == (0, Decimal("0.000003"))


class ByModel:
    """Counts as many tokens as the model's name has letters: which model was counted is all that is asked here."""

    def count(self, endpoint: str, model: str, body: Mapping[str, object]) -> Counted | None:
        return Counted(len(model), model == "long")


def test_each_model_is_counted_by_itself_and_groups_add_up() -> None:
    meter = Costing(prices=PRICES, counter=ByModel()).meter(CHAT, {"max_tokens": 1})
    meter.add([digest(b"1")], [b"{}"], frozenset({("m", 1), ("long", 1)}))
    meter.add([digest(b"2")], [b"{}"], frozenset({("long", 1)}))
    assert meter.finish("m", 1, None).input_tokens == InputTokens(1, 0, False)
    both = meter.finish("long", 2, None)
    assert (both.input_tokens, both.most_output, both.counted) == (InputTokens(8, 0, True), 2, 2)


def test_nothing_to_send_comes_to_nothing_known() -> None:
    told = estimate([], {"max_tokens": 1})
    assert (told.requests, told.input_tokens, told.most_output) == (0, None, None)


@pytest.mark.parametrize("count", [SAMPLE - 1, SAMPLE, SAMPLE + 1])
def test_the_sample_begins_where_there_are_more(count: int) -> None:
    told = estimate(texts(count), {"max_tokens": 1})
    assert told.counted == min(count, SAMPLE)
    assert told.input_tokens is not None
    assert (told.input_tokens.margin > 0) == (count > SAMPLE)
