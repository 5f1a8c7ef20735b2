"""What the requests of specs were made of when they were last applied, beside their rows: digests, part by part."""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.state.plan_memos import PlanMemos

_OF_SPEC = "spec_id = (SELECT id FROM spec WHERE name = ?)"


class SpecParts(PlanMemos):
    """The parts of the specs of a ledger."""

    def spec_parts(self, spec: str) -> Mapping[str, str]:
        """Return the digests of what a spec's requests were made of when it was last applied, by the parts' names."""
        return dict(self._rows(f"SELECT part, digest FROM spec_part WHERE {_OF_SPEC}", [spec]))

    def save_spec_parts(self, spec: str, parts: Mapping[str, str]) -> None:
        """Record what a declared spec's requests are made of, in place of what they were."""
        connection = self._database.conn
        with self._aside():
            connection.execute(f"DELETE FROM spec_part WHERE {_OF_SPEC}", [spec])
            connection.executemany(
                "INSERT INTO spec_part SELECT id, ?, ? FROM spec WHERE name = ?",
                [(part, digest, spec) for part, digest in parts.items()],
            )
