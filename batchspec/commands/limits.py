"""The limits that stop an apply before it sends anything: an emptied input, requests, dollars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from batchspec.core.errors import LimitError
from batchspec.core.planning import Plan, SpecPlan, VariantPlan
from batchspec.core.pricing import total
from batchspec.core.spec import Spec


class RunLimits:
    """The limits of a run: those of its specs, by their names, and those given for the whole.

    With `adds_up`, what earlier rounds of the run have sent counts too: a chain of specs is sent stage by stage.
    """

    def __init__(
        self,
        specs: Mapping[str, Spec],
        max_requests: int | None,
        max_cost_usd: Decimal | None,
        *,
        adds_up: bool = False,
    ) -> None:
        self._specs = specs
        self._max_requests = max_requests
        self._max_cost_usd = max_cost_usd
        self._adds_up = adds_up
        self._requests: Counter[str] = Counter()
        self._costs: dict[str, Decimal] = {}

    def check(self, plan: Plan) -> None:
        """Hold a plan to the limits. Raises LimitError."""
        for spec in plan.specs:
            if spec.emptied:
                raise LimitError(
                    f"{spec.name} declares no rows any more, where it had some",
                    why="an input that has come out empty is more often a mistake than meant",
                    hint=f"restore the input of {spec.path}, or delete the spec",
                )
            limits, before = self._specs[spec.name].limits, self._costs.get(spec.name, Decimal(0))
            sends = self._requests[spec.name] + _sends(spec)
            _check_requests(sends, limits.max_requests, spec.name, "`limits.max_requests`")
            _check_cost(spec.variants, limits.max_cost_usd, spec.name, "`limits.max_cost_usd`", before)
        _check_requests(self._requests.total() + plan.sends, self._max_requests, "this plan", "--max-requests")
        spent = sum(self._costs.values(), Decimal(0))
        _check_cost(plan.variants, self._max_cost_usd, "this plan", "--max-cost-usd", spent)

    def spend(self, plan: Plan) -> None:
        """Remember what a round sends."""
        if not self._adds_up:
            return
        for spec in plan.specs:
            self._requests[spec.name] += _sends(spec)
            cost = total(variant.cost_usd for variant in spec.variants)
            self._costs[spec.name] = self._costs.get(spec.name, Decimal(0)) + (cost or 0)


def _sends(spec: SpecPlan) -> int:
    return sum(variant.sends for variant in spec.variants)


def _check_requests(sends: int, limit: int | None, what: str, where: str) -> None:
    if limit is not None and sends > limit:
        raise LimitError(
            f"{what} would send {sends:,} requests; {where} allows {limit:,}",
            why="nothing was sent",
            hint="look at `batchspec plan` for why there are so many; raise the limit if they are meant",
        )


def _check_cost(variants: Sequence[VariantPlan], limit: Decimal | None, what: str, where: str, before: Decimal) -> None:
    if limit is None:
        return
    unknown = next((variant for variant in variants if variant.cost_usd is None), None)
    if unknown is not None:
        raise _unknown(unknown, what, where)
    cost = total(variant.cost_usd for variant in variants)
    if cost is not None and (cost := cost + before) > limit:
        raise LimitError(
            f"{what} would cost ${cost.normalize():f}; {where} allows ${limit.normalize():f}",
            why="nothing was sent; the cost is the most that `max_tokens` allows, or else what earlier answers suggest",
            hint="look at `batchspec plan`; lower `max_tokens`, or raise the limit if the cost is meant",
        )


def _unknown(variant: VariantPlan, what: str, where: str) -> LimitError:
    estimate = variant.estimate
    if estimate is None or not estimate.priced:
        why = f"{variant.model} has no price that is known"
        hint = "give its price in a file: --prices FILE"
    elif estimate.input_tokens is None:
        why = f"what requests to {variant.model} use is not known before they are answered, and none has been yet"
        hint = f"send a few first without {where}; later plans expect what those have used"
    else:
        why = f"nothing bounds the answers of {variant.model}, and none has come yet to tell what to expect"
        hint = "give `max_tokens` in the body"
    return LimitError(
        f"what {what} would cost is not known, and {where} is set", why=f"nothing was sent: {why}", hint=hint
    )
