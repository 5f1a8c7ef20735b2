"""Keeps an eye on what other machines send while this one is sending, which may take hours."""

from __future__ import annotations

from batchspec.commands.world import World
from batchspec.core.ports import Provider
from batchspec.core.protocol import LOOK_BACK_SECONDS, PROJECT, may_send


class Lookout:
    """Looks at the provider's jobs again when the last look has become old."""

    def __init__(self, world: World, provider: Provider, left_alone: frozenset[str]) -> None:
        """Begin right after a refresh, which has left these jobs alone."""
        self._world = world
        self._provider = provider
        self._left_alone = left_alone
        self._looked_at = world.clock.now()
        self._seen = False

    def others_have_sent(self) -> bool:
        """Tell whether there is a job of this project that the ledger does not know; asks only after a while.

        Once there is, nothing more may be sent before a refresh has adopted it: any shard may be in it.
        """
        world = self._world
        now = world.clock.now()
        if self._seen or may_send(self._looked_at, now, world.settle_seconds):
            return self._seen
        listed = self._provider.list_jobs(created_after=self._looked_at - LOOK_BACK_SECONDS)
        ours = [job.id for job in listed if job.metadata.get(PROJECT) == world.ledger.project_id]
        self._looked_at = now
        self._seen = bool(world.ledger.unknown_jobs(ours) - self._left_alone)
        return self._seen
