"""The ledger on SQLite: its parts put together over one file, and what the file says of itself.

Every public method that writes is one `BEGIN IMMEDIATE` transaction.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from batchspec.core.errors import AccessError
from batchspec.state.answers import Answers
from batchspec.state.awaited import AwaitedAnswers
from batchspec.state.claims import Claims
from batchspec.state.database import open_state, state_in_memory, transaction
from batchspec.state.declarations import Declarations
from batchspec.state.plan_memos import header_of
from batchspec.state.saved_plans import SavedPlans
from batchspec.state.spec_parts import SpecParts
from batchspec.state.usage import UsageTables


class SqliteLedger(Answers, AwaitedAnswers, Claims, Declarations, UsageTables, SavedPlans, SpecParts):
    """The ledger of one project, in one file. Fills `core.ledger.Ledger`."""

    def __init__(self, path: Path | None, project_id: str | None = None) -> None:
        """Open the state at `path`, making it where there is none; without a path, an empty one in memory."""
        # Before the state, so that a file which is put in its place in between is not taken for it.
        header = None if path is None else header_of(path)
        try:
            super().__init__(open_state(path, project_id) if path else state_in_memory(project_id), project_id)
        except BaseException:
            if header is not None:
                header.close()
            raise
        if header is None and path is not None:
            header = header_of(path)
        elif header is not None and path is not None and not header.is_of(path):
            header.close()
            header = None
        self._header = header

    def __enter__(self) -> SqliteLedger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        if self._header is not None:
            self._header.close()
            self._header = None

    def bind(self, provider: str) -> None:
        """Tie this state to one provider, for good. Raises AccessError when it belongs to another one."""
        row = self._row("SELECT value FROM meta WHERE key = 'provider'")
        if row is None:
            with transaction(self._database):
                self._database.conn.execute("INSERT INTO meta VALUES ('provider', ?)", [provider])
        elif row[0] != provider:
            raise AccessError(
                f"this state belongs to the provider `{row[0]}`, not to `{provider}`",
                why="what one of them has answered would count as done with the other",
                hint=f"use --provider {row[0]}, or name another place with --state",
            )

    def compared_at(self) -> float | None:
        """Return when the provider's jobs of this project were last looked through; None: never."""
        row = self._row("SELECT value FROM meta WHERE key = 'compared_at'")
        return None if row is None else float(row[0])

    def mark_compared(self, now: float) -> None:
        """Record that the provider's jobs of this project were looked through."""
        with self._aside():
            self._database.conn.execute("INSERT OR REPLACE INTO meta VALUES ('compared_at', ?)", [str(now)])
