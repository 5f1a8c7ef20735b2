"""Knows what the next plan of a run will be if all that it has sent succeeds, so that no row is rendered to see it.

A run that waits plans again when the answers are there. What it sent is in claims of its own: where every request of
these has succeeded, and its answer fits, nothing is left to be done about a spec whose inputs are still the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from batchspec.commands.judging import Judged
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.spec_planner import PlannedSpec
from batchspec.core.ledger import Ledger
from batchspec.core.plan_memo import PlanMemo


class Foreseen(NamedTuple):
    """What a plan will be once every one of `requests`, which these claims hold, has succeeded."""

    claims: Sequence[int]
    requests: int
    memo: PlanMemo


def foresee(planned: Sequence[PlannedSpec], ledger: Ledger) -> Mapping[str, Foreseen]:
    """Return, by spec, what can be foreseen now that all that was planned was sent."""
    in_flight = ledger.claims_in_flight()
    foreseen = {}
    for each in planned:
        claims = [claim for claim in in_flight if claim.spec == each.plan.name]
        sent = sum(variant.sends for variant in each.plan.variants)
        if each.foreseen is not None and sent and sum(claim.requests for claim in claims) == sent:
            foreseen[each.plan.name] = Foreseen([claim.id for claim in claims], sent, each.foreseen)
    return foreseen


def come_true(foreseen: Mapping[str, Foreseen], specs: Sequence[LoadedSpec], ledger: Ledger) -> Mapping[str, PlanMemo]:
    """Return, by spec, what has come true: every answer is there, and fits."""
    return {
        loaded.spec.name: known.memo
        for loaded in specs
        if (known := foreseen.get(loaded.spec.name)) is not None
        and ledger.succeeded(known.claims) == known.requests
        and Judged(loaded, ledger, remember=True).all_fit(known.claims)
    }
