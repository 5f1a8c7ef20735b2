"""Which saved plans were applied, how far, and what was claimed for them."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.core.model import PlanUse, RequestDigest
from batchspec.state.database import transaction
from batchspec.state.tables import CHUNK, Tables, chunks, marks


class SavedPlans(Tables):
    """The uses of saved plans in a ledger."""

    def plan_use(self, plan: str) -> PlanUse | None:
        """Return how far a saved plan, by its id, was applied; None where it never was."""
        row = self._row("SELECT begun_at, finished_at FROM saved_plan WHERE id = ?", [plan])
        return None if row is None else PlanUse(*row)

    def begin_plan(self, plan: str, now: float) -> None:
        """Record that a saved plan is being applied, once more where that was begun before."""
        with transaction(self._database):
            self._database.conn.execute("INSERT OR IGNORE INTO saved_plan (id, begun_at) VALUES (?, ?)", [plan, now])

    def finish_plan(self, plan: str, now: float) -> None:
        """Record that all that a saved plan holds was sent."""
        with transaction(self._database):
            self._database.conn.execute("UPDATE saved_plan SET finished_at = ? WHERE id = ?", [now, plan])

    def sent_for(self, plan: str, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Return those of these requests whose last claim was made for a saved plan."""
        sql = (
            "SELECT request.digest FROM request JOIN claim ON claim.id = request.claim_id WHERE claim.plan = ?"
            " AND request.digest IN ({})"
        )
        return {
            RequestDigest(digest)
            for chunk in chunks(digests, CHUNK)
            for (digest,) in self._rows(sql.format(marks(chunk)), [plan, *chunk])
        }
