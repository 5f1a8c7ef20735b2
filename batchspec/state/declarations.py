"""What specs declared when they were last applied, and the output files written for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from batchspec.core.ledger import DeclaredRow
from batchspec.core.model import BodyDigest, Target
from batchspec.state.database import transaction
from batchspec.state.plan_memos import PlanMemos
from batchspec.state.tables import BULK, CHUNK, chunks, marks


class Declarations(PlanMemos):
    """The declared rows and the outputs of a ledger."""

    def declared(self, spec: str, custom_ids: Sequence[str], form: str = "") -> Mapping[str, BodyDigest]:
        """Return what this spec last declared, in one form, under these custom_ids."""
        found: dict[str, BodyDigest] = {}
        spec_id = self._spec_id(spec)
        if spec_id is None:
            return found
        for chunk in chunks(custom_ids, CHUNK):
            wanted = f"custom_id IN ({marks(chunk)})"
            sql = f"SELECT custom_id, body FROM declared WHERE spec_id = ? AND form = ? AND {wanted}"
            found.update((name, BodyDigest(body)) for name, body in self._rows(sql, [spec_id, form, *chunk]))
        return found

    def declared_counts(self, spec: str) -> Mapping[str, int]:
        """Return how many rows this spec declared in each form when it was last applied."""
        sql = "SELECT form, count(*) FROM declared WHERE spec_id = (SELECT id FROM spec WHERE name = ?) GROUP BY form"
        return dict(self._rows(sql, [spec]))

    def declared_targets(self, spec: str) -> frozenset[Target]:
        """Return the targets with which this spec was last applied."""
        row = self._row("SELECT models FROM spec WHERE name = ?", [spec])
        return frozenset() if row is None else frozenset(read_targets(row[0]))

    def declare(
        self, spec: str, path: str, targets: Sequence[Target], rows: Iterable[DeclaredRow], *, whole: bool = True
    ) -> None:
        """Record that a spec declares these rows and, where they are the `whole`, no others.

        Only what differs is written.
        """
        connection = self._database.conn
        with transaction(self._database):
            connection.execute(
                "INSERT INTO spec (name, path, models) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET path = excluded.path, models = excluded.models",
                [spec, path, write_targets(targets)],
            )
            spec_id = self._spec_id(spec)
            if connection.execute("SELECT 1 FROM declared WHERE spec_id = ? LIMIT 1", [spec_id]).fetchone() is None:
                # There is nothing to compare with.
                for chunk in chunks(rows, BULK):
                    add = f"INSERT OR IGNORE INTO declared VALUES ({spec_id:d}, ?, ?, ?)"
                    connection.executemany(add, chunk)
                return
            connection.execute(
                "CREATE TEMP TABLE wanted (form TEXT, custom_id TEXT, body BLOB, PRIMARY KEY (form, custom_id))"
                " WITHOUT ROWID"
            )
            for chunk in chunks(rows, BULK):
                connection.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?)", chunk)
            if whole:
                connection.execute(
                    "DELETE FROM declared WHERE spec_id = ? AND NOT EXISTS (SELECT 1 FROM wanted"
                    " WHERE wanted.form = declared.form AND wanted.custom_id = declared.custom_id)",
                    [spec_id],
                )
            connection.execute(
                "INSERT OR REPLACE INTO declared SELECT ?1, wanted.form, wanted.custom_id, wanted.body FROM wanted"
                " LEFT JOIN declared ON declared.spec_id = ?1 AND declared.form = wanted.form"
                " AND declared.custom_id = wanted.custom_id WHERE declared.body IS NOT wanted.body",
                [spec_id],
            )
            connection.execute("DROP TABLE wanted")

    def _spec_id(self, spec: str) -> int | None:
        row = self._row("SELECT id FROM spec WHERE name = ?", [spec])
        return None if row is None else int(row[0])

    def saved_output(self, path: str) -> str | None:
        """Return the fingerprint under which an output file was written last."""
        row = self._row("SELECT fingerprint FROM output WHERE path = ?", [path])
        return None if row is None else str(row[0])

    def save_output(self, path: str, fingerprint: str) -> None:
        """Record that an output file was written."""
        with self._aside():
            self._database.conn.execute("INSERT OR REPLACE INTO output VALUES (?, ?)", [path, fingerprint])


def write_targets(targets: Sequence[Target]) -> str:
    """Return targets as the state keeps them: a model by its name, with its revision and replicate if not both 0."""
    return json.dumps([target.model if target == Target(target.model) else list(target) for target in targets])


def read_targets(text: str) -> list[Target]:
    """Return the targets that were written so."""
    return [Target(each) if isinstance(each, str) else Target(*each) for each in json.loads(text)]
