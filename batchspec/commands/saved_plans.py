"""Saved plans: noted while a plan is made, written for a review, and held against what an apply would send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from types import TracebackType

from batchspec.commands.lineage import input_digests
from batchspec.commands.loaded import LoadedSpec
from batchspec.core.errors import StaleError
from batchspec.core.ledger import Ledger, RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.core.planning import PendingShard
from batchspec.core.saved_plan import Batch, RequestTable, SavedPlan, SavedSpec, without_texts

NewTable = Callable[[], AbstractContextManager[RequestTable]]

_AT_ONCE = 2_000
_MOST_NAMED = 5
_ANEW = "nothing was sent; make a plan of how things stand now: `batchspec plan --out FILE`"
TAKEN = {
    RequestStatus.CLAIMED: "in flight",
    RequestStatus.SUCCEEDED: "answered",
    RequestStatus.FAILED: "failed",
    RequestStatus.FAILED_PASSING: "failed",
    RequestStatus.HELD: "held",
    RequestStatus.LOST: "lost",
    RequestStatus.ASKED: "asked for again",
}
"""In a word or two, what has become of a request that a plan holds and would not send."""


class Notebook:
    """Takes note, in a table, of what a plan sends."""

    def __init__(self, table: RequestTable) -> None:
        self.table = table
        self._batch: Batch | None = None
        self._digests: list[RequestDigest] = []

    def left(self, _digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Leave nothing."""
        return set()

    def note(self, batch: Batch, digest: RequestDigest) -> None:
        """Take note of a request."""
        if batch != self._batch or len(self._digests) >= _AT_ONCE:
            self.close()
            self._batch = batch
        self._digests.append(digest)

    def close(self) -> None:
        """Write down what was noted last."""
        if self._batch is not None:
            self.table.add(self._batch, self._digests)
        self._digests = []


class _Limited(Notebook):
    """The same for the apply of a saved plan, which leaves what that does not hold."""

    def __init__(self, table: RequestTable, held: RequestTable) -> None:
        super().__init__(table)
        self._held = held

    def left(self, digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        """Leave what is not in the plan."""
        return set(digests) - self._held.found(digests).keys()


def describe(loaded: LoadedSpec, rows: str, document: Mapping[str, object]) -> SavedSpec:
    """Return what a plan says of a spec; `rows` is the digest of its rows, `document` its part of `plan --json`."""
    spec = loaded.spec
    return SavedSpec(
        name=spec.name,
        path=spec.path,
        rows=rows,
        sources=dict(loaded.sources.texts),
        inputs=input_digests(loaded),
        plan=without_texts(document),
    )


class SavedRun:
    """One apply of a saved plan: it sends what that holds and nothing else."""

    def __init__(self, plan: SavedPlan, held: RequestTable, new_table: NewTable) -> None:
        self.plan = plan
        self.changed: list[str] = []
        """What is known to be otherwise than when the plan was made, to be told where that counts."""
        self._held = held
        self._new_table = new_table
        self._stack = ExitStack()
        self._noted: RequestTable | None = None
        self._book: _Limited | None = None

    def __enter__(self) -> SavedRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def id(self) -> str:
        """The plan's id."""
        return self.plan.id

    def refuse_used(self, ledger: Ledger) -> None:
        """Raise StaleError for a plan that was applied to its end before."""
        use = ledger.plan_use(self.id)
        if use is not None and use.finished_at is not None:
            raise StaleError(
                "this plan was applied before",
                why="everything that it holds was sent then; a plan is good for one apply",
                hint="`batchspec wait` waits for the answers; `batchspec plan` shows what is left to do",
            )

    def book(self) -> Notebook:
        """Return what the plan of the next round is noted in."""
        self._stack.close()
        self._noted = self._stack.enter_context(self._new_table())
        self._book = _Limited(self._noted, self._held)
        return self._book

    def marked(self, shards: Sequence[PendingShard]) -> list[PendingShard]:
        """Return shards that say of which plan they are."""
        return [replace(shard, plan=self.id) for shard in shards]

    def has_others(self) -> bool:
        """Tell whether the round that was planned last would send what the saved plan does not hold."""
        return any(others for _, others, _ in self._compared())

    def check(self, specs: Sequence[LoadedSpec], ledger: Ledger) -> None:
        """Hold the round that was planned last to the saved plan. Raises StaleError where they differ.

        What an apply of this very plan that did not come to its end has sent is no difference.
        """
        others: Counter[str] = Counter()
        taken: Counter[str] = Counter()
        for batch, strange, tried in self._compared():
            others[batch.reason] += len(strange)
            taken["sent since"] += len(set(tried) - ledger.sent_for(self.id, tried))
        gone = 0
        for missing in self._missing():
            away = sorted(set(missing) - ledger.sent_for(self.id, missing))
            recorded = ledger.recorded(away)
            for digest in away:
                known = recorded.get(digest)
                if known is None:
                    gone += 1
                else:
                    taken[TAKEN[known.status]] += 1
        if +others or +taken or gone:
            raise _stale(+others, +taken, gone, [*self.changed, *self._changed(specs)])

    def _compared(self) -> Iterator[tuple[Batch, list[RequestDigest], list[RequestDigest]]]:
        """Yield of what would be sent, batch by batch, what the plan does not hold, and what was tried since."""
        noted = self._table()
        for batch, digests in noted.batches(_AT_ONCE):
            held = self._held.found(digests)
            strange = [digest for digest in digests if not _is_same(batch, held.get(digest))]
            tried = [digest for digest in digests if digest in held and held[digest].tries != batch.tries]
            yield batch, strange, [digest for digest in tried if digest not in set(strange)]

    def _missing(self) -> Iterator[list[RequestDigest]]:
        """Yield what the plan holds and would not be sent."""
        noted = self._table()
        for _, digests in self._held.batches(_AT_ONCE):
            found = noted.found(digests)
            missing = [digest for digest in digests if digest not in found]
            if missing:
                yield missing

    def _table(self) -> RequestTable:
        assert self._noted is not None, "a round is planned before it is held to the plan"
        assert self._book is not None, "a round is planned before it is held to the plan"
        self._book.close()
        return self._noted

    def _changed(self, specs: Sequence[LoadedSpec]) -> Iterator[str]:
        """Yield the files that are not what they were when the plan was made."""
        now = {each.spec.path: each for each in specs}
        for saved in self.plan.specs:
            loaded = now.get(saved.path)
            if loaded is not None:
                files = dict(loaded.sources.texts) | (input_digests(loaded) or {})
                before = dict(saved.sources) | dict(saved.inputs or {})
                yield from sorted(path for path, digest in before.items() if files.get(path) != digest)


def _is_same(batch: Batch, held: Batch | None) -> bool:
    return held is not None and (held.spec, held.variant) == (batch.spec, batch.variant)


def _stale(others: Counter[str], taken: Counter[str], gone: int, changed: Sequence[str]) -> StaleError:
    parts = []
    if taken:
        parts.append(f"{taken.total():,} of its requests were taken meanwhile ({_words(taken)})")
    if gone:
        parts.append(f"{gone:,} of them are not declared any more")
    if others:
        parts.append(f"{others.total():,} would be sent that it does not hold ({_words(others)})")
    named = ", ".join(dict.fromkeys(changed[:_MOST_NAMED]))
    more = f" and {len(changed) - _MOST_NAMED:,} more" if len(changed) > _MOST_NAMED else ""
    return StaleError(
        f"the plan is stale: {'; '.join(parts)}", why=f"changed since: {named}{more}" if named else None, hint=_ANEW
    )


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counts.most_common())
