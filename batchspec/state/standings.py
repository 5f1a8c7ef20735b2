"""Tells of every spec where it stands by its claims and requests, in one look at a state that is not changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from batchspec.core.ledger import Phase, RequestStatus
from batchspec.core.selecting import Standing
from batchspec.state.database import open_to_look
from batchspec.state.tables import OPEN, Tables, marks

_OF_STATUS = {
    RequestStatus.FAILED: Standing.FAILED,
    RequestStatus.FAILED_PASSING: Standing.FAILED,
    RequestStatus.HELD: Standing.HELD,
    RequestStatus.LOST: Standing.LOST,
    # Marked by `retry`, and not sent yet: it has ended without an answer.
    RequestStatus.ASKED: Standing.FAILED,
}


def standings(path: Path) -> Mapping[str, frozenset[Standing]]:
    """Return where every spec stands for which something was sent, by its name; without a state, none.

    Raises StateError for a file that cannot be read.
    """
    if not path.exists():
        return {}
    tables = _Standings(open_to_look(path))
    try:
        return tables.all()
    finally:
        tables.close()


class _Standings(Tables):
    def close(self) -> None:
        self._database.close()

    def all(self) -> Mapping[str, frozenset[Standing]]:
        found: defaultdict[str, set[Standing]] = defaultdict(set)
        under_way = (*OPEN, Phase.CREATED.value)
        sql = "SELECT spec, max(phase IN ({})) FROM claim WHERE phase <> ? GROUP BY spec"
        for spec, in_flight in self._rows(sql.format(marks(under_way)), [*under_way, Phase.RELEASED.value]):
            found[spec].update({Standing.IN_FLIGHT} if in_flight else ())
        sql = (
            "SELECT DISTINCT claim.spec, request.status FROM request JOIN claim ON claim.id = request.claim_id"
            f" WHERE request.status IN ({marks(_OF_STATUS)})"
        )
        for spec, status in self._rows(sql, _OF_STATUS):
            found[spec].add(_OF_STATUS[RequestStatus(status)])
        return {spec: frozenset(standing or {Standing.DONE}) for spec, standing in found.items()}
