"""The commands that talk to the provider: each reads its options, calls its verb, shows the value, returns a code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.asking import ask
from batchspec.cli.console import Console
from batchspec.cli.options import JSON, Duration, about_rows, read_duration, shared
from batchspec.cli.pricing import PRICES, Dollars, costed, load_prices, metered
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError

if TYPE_CHECKING:
    from batchspec.commands.apply import Applied
    from batchspec.commands.pins import ModelsInUse
    from batchspec.commands.status import Status
    from batchspec.core.planning import Plan


@click.command(cls=Taught)
@about_rows
@JSON
@click.option("--no-refresh", is_flag=True, help="Plan from recorded state alone; needs no key.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to send.")
@click.option("--markdown", is_flag=True, help="Write the plan as Markdown, for a comment on a pull request.")
@click.option(
    "--explain", metavar="CUSTOM_ID", help="Show one row's requests, what they are made of, what has changed."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan, for `apply FILE` to send just that."
)
@costed
@shared
@click.pass_obj
def plan(
    run: Run,
    /,
    paths: tuple[Path, ...],
    as_json: bool,
    no_refresh: bool,
    detailed_exitcode: bool,
    markdown: bool,
    explain: str | None,
    out: Path | None,
    prices_file: Path | None,
    exact_tokens: bool,
    **own: Any,
) -> int:
    """Show what apply would send, and why.

    \b
    batchspec plan specs/ --detailed-exitcode
    batchspec plan --explain T-17
    batchspec plan --out review.plan && batchspec apply review.plan
    """
    from batchspec.cli import explaining, wiring
    from batchspec.cli.saving import Saving
    from batchspec.commands.pins import models_in_use
    from batchspec.commands.status import status as stand

    if as_json and markdown:
        raise InvalidInputError("--json and --markdown are both given", hint="keep one of them")
    options, project = run.open(paths, own, as_json=as_json)
    console = run.console
    specs = wiring.load(project)
    if explain is not None:
        explaining.refuse_beside(out=out, markdown=markdown)
        sends = explaining.explain_row(explain, specs, project, options, run, refreshes=not no_refresh)
        return ExitCode.CHANGES if detailed_exitcode and sends else ExitCode.DONE
    prices = load_prices(prices_file)
    with (
        Saving(out) as saving,
        wiring.open_world(
            project,
            options,
            console,
            run.interrupts,
            command="plan",
            writes=False,
            needs_provider=False,
            refreshes=not no_refresh,
        ) as world,
    ):
        metering = metered(world, prices, options.provider, exact=exact_tokens)
        found = stand(specs, world=metering, book=saving.book)
        saving.save(found, specs, project, options, world, console)
        used = models_in_use([each.spec for each in specs], project.lock, world.catalogue)
    _show_plan(found, used, console, markdown=markdown)
    return ExitCode.CHANGES if detailed_exitcode and found.plan.changes else ExitCode.DONE


def _show_plan(found: Status, used: ModelsInUse, console: Console, *, markdown: bool) -> None:
    """Show a plan, and what there is to say of its models."""
    from batchspec.report.documents import plan_document
    from batchspec.report.markdown import plan_markdown
    from batchspec.report.models import model_notes, models_document
    from batchspec.report.text import notes_text, plan_text

    notes = [*found.notes, *model_notes(used)]
    if console.json:
        console.document(plan_document(found.plan) | {"models": models_document(used.models)})
    elif markdown:
        console.out(plan_markdown(found.plan, notes).rstrip("\n"))
    else:
        console.out(plan_text(found.plan, console.out_style(), console.relative))
        console.say(notes_text(notes, console.err_style()))


@click.command(cls=Taught)
@about_rows
@click.option("--yes", "-y", is_flag=True, help="Send without asking.")
@click.option(
    "--wait",
    is_flag=False,
    flag_value="",
    metavar="[DURATION]",
    help="Wait for the results, at most so long (90s, 15m, 2h).",
)
@click.option("--max-requests", type=click.IntRange(min=0), help="Send nothing when the plan has more than this.")
@click.option(
    "--max-cost-usd", type=Dollars(), metavar="USD", help="Send nothing when the plan may cost more than this."
)
@costed
@JSON
@shared
@click.pass_obj
def apply(
    run: Run,
    /,
    paths: tuple[Path, ...],
    yes: bool,
    wait: str | None,
    max_requests: int | None,
    max_cost_usd: Decimal | None,
    prices_file: Path | None,
    exact_tokens: bool,
    as_json: bool,
    **own: Any,
) -> int:
    """Send what is missing, collect, write results.

    Running it again is always safe: what was sent is never sent twice.

    Given the FILE of `plan --out` in place of PATHS, it sends what that holds, without asking; or nothing, with exit
    code 7, where that is not what there is to send any more.

    \b
    batchspec apply --wait
    batchspec apply review.plan --wait
    """
    from batchspec.cli import saving, wiring
    from batchspec.commands.apply import ApplyOptions
    from batchspec.commands.apply import apply as converge

    options = run.options(own, as_json=as_json)
    console = run.console
    seconds = read_duration(wait) if wait else None
    if wait and seconds is None:
        # `--wait specs/` means a wait without an end, and a path.
        paths = (Path(wait), *paths)
    wanted = ApplyOptions(
        wait=wait is not None, wait_seconds=seconds, max_requests=max_requests, max_cost_usd=max_cost_usd
    )
    prices = load_prices(prices_file)
    with saving.opened(run, paths, options) as (project, options, saved):
        specs = wiring.load(project)
        with wiring.open_world(
            project, options, console, run.interrupts, command="apply", writes=True, needs_provider=True
        ) as world:
            if saved is not None:
                saving.hold_to(saved, paths[0], specs, world, console.environ)
            applied = converge(
                specs,
                wanted,
                world=metered(world, prices, options.provider, exact=exact_tokens),
                provider=wiring.require(world),
                approve=_approver(console, yes=yes or saved is not None),
                saved=saved,
            )
    return _show(applied, console)


def _show(applied: Applied, console: Console) -> int:
    """Show what an apply has done, and return the code that it ends with."""
    from batchspec.cli.rendering import show_warnings
    from batchspec.report.documents import applied_document
    from batchspec.report.text import applied_text

    if console.json:
        console.document(applied_document(applied))
    else:
        console.out(applied_text(applied, console.out_style(), console.relative))
    show_warnings(applied.outputs, console)
    if applied.waited is None:
        return ExitCode.DONE
    if applied.waited.ran_out:
        return ExitCode.STILL_RUNNING
    return ExitCode.ROWS_FAILED if applied.status.plan.failed else ExitCode.DONE


def _approver(console: Console, *, yes: bool) -> Callable[[Plan], None]:
    from batchspec.report.style import plural
    from batchspec.report.text import plan_text

    def approve(plan: Plan) -> None:
        if not console.json:
            console.out(plan_text(plan, console.out_style(), console.relative) + "\n")
        ask(console, f"send {plural(plan.sends, 'request')}", yes=yes)

    return approve


@click.command(cls=Taught)
@about_rows
@click.option("--watch", is_flag=True, help="Show it again whenever it changes, until nothing is in flight.")
@click.option("--markdown", is_flag=True, help="Write it as Markdown, for the summary of a CI run.")
@JSON
@PRICES
@shared
@click.pass_obj
def status(
    run: Run,
    /,
    paths: tuple[Path, ...],
    watch: bool,
    markdown: bool,
    as_json: bool,
    prices_file: Path | None,
    **own: Any,
) -> int:
    """Show where requests and jobs stand.

    Collects the results of jobs that have ended.

    \b
    batchspec status --json
    batchspec status --watch
    """
    from batchspec.cli import watching, wiring
    from batchspec.cli.rendering import show_warnings
    from batchspec.commands.status import status as stand
    from batchspec.report.documents import status_document
    from batchspec.report.text import outputs_text, status_text

    options, project = run.open(paths, own, as_json=as_json)
    console = run.console
    if watch and (as_json or markdown):
        form = "--json" if as_json else "--markdown"
        raise InvalidInputError(f"--watch and {form} do not go together", hint=f"a program runs `status {form}` again")
    if as_json and markdown:
        raise InvalidInputError("--json and --markdown are both given", hint="keep one of them")
    prices = load_prices(prices_file)

    def look() -> Status:
        specs = wiring.load(project)
        with wiring.open_world(
            project, options, console, run.interrupts, command="status", writes=False, needs_provider=False
        ) as world:
            return stand(specs, world=replace(world, prices=prices))

    found = watching.watch(look, console, run.interrupts) if watch else look()
    if as_json:
        console.document(status_document(found))
    elif markdown:
        from batchspec.report.markdown import status_markdown

        console.out(status_markdown(found).rstrip("\n"))
    else:
        console.out(status_text(found, console.out_style(), console.relative))
        console.say(outputs_text(found.outputs, console.err_style(), console.relative))
    show_warnings(found.outputs, console)
    return ExitCode.DONE


@click.command(cls=Taught)
@about_rows
@click.option("--timeout", type=Duration(), metavar="DURATION", help="Give up after so long (90s, 15m, 2h); exit 10.")
@JSON
@PRICES
@shared
@click.pass_obj
def wait(
    run: Run, /, paths: tuple[Path, ...], timeout: float | None, as_json: bool, prices_file: Path | None, **own: Any
) -> int:
    """Wait until nothing is in flight.

    Collects as jobs end, and writes the results.

    \b
    batchspec wait --timeout 2h
    """
    from batchspec.cli import wiring
    from batchspec.cli.rendering import show_warnings
    from batchspec.commands.refresh import Refresh
    from batchspec.commands.results import export
    from batchspec.commands.status import count
    from batchspec.commands.wait import wait_for
    from batchspec.report.documents import status_document
    from batchspec.report.text import outputs_text, status_text

    options, project = run.open(paths, own, as_json=as_json)
    console = run.console
    specs = wiring.load(project)
    prices = load_prices(prices_file)
    with wiring.open_world(
        project, options, console, run.interrupts, command="wait", writes=True, needs_provider=True
    ) as world:
        world = replace(world, prices=prices)  # noqa: PLW2901 - the same world, with prices
        done = Refresh()
        names = [each.spec.name for each in specs]
        waited = wait_for(names, world=world, provider=wiring.require(world), timeout=timeout, done=done)
        outputs = export(specs, world) if done.collected else []
        found = count(specs, world, done, outputs)
    if as_json:
        console.document(status_document(found))
    else:
        console.out(status_text(found, console.out_style(), console.relative))
        console.say(outputs_text(outputs, console.err_style(), console.relative))
    show_warnings(outputs, console)
    if waited.ran_out:
        return ExitCode.STILL_RUNNING
    return ExitCode.ROWS_FAILED if found.plan.failed else ExitCode.DONE
