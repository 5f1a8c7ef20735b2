"""A project as a value: load it, plan, apply, look, and take the results."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from os import PathLike
from pathlib import Path

from batchspec.api.plans import Document, Plan, saved_in
from batchspec.api.results import Results
from batchspec.api.telling import told_whole
from batchspec.cli import saving, wiring
from batchspec.cli.embedded import embedded_run
from batchspec.cli.options import Options
from batchspec.cli.pricing import load_prices, metered
from batchspec.cli.running import Run
from batchspec.commands import apply as applying
from batchspec.commands import results as writing
from batchspec.commands import status as standing
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.saved_plans import SavedRun
from batchspec.commands.world import World
from batchspec.core.errors import InvalidInputError, NotApprovedError
from batchspec.core.planning import Plan as Planned
from batchspec.core.records import OutputFormat
from batchspec.report.documents import applied_document, status_document
from batchspec.report.style import Style
from batchspec.report.text import applied_text, status_text

StrPath = str | PathLike[str]


@told_whole()
def load(
    *paths: StrPath,
    provider: str = "mistral",
    state: StrPath | None = None,
    environment: str | None = None,
    variables: Mapping[str, object] | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int | None = None,
    progress: bool = False,
) -> Project:
    """Load specs, as the command line does with the same options; nothing is sent, and no key is needed.

    `paths` are spec files or folders, without any the current folder. `provider` is "mistral", with the key in
    MISTRAL_API_KEY, "emulator", or one that an installed plugin offers. With `progress` it is shown on stderr. Raises
    InvalidInputError with every finding in its `diagnostics`.
    """
    run = embedded_run(progress=progress)
    given = tuple(f"{name}={_told(value)}" for name, value in (variables or {}).items())
    options = Options(
        provider=provider,
        state=None if state is None else Path(state),
        environment=environment,
        variables=given,
        select=tuple(select),
        exclude=tuple(exclude),
        jobs=jobs,
    )
    opened = wiring.open_project([Path(path) for path in paths], options, run.console.environ)
    run.console.root = opened.root
    return Project(run, options, opened)


def _told(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Project:
    """Specs that are loaded, in their project. Made by `load`."""

    def __init__(self, run: Run, options: Options, opened: wiring.Project) -> None:
        self._run = run
        self._options = options
        self._opened = opened
        self.specs: tuple[str, ...] = tuple(each.spec.name for each in self._loaded())

    def __repr__(self) -> str:
        return f"<Project {self._opened.root}: {', '.join(self.specs) or 'no specs'}>"

    @property
    def root(self) -> Path:
        """The project's root."""
        return self._opened.root

    @told_whole()
    def plan(self, *, refresh: bool = True) -> Plan:
        """Return what would be sent. With `refresh`, and a key, the provider is asked first."""
        specs = self._loaded()
        folder = Path(tempfile.mkdtemp(prefix="batchspec-plan-"))
        with (
            _removed_unless_kept(folder) as keep,
            saving.Saving(saved_in(folder)) as book,
            self._world("plan", writes=False, needs_provider=False, refreshes=refresh) as world,
        ):
            metering = metered(world, load_prices(None), self._options.provider, exact=False)
            found = standing.status(specs, world=metering, book=book.book)
            if found.plan.sends:
                book.save(found, specs, self._opened, self._options, world, self._run.console)
                keep()
        return Plan(found.plan, folder if found.plan.sends else None)

    @told_whole()
    def apply(
        self,
        approve: bool | Plan | Callable[[Plan], bool] = False,
        *,
        wait: bool | float = False,
        max_requests: int | None = None,
        max_cost_usd: Decimal | float | None = None,
    ) -> Applied:
        """Send what is missing, collect, write the output files. What was sent is never sent twice.

        Sending costs money, and wants `approve`: True, a plan of `plan()`, of which just that is sent or nothing, or a
        function that is given the plan. `wait` is whether to wait for the answers, or for how many seconds at the most.

        Raises NotApprovedError where something is to be sent without an approval, StaleError where a plan is not what
        there is to send any more, LimitError, and AccessError without a key; nothing was sent then.
        """
        wanted = applying.ApplyOptions(
            wait=bool(wait),
            wait_seconds=None if isinstance(wait, bool) else float(wait),
            max_requests=max_requests,
            max_cost_usd=None if max_cost_usd is None else Decimal(str(max_cost_usd)),
        )
        saved = approve.path if isinstance(approve, Plan) else None
        if saved is None:
            return self._applied(self._opened, self._loaded(), wanted, _approver(approve))
        around = replace(self._options, project=self.root, variables=(), select=(), exclude=())
        with saving.opened(self._run, [saved], around) as (project, _, plan):
            specs = wiring.load(project)
            return self._applied(project, specs, wanted, lambda _: None, plan, saved)

    def _applied(
        self,
        project: wiring.Project,
        specs: Sequence[LoadedSpec],
        wanted: applying.ApplyOptions,
        approve: Callable[[Planned], None],
        plan: SavedRun | None = None,
        path: Path | None = None,
    ) -> Applied:
        with self._world("apply", writes=True, needs_provider=True, project=project) as world:
            if plan is not None and path is not None:
                saving.hold_to(plan, path, specs, world, self._run.console.environ)
            done = applying.apply(
                specs,
                wanted,
                world=metered(world, load_prices(None), self._options.provider, exact=False),
                provider=wiring.require(world),
                approve=approve,
                saved=plan,
            )
        return Applied(done)

    @told_whole()
    def status(self) -> Status:
        """Return where requests and jobs stand; with a key, answers of jobs that have ended are collected."""
        specs = self._loaded()
        with self._world("status", writes=False, needs_provider=False) as world:
            return Status(standing.status(specs, world=replace(world, prices=load_prices(None))))

    @told_whole()
    def results(self, spec: str | None = None, *, failed: bool = False) -> Results:
        """Return a spec's rows with their answers, from what is recorded; with `failed`, those without one alone.

        Raises InvalidInputError where several specs are loaded and none is named.
        """
        loaded = self._named(spec)
        lines = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the results
        with self._world("results", writes=False, needs_provider=False, refreshes=False) as world:
            priced = replace(world, prices=load_prices(None))
            output = writing.write_results(loaded, lines, priced, path="-", form=OutputFormat.JSONL, failed_only=failed)
        lines.seek(0)
        count = sum(1 for _ in lines)
        return Results(loaded.spec.name, tuple(output.columns), count, lines)

    def _named(self, spec: str | None) -> LoadedSpec:
        loaded = {each.spec.name: each for each in self._loaded()}
        if spec is None and len(loaded) == 1:
            return next(iter(loaded.values()))
        if spec not in loaded:
            known = ", ".join(f"`{name}`" for name in loaded)
            asked = "several specs are loaded" if spec is None else f"there is no spec `{spec}`"
            raise InvalidInputError(asked, hint=f"name one of {known}")
        return loaded[spec]

    def _loaded(self) -> tuple[LoadedSpec, ...]:
        """Return the specs as they are now: a notebook lives longer than a file stays the same."""
        return wiring.load(self._opened)

    def _world(
        self,
        command: str,
        *,
        writes: bool,
        needs_provider: bool,
        refreshes: bool = True,
        project: wiring.Project | None = None,
    ) -> AbstractContextManager[World]:
        return wiring.open_world(
            project or self._opened,
            self._options,
            self._run.console,
            self._run.interrupts,
            command=command,
            writes=writes,
            needs_provider=needs_provider,
            refreshes=refreshes,
        )


class Applied:
    """What an apply has done. Shown, it is the text of `batchspec apply`."""

    def __init__(self, done: applying.Applied) -> None:
        self._done = done

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._done.requests

    @property
    def jobs(self) -> int:
        """How many jobs were created."""
        return self._done.jobs

    @property
    def converged(self) -> bool:
        """Whether every declared request has its end."""
        return self._done.status.converged

    def to_dict(self) -> Document:
        """Return the document of `apply --json`."""
        return dict(applied_document(self._done))

    def __repr__(self) -> str:
        return applied_text(self._done, Style(colour=False), str)


class Status:
    """Where requests and jobs stand. Shown, it is the text of `batchspec status`."""

    def __init__(self, found: standing.Status) -> None:
        self._found = found

    @property
    def converged(self) -> bool:
        """Whether every declared request has its end."""
        return self._found.converged

    def to_dict(self) -> Document:
        """Return the document of `status --json`."""
        return dict(status_document(self._found))

    def __repr__(self) -> str:
        return status_text(self._found, Style(colour=False), str)


@contextmanager
def _removed_unless_kept(folder: Path) -> Iterator[Callable[[], object]]:
    """Give what keeps the folder beyond this."""
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield stack.pop_all


def _approver(approve: bool | Plan | Callable[[Plan], bool]) -> Callable[[Planned], None]:
    def ask(planned: Planned) -> None:
        if isinstance(approve, Plan):
            # It was of a time when there was nothing to send.
            agreed = False
        else:
            agreed = approve if isinstance(approve, bool) else approve(Plan(planned, None))
        if not agreed:
            raise NotApprovedError(
                f"{planned.sends:,} requests would be sent, and that was not approved",
                hint="look at `plan()`, and give it, or True, as `approve`",
            )

    return ask
