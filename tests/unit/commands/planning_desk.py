"""Plans over a project's folder and a real state without any provider, each made with what is remembered and without.

A request is answered here by writing into the ledger what a job would have brought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from project_world import Silent

from batchspec.commands.desired import declared_rows
from batchspec.commands.foresight import remember_foreseen
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.loading import SpecLoader
from batchspec.commands.plan import make_plan
from batchspec.commands.spec_planner import PlannedSpec
from batchspec.core.ledger import ClaimLine, ClaimRequest
from batchspec.core.model import BatchJob, BatchJobStatus, RequestDigest
from batchspec.core.model_lock import ModelLock
from batchspec.core.outcomes import Outcome, OutcomeKind
from batchspec.core.planning import Plan
from batchspec.core.saved_plan import Batch
from batchspec.core.shares import RowWorkers
from batchspec.core.variables import Given
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles
from batchspec.project.packaged import packaged_schema
from batchspec.report.documents import spec_documents
from batchspec.state.scratch import SqliteScratch
from batchspec.state.store import SqliteLedger

PROJECT_ID = "00000000-0000-4000-8000-00000000000a"


class Counting(Silent):
    """Counts the rows that were rendered."""

    def __init__(self) -> None:
        self.rows = 0

    def advance(self, count: int = 1) -> None:
        self.rows += count


class Book:
    """Takes note of all that a plan would send."""

    def __init__(self) -> None:
        self.sent: dict[RequestDigest, Batch] = {}

    def left(self, _digests: Sequence[RequestDigest]) -> set[RequestDigest]:
        return set()

    def note(self, batch: Batch, digest: RequestDigest) -> None:
        self.sent[digest] = batch


@dataclass(kw_only=True)
class Settings:
    """What is said to a run beside its files."""

    program: str = "1"
    given: Sequence[Given] = ()
    lock: ModelLock = field(default_factory=ModelLock)
    defaults: Mapping[str, object] = field(default_factory=dict)
    environment: str | None = None
    workers: RowWorkers | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A plan as it was made with what is remembered: `rendered` rows were looked at for it."""

    document: list[dict[str, Any]]
    rendered: int
    sends: int


class Desk:
    """A project's folder, and the state beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / ".batchspec" / "state.db"
        self.settings = Settings()
        self._jobs = 0

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")
        return target

    def load(self, *paths: str) -> tuple[LoadedSpec, ...]:
        settings = self.settings
        loader = SpecLoader(
            files=RootedFiles(self.root),
            defaults=settings.defaults,
            default_places={},
            output_dir="results",
            schema=packaged_schema,
            open_rows=partial(open_rows, root=self.root),
            given=settings.given,
            all_paths=lambda: sorted(path.name for path in self.root.glob("*.batchspec.yaml")),
            lock=settings.lock,
            environment=settings.environment,
            program=lambda: settings.program,
            workers=settings.workers,
        )
        return loader.load(paths or ("demo.batchspec.yaml",))

    @contextmanager
    def ledger(self) -> Iterator[SqliteLedger]:
        with SqliteLedger(self.state, PROJECT_ID) as ledger:
            # No power is cut here, and most of a test's time would be spent waiting for the disk.
            ledger._database.conn.execute("PRAGMA synchronous = OFF")
            yield ledger

    def plan(self, *paths: str, remember: bool = True) -> Seen:
        """Plan as a run of its own would, and hold it to a plan that knows nothing of earlier ones."""
        with self.ledger() as ledger:
            specs, progress = self.load(*paths), Counting()
            plan, planned = self.planned(specs, ledger, progress, remember=remember)
        with self.ledger() as ledger:
            ledger._header, header = None, ledger._header
            anew, afresh = self.planned(self.load(*paths), ledger, Counting(), remember=False)
            ledger._header = header
        assert plan == anew
        assert [_known_by(each) for each in planned] == [_known_by(each) for each in afresh]
        return Seen(document=spec_documents(plan), rendered=progress.rows, sends=plan.sends)

    def planned(
        self, specs: Sequence[LoadedSpec], ledger: SqliteLedger, progress: Counting, *, remember: bool = True
    ) -> tuple[Plan, Sequence[PlannedSpec]]:
        """Plan, and no more."""
        with SqliteScratch() as scratch:
            return make_plan(
                specs, ledger=ledger, scratch=scratch, progress=progress, stop=lambda: None, remember=remember
            )

    def settle(self, *paths: str, answer: bytes | None = b"{}", foresee: bool = False) -> None:
        """Send and answer everything, and record what is declared, as an apply does. Without an answer it is sent.

        As if it had died before, it foresees nothing unless it is told to.
        """
        with self.ledger() as ledger:
            planned = self._send(self.load(*paths), ledger)
            if foresee:
                remember_foreseen(planned, ledger)
            if answer is not None:
                answer_all(ledger, Outcome(OutcomeKind.SUCCEEDED, 200, answer, None, None))

    def converge(self, *paths: str, between: Callable[[SqliteLedger], object]) -> Seen:
        """Send everything, have something happen, and plan again, as an apply does that waits for its answers.

        The second plan, which is returned, is held to one that knows nothing of the first.
        """
        with self.ledger() as ledger:
            specs, progress = self.load(*paths), Counting()
            remember_foreseen(self._send(specs, ledger), ledger)
            between(ledger)
            plan, planned = self.planned(specs, ledger, progress)
            ledger._header, header = None, ledger._header
            anew, afresh = self.planned(specs, ledger, Counting(), remember=False)
            ledger._header = header
        assert plan == anew
        assert [_known_by(each) for each in planned] == [_known_by(each) for each in afresh]
        return Seen(document=spec_documents(plan), rendered=progress.rows, sends=plan.sends)

    def _send(self, specs: Sequence[LoadedSpec], ledger: SqliteLedger) -> Sequence[PlannedSpec]:
        with SqliteScratch() as scratch:
            book = Book()
            _, planned = make_plan(
                specs, ledger=ledger, scratch=scratch, progress=Silent(), stop=lambda: None, book=book, remember=True
            )
            for loaded, each in zip(specs, planned, strict=True):
                if each.redeclare:
                    rows = declared_rows(loaded, scratch)
                    ledger.declare(loaded.spec.name, loaded.spec.path, loaded.spec.targets, rows)
        for batch in set(book.sent.values()):
            self._claim(ledger, [digest for digest in book.sent if book.sent[digest] == batch], batch)
        return planned

    def _claim(self, ledger: SqliteLedger, digests: Sequence[RequestDigest], batch: Batch) -> None:
        self._jobs += 1
        request = ClaimRequest(
            shard=f"shard {self._jobs}",
            spec=batch.spec,
            endpoint="/v1/chat/completions",
            model=batch.model,
            requests=len(digests),
        )
        lines = [ClaimLine(f"id-{number}", digest) for number, digest in enumerate(digests)]
        claim = ledger.claim(request, lines, float(self._jobs))
        ledger.mark_sending(claim.id, 1.0)
        job = BatchJob(id=f"job-{self._jobs}", status=BatchJobStatus.SUCCESS, status_text="SUCCESS", endpoint="")
        ledger.mark_created(claim.id, job)


def answer_all(ledger: SqliteLedger, *outcomes: Outcome) -> None:
    """Answer all that is in flight, each request by the next of these outcomes, and so on from the first again."""
    for claim in ledger.claims_in_flight():
        digests = [line.digest for line in ledger.claim_lines(claim.id)]
        ledger.take_in(claim.id, zip(digests, cycle(outcomes), strict=False))
        ledger.mark_collected(claim.id, 2.0)


def _known_by(planned: PlannedSpec) -> tuple[object, ...]:
    return planned.redeclare, planned.rows_digest, tuple(planned.again)
