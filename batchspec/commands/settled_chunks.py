"""Knows chunks of rows again about which an earlier plan found nothing to do, so that only the others are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from batchspec.core.plan_memo import ChunkCounts
from batchspec.core.planning import Action, VariantPlan


class SettledChunks:
    """The chunks of one spec by what they ask for: `known` from an earlier plan, `found` by this one."""

    def __init__(self, known: ChunkCounts) -> None:
        self._known = known
        self.found: dict[str, Sequence[Mapping[Action, int]]] = {}

    def recalled(self, asked: bytes, variants: Sequence[VariantPlan]) -> bool:
        """Count what an earlier plan counted in this chunk; return False where none has settled it."""
        counts = self._known.get(asked.hex())
        if counts is None or len(counts) != len(variants):
            return False
        for variant, actions in zip(variants, counts, strict=True):
            variant.actions.update(actions)
        self.found[asked.hex()] = counts
        return True

    def settled(self, asked: bytes, before: Sequence[Counter[Action]], variants: Sequence[VariantPlan]) -> None:
        """Take note of a chunk with nothing to send or to declare anew, and of what has been counted since `before`."""
        self.found[asked.hex()] = [each.actions - counted for each, counted in zip(variants, before, strict=True)]
