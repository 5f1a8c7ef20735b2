"""What was spent is told by spec and model, adds up, and is unknown as a whole where a part of it is."""

from __future__ import annotations

from decimal import Decimal

from batchspec.core.pricing import Price, PriceTable
from batchspec.core.spending import cost_fields, spending
from batchspec.core.usage import SpecUsage, Used

PRICES = PriceTable(
    as_of="2026-08-21",
    batch=Decimal("0.5"),
    prices={
        "m": Price(as_of="2026-08-21", source="a test", input_tokens=Decimal(2), output_tokens=Decimal(4)),
        "ocr": Price(as_of="2026-08-21", source="a test", pages=Decimal(4)),
        "voice": Price(as_of="2026-08-21", source="a test", minute=Decimal("0.06")),
    },
)


def test_each_spec_and_model_has_its_cost_and_together_they_add_up() -> None:
    spent = spending([SpecUsage("a", "m", Used(10, 5, answers=2)), SpecUsage("b", "m", Used(1, 1, answers=1))], PRICES)
    assert [each.cost_usd for each in spent] == [Decimal("0.000020"), Decimal("0.000003")]
    assert cost_fields(spent) == {"answers": 3, "tokens": {"input": 11, "output": 6}, "cost_usd": 0.000023}


def test_a_part_without_a_price_leaves_the_whole_unknown_but_for_its_tokens() -> None:
    spent = spending([SpecUsage("a", "m", Used(1, answers=1)), SpecUsage("a", "new", Used(1, answers=1))], PRICES)
    assert cost_fields(spent) == {"answers": 2, "tokens": {"input": 2, "output": 0}, "cost_usd": None}


def test_answers_that_tell_no_usage_leave_tokens_and_cost_unknown() -> None:
    spent = spending([SpecUsage("a", "m", Used(1, answers=2, unmetered=1))], PRICES)
    assert cost_fields(spent) == {"answers": 2, "tokens": None, "cost_usd": None}


def test_pages_and_sound_are_told_where_there_are_any() -> None:
    usage = [
        SpecUsage("a", "ocr", Used(pages=3, answers=1)),
        SpecUsage("a", "voice", Used(audio_seconds=60, answers=1)),
    ]
    told = cost_fields(spending(usage, PRICES))
    assert (told["pages"], told["audio_seconds"], told["cost_usd"]) == (3, 60, 0.036)


def test_nothing_spent_is_nothing() -> None:
    assert cost_fields(()) == {"answers": 0, "tokens": {"input": 0, "output": 0}, "cost_usd": 0}
