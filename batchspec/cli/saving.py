"""Saved plans on disk: written by `plan --out`, and known again by `apply`, which then runs with what made them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from batchspec import __version__
from batchspec.cli.options import Options
from batchspec.core.errors import InvalidInputError, StaleError
from batchspec.core.json_text import encode

if TYPE_CHECKING:
    from types import TracebackType

    from batchspec.cli.console import Console
    from batchspec.cli.running import Run
    from batchspec.cli.wiring import Project
    from batchspec.commands.loaded import LoadedSpec
    from batchspec.commands.saved_plans import Notebook, SavedRun
    from batchspec.commands.status import Status
    from batchspec.commands.world import World
    from batchspec.core.saved_plan import Made, RequestTable, SavedPlan

_PREFIX = "BATCHSPEC_VAR_"
_ANEW = "make it anew: `batchspec plan --out FILE`"


def is_saved_plan(path: Path) -> bool:
    """Tell, by its first bytes, whether a file is a saved plan."""
    from batchspec.core.saved_plan import BEGINNING

    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(len(BEGINNING)) == BEGINNING
    except OSError:
        return False


class Saving:
    """The saving of a plan to a file, where one is asked for: `book` takes note of what the plan sends."""

    def __init__(self, path: Path | None) -> None:
        """Begin. Raises InvalidInputError for a path at which there is something else than a saved plan."""
        self._path = path
        self._stack = ExitStack()
        self.book: Notebook | None = None
        if path is not None and path.exists() and not is_saved_plan(path):
            raise InvalidInputError(
                f"--out {path} is there already, and is no saved plan", hint="name a new file, or move that one away"
            )

    def __enter__(self) -> Saving:
        if self._path is not None:
            from batchspec.commands.saved_plans import Notebook
            from batchspec.state.request_table import SqliteRequestTable

            self.book = Notebook(self._stack.enter_context(SqliteRequestTable()))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def save(
        self,
        found: Status,
        specs: Sequence[LoadedSpec],
        project: Project,
        options: Options,
        world: World,
        console: Console,
    ) -> None:
        """Write the plan, whole or not at all."""
        if self._path is None or self.book is None:
            return
        from batchspec.core.saved_plan import write_plan
        from batchspec.project.atomic import write_atomically

        self.book.close()
        plan = _described(found, specs, project, options, world, console.environ)
        with write_atomically(self._path) as stream:
            write_plan(stream, plan, self.book.table)
        console.say(f"the plan is saved: `batchspec apply {self._path}` sends just that")


def _described(
    found: Status,
    specs: Sequence[LoadedSpec],
    project: Project,
    options: Options,
    world: World,
    environ: Mapping[str, str],
) -> SavedPlan:
    from batchspec.commands.saved_plans import describe
    from batchspec.core.saved_plan import SavedPlan
    from batchspec.report.documents import spec_documents, summary_document

    if project.settings.project_id is None and not project.state.exists():
        raise InvalidInputError(
            "the plan cannot be saved: this project has no id, and no state to give it one",
            why="a saved plan says which project it is of",
            hint="`batchspec init` writes an id into batchspec.toml; or plan with a key",
        )
    documents = zip(specs, spec_documents(found.plan), strict=True)
    return SavedPlan(
        id=str(uuid.uuid4()),
        created_at=world.clock.now(),
        batchspec_version=__version__,
        project=world.ledger.project_id,
        provider=options.provider,
        refreshed=found.plan.refreshed,
        made=_made(specs, project, options, environ),
        specs=tuple(describe(each, found.rows_digests[each.spec.name], told) for each, told in documents),
        summary=summary_document(found.plan),
    )


def _made(specs: Sequence[LoadedSpec], project: Project, options: Options, environ: Mapping[str, str]) -> Made:
    from batchspec.core.saved_plan import Made

    declared = {name for each in specs for name in each.spec.variables}
    return Made(
        specs=tuple(each.spec.path for each in specs),
        var=options.variables,
        var_files={_told(project.root, file): _sha256(file) for file in options.variable_files},
        environment=_environment(environ, declared),
        env=options.environment,
    )


def _environment(environ: Mapping[str, str], declared: set[str]) -> dict[str, str]:
    return {
        name: hashlib.sha256(encode(environ[name])).hexdigest()
        for name in sorted(environ)
        if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) in declared
    }


def _told(root: Path, file: Path) -> str:
    """Return a path by which a file is found again from wherever `apply` runs: from the root, where it lies there."""
    path = file.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def opened(run: Run, paths: Sequence[Path], options: Options) -> Iterator[tuple[Project, Options, SavedRun | None]]:
    """Give the project that PATHS lie in; or where they are a saved plan, that one and the options that made it.

    Raises InvalidInputError for a plan that cannot be read, or is of another project.
    """
    from batchspec.cli import wiring
    from batchspec.state.request_table import SqliteRequestTable

    if not any(map(is_saved_plan, paths)):
        project = wiring.open_project(paths, options, run.console.environ)
        run.console.root = project.root
        yield project, options, None
        return
    if len(paths) > 1 or options.variables or options.variable_files or options.select or options.exclude:
        raise InvalidInputError(
            "a saved plan stands alone: it brings its specs and variables along",
            hint="leave other PATHS, --var, --var-file, --select and --exclude away, or make a plan with them",
        )
    from batchspec.commands.saved_plans import SavedRun

    with SqliteRequestTable() as held:
        plan = _read(paths[0], held)
        project, options = _project_of(plan, paths[0], options, run)
        with SavedRun(plan, held, SqliteRequestTable) as saved:
            yield project, options, saved


def _read(path: Path, held: RequestTable) -> SavedPlan:
    from batchspec.core.saved_plan import SavedPlanError, read_plan

    try:
        with path.open("rb") as stream:
            return read_plan(stream, held)
    except SavedPlanError as error:
        hint = "upgrade batchspec here" if error.newer else _ANEW
        raise InvalidInputError(f"the saved plan {path} cannot be used: {error}", hint=hint) from None
    except OSError as error:
        raise InvalidInputError(
            f"the saved plan {path} cannot be read: {error.strerror or error}", hint=_ANEW
        ) from None


def _project_of(plan: SavedPlan, path: Path, options: Options, run: Run) -> tuple[Project, Options]:
    """Return the project around the current folder, with the specs and the variables of a plan."""
    from batchspec.cli import wiring

    if plan.provider != options.provider:
        raise InvalidInputError(
            f"the saved plan {path} is for the provider `{plan.provider}`, and this is `{options.provider}`",
            hint=f"give --provider {plan.provider}",
        )
    if options.environment not in {None, plan.made.env}:
        made_for = "no environment" if plan.made.env is None else f"the environment `{plan.made.env}`"
        raise InvalidInputError(
            f"the saved plan {path} was made for {made_for}, and this is `{options.environment}`",
            hint="leave --env and BATCHSPEC_ENV away, or make a plan for that environment",
        )
    around = wiring.open_settings(options)
    run.console.root = around.root
    if around.settings.project_id not in {None, plan.project}:
        raise _of_another_project(path)
    for spec in plan.made.specs:
        if not (around.root / spec).is_file():
            raise StaleError(f"the plan is stale: its spec {spec} is not there any more", hint=_ANEW)
    files = tuple(around.root / file for file in plan.made.var_files)
    for file in files:
        if not file.is_file():
            raise StaleError(f"the plan is stale: its --var-file {file} is not there any more", hint=_ANEW)
    # By its own root: a folder of its specs may be a project of its own.
    options = replace(
        options,
        project=around.root,
        variables=plan.made.var,
        variable_files=files,
        environment=plan.made.env,
    )
    specs = [around.root / spec for spec in plan.made.specs]
    return wiring.open_project(specs, options, run.console.environ), options


def _of_another_project(path: Path) -> InvalidInputError:
    return InvalidInputError(
        f"the saved plan {path} is of another project",
        why="it names another project's id than batchspec.toml, or the state, does here",
        hint="run this in that project's folder, or name its root with --project",
    )


def hold_to(saved: SavedRun, path: Path, specs: Sequence[LoadedSpec], world: World, environ: Mapping[str, str]) -> None:
    """Hold a plan to the state that it is applied to. Raises InvalidInputError, or StaleError for one that was used."""
    plan = saved.plan
    if plan.project != world.ledger.project_id:
        raise _of_another_project(path)
    saved.refuse_used(world.ledger)
    before, now = plan.made.environment, _environment(environ, {name for each in specs for name in each.spec.variables})
    saved.changed += sorted(name for name in {*now, *before} if now.get(name) != before.get(name))
    files = plan.made.var_files.items()
    saved.changed += [file for file, digest in files if _sha256(world.local_path(file)) != digest]
