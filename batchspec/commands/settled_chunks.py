"""Knows chunks of rows again about which an earlier plan found nothing to do, so that only the others are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from batchspec.core.plan_memo import ChunkCounts
from batchspec.core.planning import Action, VariantPlan


class SettledChunks:
    """The chunks of one spec by what they ask for: `known` from an earlier plan, or counted by this one."""

    def __init__(self, known: ChunkCounts) -> None:
        self._known = known
        self._counted: dict[str, Sequence[Mapping[Action, int]]] = {}
        self._unsettled: set[str] = set()

    def recalled(self, asked: bytes, variants: Sequence[VariantPlan]) -> bool:
        """Count what an earlier plan counted in this chunk; return False where none has settled it."""
        counts = self._known.get(asked.hex())
        if counts is None or len(counts) != len(variants):
            return False
        for variant, actions in zip(variants, counts, strict=True):
            variant.actions.update(actions)
        self._counted[asked.hex()] = counts
        return True

    def note(
        self, asked: bytes, before: Sequence[Counter[Action]], variants: Sequence[VariantPlan], *, settled: bool
    ) -> None:
        """Take note of a chunk by what has been counted since `before`, and whether nothing is to be done about it."""
        self._counted[asked.hex()] = [each.actions - counted for each, counted in zip(variants, before, strict=True)]
        if not settled:
            self._unsettled.add(asked.hex())

    @property
    def found(self) -> ChunkCounts:
        """The chunks about which nothing is to be sent or to be declared anew."""
        return {asked: counts for asked, counts in self._counted.items() if asked not in self._unsettled}

    def once_answered(self) -> ChunkCounts:
        """Return all chunks as the next plan will find them if all that is sent succeeds, as all else has."""
        return {
            asked: [{Action.DONE: done} if (done := sum(each.values())) else {} for each in counts]
            for asked, counts in self._counted.items()
        }
