"""What the recorded answers have used, by spec and model; nothing of prices."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from batchspec.core.json_text import parse
from batchspec.core.usage import BY_TOKENS, SpecUsage, Used, used_by
from batchspec.state.tables import Tables, marks


class UsageTables(Tables):
    """The usage that a ledger's answers tell."""

    def usage(self, specs: Sequence[str], whole: Collection[str] = ()) -> Sequence[SpecUsage]:
        """Return what the recorded successes of these specs have used, by model, in the order of their names.

        Pages and sound are told by an answer's body alone: for the models in `whole`, and for every endpoint that is
        not charged by tokens, the bodies are read; otherwise the counted tokens are enough.
        """
        # A cross join keeps its order: the few claims first, then what the index has of each.
        sql = (
            "SELECT claim.spec, claim.model, claim.endpoint, count(*), count(result.prompt_tokens),"
            " coalesce(sum(result.prompt_tokens), 0), coalesce(sum(result.completion_tokens), 0)"
            " FROM claim CROSS JOIN result ON result.claim_id = claim.id"
            f" WHERE result.outcome = 'succeeded' AND claim.spec IN ({marks(specs)})"
            " GROUP BY claim.spec, claim.model, claim.endpoint ORDER BY claim.spec, claim.model, claim.endpoint"
        )
        found: dict[tuple[str, str], Used] = {}
        for spec, model, endpoint, answers, metered, prompt, completion in list(self._rows(sql, specs)):
            used = Used(prompt, completion, answers=answers, unmetered=answers - metered)
            if model in whole or endpoint not in BY_TOKENS:
                used = self._told_by_bodies(spec, model, endpoint)
            found[spec, model] = found.get((spec, model), Used()).plus(used)
        return [SpecUsage(spec, model, used) for (spec, model), used in found.items()]

    def _told_by_bodies(self, spec: str, model: str, endpoint: str) -> Used:
        used = Used()
        for body in self._bodies(spec, model, endpoint):
            used = used.plus(used_by(None if body is None else parse(body)))
        return used

    def _bodies(self, spec: str, model: str, endpoint: str) -> Iterator[bytes | None]:
        sql = (
            "SELECT CAST(result.body AS BLOB) FROM claim CROSS JOIN result ON result.claim_id = claim.id"
            " WHERE result.outcome = 'succeeded' AND claim.spec = ? AND claim.model = ? AND claim.endpoint = ?"
        )
        return (row[0] for row in self._rows(sql, [spec, model, endpoint]))
