"""Costs and tokens, as text for people and as the fields of documents: what is not known says so, and is never 0."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal

from batchspec.core.metering import Estimate
from batchspec.core.planning import Plan, VariantPlan
from batchspec.core.spending import Spent, cost_fields, usd
from batchspec.report.safe_text import safe
from batchspec.report.style import Style, table

Fields = dict[str, object]

_THREE_DIGITS = Context(prec=3, rounding=ROUND_CEILING)
_TWO_PLACES = Decimal("0.01")


def dollars(amount: Decimal) -> str:
    """Return an amount as people read it, rounded up: $1,234.50, $0.00123."""
    if amount == 0:
        return "$0"
    if amount >= 1:
        return f"${amount.quantize(_TWO_PLACES, rounding=ROUND_CEILING):,}"
    return f"${_THREE_DIGITS.create_decimal(amount).normalize():f}"


def estimate_fields(variant: VariantPlan) -> Fields:
    """Return what sending a variant's requests comes to; null is unknown."""
    estimate = variant.estimate
    return {
        "tokens": None if estimate is None else _tokens(estimate),
        "cost_usd": usd(variant.cost_usd),
        "max_cost_usd": None if estimate is None else usd(estimate.most_usd),
        "expected_cost_usd": None if estimate is None else usd(estimate.expected_usd),
        "prices_as_of": None if estimate is None else estimate.prices_as_of,
    }


def _tokens(estimate: Estimate) -> Fields:
    told = estimate.input_tokens
    return {
        "input": None if told is None else told.tokens,
        "margin": None if told is None else told.margin,
        "estimated": estimate.estimated,
        "counted": estimate.counted,
        "max_output": estimate.most_output,
        "expected_output": estimate.expected_output,
    }


def spent_fields(spent: Sequence[Spent]) -> list[Fields]:
    """Return what was used and spent, by spec and model."""
    return [{"spec": each.spec, "model": each.model, **cost_fields([each])} for each in spent]


def cost_lines(variant: VariantPlan, style: Style) -> list[str]:
    """Return the lines about what sending comes to; none where nothing is sent, or where it was not asked for."""
    estimate = variant.estimate
    if estimate is None or not variant.sends:
        return []
    tokens = "; ".join(filter(None, (_input_words(estimate), _output_words(estimate))))
    lines = [f"    {style('$ cost       ', 'dim')}{_cost_words(estimate, variant.model)}"]
    return [*lines, f"    {style('# tokens     ', 'dim')}{tokens}"] if tokens else lines


def _cost_words(estimate: Estimate, model: str) -> str:
    if not estimate.priced:
        return f"not known: {safe(model)} has no price; give one with --prices FILE"
    about = "~" if estimate.estimated and estimate.input_tokens is not None else ""
    expected = None if estimate.expected_usd is None else f"{about}{dollars(estimate.expected_usd)} expected"
    most = None if estimate.most_usd is None else f"at most {about}{dollars(estimate.most_usd)}"
    known = ", ".join(filter(None, (most, expected)))
    if known:
        return f"{known} (prices of {estimate.prices_as_of})"
    unbounded = estimate.input_tokens is not None
    return "not known: nothing bounds the answers" if unbounded else "not known before it is used"


def _input_words(estimate: Estimate) -> str:
    told = estimate.input_tokens
    if told is None:
        return ""
    about = "" if told.exact else "~"
    margin = f" (± {told.margin:,})" if told.margin else ""
    return f"{about}{told.tokens:,} in{margin}"


def _output_words(estimate: Estimate) -> str:
    expected = None if estimate.expected_output is None else f"{estimate.expected_output:,} expected"
    if estimate.most_output == 0 or (estimate.input_tokens is None and estimate.most_output is None):
        return ""
    bound = "unbounded without `max_tokens`" if estimate.most_output is None else f"at most {estimate.most_output:,}"
    return f"out {', '.join(filter(None, (bound, expected)))}"


def plan_cost(plan: Plan) -> str | None:
    """Return in words what a whole plan costs; None where that was not asked for."""
    sending = [variant.estimate for variant in plan.variants if variant.sends]
    estimates = [estimate for estimate in sending if estimate is not None]
    if len(estimates) < len(sending) or not estimates:
        return None
    if plan.cost_usd is None:
        return "at a cost that is not known"
    bounded = all(estimate.most_usd is not None for estimate in estimates)
    about = "~" if any(estimate.estimated for estimate in estimates) else ""
    return f"for {'at most' if bounded else 'an expected'} {about}{dollars(plan.cost_usd)}"


def spent_text(spent: Sequence[Spent], style: Style) -> str | None:
    """Return what was really used and spent, as a table; None where nothing was answered yet."""
    answered = [each for each in spent if each.used.answers]
    if not answered:
        return None
    rows = [("used by", "model", "answers", "input", "output", "cost")]
    for each in answered:
        used = each.used
        known = not used.unmetered
        rows.append(
            (
                safe(each.spec),
                safe(each.model),
                f"{used.answers:,}",
                f"{used.input_tokens:,}" if known else "?",
                f"{used.output_tokens:,}" if known else "?",
                "?" if each.cost_usd is None else dollars(each.cost_usd),
            )
        )
    return table(rows, style)
