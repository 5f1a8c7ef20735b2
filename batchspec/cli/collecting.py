"""The command that removes what no spec wants any more: gc."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.asking import ask
from batchspec.cli.options import JSON, Duration, shared
from batchspec.cli.pricing import PRICES, load_prices
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError

if TYPE_CHECKING:
    from batchspec.cli.options import Options
    from batchspec.cli.wiring import Project
    from batchspec.commands.gc import Garbage
    from batchspec.commands.loaded import LoadedSpec
    from batchspec.commands.world import World
    from batchspec.core.garbage import Reclaiming
    from batchspec.core.pricing import PriceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the command line asks for; `older_than` is in seconds."""

    results: bool
    remote: bool
    jobs: bool
    older_than: float
    prices: PriceTable


@click.command(cls=Taught)
@click.option("--remote", is_flag=True, help="Also the provider's files of jobs whose answers are all taken in.")
@click.option("--jobs", "with_jobs", is_flag=True, help="With --remote: the records of those jobs too.")
@click.option("--no-results", is_flag=True, help="Leave every recorded answer alone; no spec is read then.")
@click.option(
    "--older-than",
    type=Duration(),
    default=0.0,
    metavar="DURATION",
    help="Only what was collected, has ended or was left so long ago (7d, 90d).",
)
@click.option("--dry-run", is_flag=True, help="Only show it.")
@click.option("--yes", "-y", is_flag=True, help="Remove without asking.")
@PRICES
@JSON
@shared
@click.pass_obj
def gc(
    run: Run,
    /,
    remote: bool,
    with_jobs: bool,
    no_results: bool,
    older_than: float,
    dry_run: bool,
    yes: bool,
    prices_file: Path | None,
    as_json: bool,
    **own: Any,
) -> int:
    """Remove what no spec wants any more.

    Shows first, asks first: recorded answers to requests that no spec of the project declares in any environment, with
    what it would cost to have them again; what killed processes have left; with --remote the provider's files of
    collected jobs. Every spec of the project must be without errors. Nothing of a job in flight is touched. Once
    answers and files are gone, a row that returns is sent, and paid for, again.

    \b
    batchspec gc --remote --older-than 90d
    """
    if with_jobs and not remote:
        raise InvalidInputError("--jobs goes with --remote", hint="`batchspec gc --remote --jobs`")
    options = run.options(own, as_json=as_json)
    wanted = _Wanted(
        results=not no_results,
        remote=remote,
        jobs=with_jobs,
        older_than=older_than,
        prices=load_prices(prices_file),
    )
    _collect(run, options, wanted, dry_run=dry_run, yes=yes)
    return ExitCode.DONE


def _collect(run: Run, options: Options, wanted: _Wanted, *, dry_run: bool, yes: bool) -> None:
    from batchspec.cli import wiring
    from batchspec.commands.gc import collect_garbage
    from batchspec.project.leftovers import remove_left
    from batchspec.report.garbage import garbage_document, garbage_text, question, removed_text

    console = run.console
    project = _whole_project(options, console.environ) if wanted.results else wiring.open_settings(options)
    console.root = project.root
    removed = None
    with ExitStack() as stack:
        world = stack.enter_context(
            wiring.open_world(
                project,
                options,
                console,
                run.interrupts,
                command="gc",
                writes=True,
                needs_provider=wanted.remote,
                refreshes=wanted.remote,
                clears=False,
            )
        )
        reclaiming = _open_state(project, stack)
        found = _find(project, wanted, world, reclaiming)
        if not console.json:
            console.out(garbage_text(found, console.out_style(), console.relative))
        if found and not dry_run:
            ask(console, question(found), yes=yes)
        if not dry_run:
            removed = collect_garbage(
                found, world=world, reclaiming=reclaiming, provider=world.provider, remove_file=remove_left
            )
    if console.json:
        console.document(garbage_document(found, removed, lambda path: project.shown(Path(path))))
    elif removed is not None:
        console.out(removed_text(removed))


def _open_state(project: Project, stack: ExitStack) -> Reclaiming | None:
    from batchspec.state.reclaiming import SqliteReclaiming

    return (
        stack.enter_context(SqliteReclaiming(project.state, project.settings.project_id))
        if project.state.exists()
        else None
    )


def _whole_project(options: Options, environ: Any) -> Project:
    """Open the project with every spec in it. Raises InvalidInputError where there is none."""
    from batchspec.cli import wiring
    from batchspec.project.specs import find_specs

    root = wiring.open_settings(options).root
    try:
        find_specs(root, root, [])
    except InvalidInputError:
        raise InvalidInputError(
            f"there are no specs in {root}",
            why="every recorded answer would count as one that no spec wants; nothing was removed",
            hint="run it in the project that has the specs; --no-results leaves the answers alone",
        ) from None
    return wiring.open_project((root,), options, environ)


def _find(project: Project, wanted: _Wanted, world: World, reclaiming: Reclaiming | None) -> Garbage:
    from batchspec.cli import wiring
    from batchspec.cli.environments import load_in_every_environment
    from batchspec.commands.gc import Garbage, find_answers, with_state
    from batchspec.commands.remote_files import find_leftovers
    from batchspec.project.leftovers import find_left

    found = Garbage()
    specs: Sequence[LoadedSpec] = ()
    if wanted.results and reclaiming is not None:
        # Whatever environment is chosen, nothing of the others goes, nor of the specs without one.
        specs = load_in_every_environment(replace(project, environment=None), _spec_paths(project, reclaiming))
        found = find_answers(
            specs, older_than=wanted.older_than, world=world, reclaiming=reclaiming, prices=wanted.prices
        )
    folders = {(project.root / loaded.spec.output_path).parent for loaded in specs}
    left = find_left(project.state, project.home, folders, now=world.clock.now(), older_than=wanted.older_than)
    found = replace(found, left=tuple(left))
    if reclaiming is None:
        return found
    found = with_state(found, reclaiming.size())
    if not wanted.remote:
        return found
    remote = find_leftovers(
        world, wiring.require(world), reclaiming, older_than=wanted.older_than, with_jobs=wanted.jobs
    )
    return replace(found, remote=remote)


def _spec_paths(project: Project, reclaiming: Reclaiming) -> list[str]:
    """Return the project's specs, with those that were applied by a name that a search does not find."""
    applied = {path for path in reclaiming.spec_paths().values() if (project.root / path).is_file()}
    return sorted(applied.union(project.paths))
