"""The commands about the state itself: what it holds, whether it is sound, and copies of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from batchspec.cli.options import JSON, completed, shared
from batchspec.cli.providers import has_key
from batchspec.cli.running import Run
from batchspec.cli.state_changes import adopt_job, forget_records, rebuild
from batchspec.cli.teaching import TaughtGroup
from batchspec.core.errors import AccessError, ExitCode, StateError

_SPEC = click.option("--spec", metavar="NAME", shell_complete=completed("names"), help="Only what is of this spec.")


@click.group(cls=TaughtGroup)
def state() -> None:
    """Look at the state, mend it, copy it.

    What to do when it is lost, old or damaged is in docs/how-to/state.md.

    \b
    batchspec state check
    """


@state.command("list")
@_SPEC
@click.option("--open", "only_open", is_flag=True, help="Only what is not collected or released yet.")
@JSON
@shared
@click.pass_obj
def list_claims(run: Run, /, spec: str | None, only_open: bool, as_json: bool, **own: Any) -> int:
    """List the claims and jobs that the state holds.

    A line for each try of a shard, the oldest first. Needs no key.

    \b
    batchspec state list --open
    """
    from batchspec.cli import wiring
    from batchspec.report.state import claims_document, claims_text
    from batchspec.state.inspection import Inspection

    options = run.options(own, as_json=as_json)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    with Inspection(project.state) as inspection:
        found = inspection.claims(spec=spec, only_open=only_open)
    if as_json:
        console.document(claims_document(found))
    else:
        console.out(claims_text(found, console.out_style()))
    return ExitCode.DONE


@state.command("show")
@click.argument("name", metavar="ID", shell_complete=completed("jobs"))
@click.option("--spec", metavar="NAME", help="ID is the custom_id of a row of this spec.")
@JSON
@shared
@click.pass_obj
def show_story(run: Run, /, name: str, spec: str | None, as_json: bool, **own: Any) -> int:
    """Show all that is recorded of one job, shard or request.

    ID is a job's id, the beginning of a shard's or of a request's digest, or with --spec a row's custom_id. Answers are
    shown with --json alone. Needs no key.

    \b
    batchspec state show --spec wines Chablis
    """
    from batchspec.cli import wiring
    from batchspec.commands.inspect import show
    from batchspec.report.state import shown_document, shown_text
    from batchspec.state.inspection import Inspection

    options = run.options(own, as_json=as_json)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    with Inspection(project.state) as inspection:
        shown = show(name, spec, inspection)
    if as_json:
        console.document(shown_document(shown))
    else:
        console.out(shown_text(shown, console.out_style()))
    return ExitCode.DONE


@state.command("check")
@click.option("--no-refresh", is_flag=True, help="Do not ask the provider, even with a key.")
@JSON
@shared
@click.pass_obj
def check_state(run: Run, /, no_refresh: bool, as_json: bool, **own: Any) -> int:
    """Check that the state is sound.

    The file, and what the ledger has written into it; with a key also the recorded jobs against the provider's. Mends
    nothing. Ends with exit code 1 where something must be mended.

    \b
    batchspec state check --no-refresh
    """
    from batchspec.cli import wiring
    from batchspec.commands.inspect import check, unreadable
    from batchspec.report.state import checked_document, checked_text
    from batchspec.state.inspection import Inspection

    options = run.options(own, as_json=as_json)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    asks = not no_refresh and has_key(options.provider, console.environ)
    shown = console.relative(str(project.state))
    with ExitStack() as stack:
        try:
            inspection = stack.enter_context(Inspection(project.state))
        except StateError as error:
            checked = unreadable(shown, error)
        else:
            provider = None
            if asks:
                _same_provider(inspection.provider, options.provider)
                provider = stack.enter_context(wiring.open_provider(project, options, console, run.interrupts))
            checked = check(shown, inspection, provider, run.interrupts.stop)
    if as_json:
        console.document(checked_document(checked))
    else:
        console.out(checked_text(checked, console.out_style()))
    return ExitCode.DONE if checked.sound else ExitCode.ERROR


def _same_provider(recorded: str | None, asked: str) -> None:
    if recorded not in {None, asked}:
        raise AccessError(
            f"this state belongs to the provider `{recorded}`, not to `{asked}`",
            hint=f"use --provider {recorded}, or --no-refresh to ask none",
        )


@state.command("backup")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE where it is there already.")
@shared
@click.pass_obj
def back_up_state(run: Run, /, target: Path, force: bool, **own: Any) -> int:
    """Copy the state into one file, also while another command writes to it.

    The copy is of one moment, for its owner alone, and is looked through before it gets its name.

    \b
    batchspec state backup state-before.db
    """
    from batchspec.cli import wiring
    from batchspec.report.style import size
    from batchspec.state.backup import back_up

    options = run.options(own)
    project = wiring.open_settings(options)
    run.console.root = project.root
    written = back_up(project.state, target, force=force, stop=run.interrupts.stop)
    run.console.out(f"{target}  {size(written)}")
    return ExitCode.DONE


@state.command("datasette")
@click.pass_obj
def describe_for_datasette(run: Run, /) -> int:
    """Print what Datasette shows beside a state's tables: titles, meanings, units, queries.

    Datasette opens a state as it is; with this as its metadata, `datasette state.db --metadata datasette.json`, it says
    what everything means. Let it read a copy while other commands run: `batchspec state backup state.db` makes one.

    \b
    batchspec state datasette > datasette.json
    """
    from batchspec.project.packaged import packaged_text

    run.console.out(packaged_text("datasette.json").rstrip("\n"))
    return ExitCode.DONE


for _command in (adopt_job, forget_records, rebuild):
    state.add_command(_command)
