"""Knows what the next plan of a spec will be if all that was sent for it succeeds, without rendering it.

What was sent is in claims: where every request of these has succeeded, and its answer fits, nothing is left to be done
about a spec whose inputs are still the same, in whatever run that turns out.
"""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.commands.judging import Judged
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.spec_planner import PlannedSpec
from batchspec.core.ledger import Ledger
from batchspec.core.plan_memo import FORESEEN, Foreseen, PlanMemo, read_foreseen, written_foreseen


def remember_foreseen(planned: Sequence[PlannedSpec], ledger: Ledger) -> None:
    """Remember what can be foreseen now that all that was planned was sent."""
    in_flight = ledger.claims_in_flight()
    told = {}
    for each in planned:
        claims = [claim for claim in in_flight if claim.spec == each.plan.name]
        sent = sum(variant.sends for variant in each.plan.variants)
        if each.foreseen is not None and sent and sum(claim.requests for claim in claims) == sent:
            foreseen = Foreseen([claim.id for claim in claims], sent, each.foreseen)
            told[FORESEEN + each.plan.name] = written_foreseen(foreseen)
    if told:
        ledger.remember_plans(told, foreseen=True)


def come_true(loaded: LoadedSpec, ledger: Ledger, *, remember: bool) -> PlanMemo | None:
    """Return what was foreseen of a spec once every answer to it is there, and fits; None as long as one does not.

    With `remember` the ledger keeps what is found of the answers.
    """
    told = ledger.remembered_plan(FORESEEN + loaded.spec.name)
    foreseen = None if told is None else read_foreseen(told)
    if foreseen is None or ledger.succeeded(foreseen.claims) != foreseen.requests:
        return None
    fit = Judged(loaded, ledger, remember=remember).all_fit(foreseen.claims)
    return foreseen.memo if fit else None
