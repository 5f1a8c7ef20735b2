"""The commands about the state itself: what it holds, whether it is sound, and copies of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from batchspec.cli.asking import ask
from batchspec.cli.options import JSON, shared
from batchspec.cli.running import Run
from batchspec.core.errors import AccessError, ExitCode, InvalidInputError, StateError

_SPEC = click.option("--spec", metavar="NAME", help="Only what is of this spec.")


@click.group()
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
@click.argument("name", metavar="ID")
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
    asks = not no_refresh and (
        options.provider == "emulator" or bool(console.environ.get("MISTRAL_API_KEY", "").strip())
    )
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


@state.command("adopt")
@click.argument("job_id", metavar="JOB_ID")
@click.option("--yes", "-y", is_flag=True, help="Adopt without asking.")
@shared
@click.pass_obj
def adopt_job(run: Run, /, job_id: str, yes: bool, **own: Any) -> int:
    """Bring one job of the provider into the state.

    Its requests are known by its input files, its answers taken in when it has ended; no spec that declares the same
    requests sends them again. Jobs of this project are adopted by every run: this is for one that does not bear the
    project's mark, such as another program's.

    \b
    batchspec state adopt 8f2d4c1a-0d5e-4a53-9d0f-6d2f7f3f5b1e
    """
    from batchspec.cli import wiring
    from batchspec.commands.adopt import adopt_one
    from batchspec.commands.world import Notes
    from batchspec.core.model import BatchJob
    from batchspec.report.state import adoptable_text, adopted_text
    from batchspec.report.text import notes_text

    options = run.options(own)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    notes = Notes()

    def approve(job: BatchJob) -> None:
        console.out(adoptable_text(job, console.out_style()))
        ask(console, f"adopt job {job.id}", yes=yes)

    with wiring.open_world(
        project, options, console, run.interrupts, command="state adopt", writes=True, needs_provider=True
    ) as world:
        adopted = adopt_one(job_id, world=world, provider=wiring.require(world), notes=notes, approve=approve)
    console.say(notes_text(notes.lines, console.err_style()))
    console.out(adopted_text(adopted))
    return ExitCode.DONE


@state.command("forget")
@click.argument("name", metavar="[ID]", required=False)
@click.option(
    "--gone", is_flag=True, help="Instead of ID: believe that the jobs the provider does not know are deleted."
)
@click.option("--results", is_flag=True, help="Answers of requests that succeeded, too.")
@click.option("--yes", "-y", is_flag=True, help="Forget without asking.")
@shared
@click.pass_obj
def forget_records(run: Run, /, name: str | None, gone: bool, results: bool, yes: bool, **own: Any) -> int:
    """Forget a job or a request, so that it is sent again.

    ID is a job's id or the beginning of a request's digest. The next apply sends what is forgotten and still declared,
    and it is paid for again. For a job that was deleted at the provider, say. Needs no key; nothing is asked of the
    provider, and a job that still runs there is not cancelled.

    With --gone, which needs a key, the recorded jobs that the provider does not know count as deleted there: nothing is
    sent again for it, and answers that were not taken in are lost. It is for a state all of whose jobs are gone, which
    cannot tell that from a key of another workspace.

    \b
    batchspec state forget --yes 3fd1a9c0
    """
    if gone:
        if name or results:
            raise InvalidInputError("--gone goes without an ID and without --results")
        return _forget_gone(run, own, yes=yes)
    if not name:
        raise InvalidInputError(
            "what is to be forgotten is not said", hint="give the ID of a job or a request, or --gone"
        )
    return _forget_named(run, own, name, results=results, yes=yes)


def _forget_named(run: Run, own: dict[str, Any], name: str, *, results: bool, yes: bool) -> int:
    from batchspec.cli import wiring
    from batchspec.commands.forget import Forgettable, forget
    from batchspec.report.state import forgettable_text
    from batchspec.report.style import plural
    from batchspec.state.forgetting import SqliteForgetting
    from batchspec.state.inspection import Inspection

    options = run.options(own)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root

    def approve(found: Forgettable) -> None:
        console.out(forgettable_text(found, console.out_style()))
        ask(console, f"forget {plural(found.requests, 'request')}", yes=yes)

    with (
        wiring.open_world(
            project,
            options,
            console,
            run.interrupts,
            command="state forget",
            writes=True,
            needs_provider=False,
            refreshes=False,
        ),
        Inspection(project.state) as inspection,
        SqliteForgetting(project.state) as forgetting,
    ):
        forgotten = forget(
            name,
            results=results,
            inspector=inspection,
            forgetting=forgetting,
            now=run.interrupts.now(),
            approve=approve,
        )
    console.out(f"forgot {plural(forgotten.requests, 'request')}; `batchspec plan` shows what would be sent")
    return ExitCode.DONE


def _forget_gone(run: Run, own: dict[str, Any], *, yes: bool) -> int:
    from batchspec.cli import wiring
    from batchspec.commands.forget import forget_gone
    from batchspec.report.style import plural
    from batchspec.state.forgetting import SqliteForgetting
    from batchspec.state.inspection import Inspection

    options = run.options(own)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root

    def approve(jobs: Sequence[str]) -> None:
        console.out("\n".join(jobs))
        ask(console, f"believe that {plural(len(jobs), 'job')} were deleted at the provider", yes=yes)

    with (
        wiring.open_world(
            project,
            options,
            console,
            run.interrupts,
            command="state forget",
            writes=True,
            needs_provider=True,
        ) as world,
        Inspection(project.state) as inspection,
        SqliteForgetting(project.state) as forgetting,
    ):
        gone = forget_gone(
            inspector=inspection,
            forgetting=forgetting,
            provider=wiring.require(world),
            now=run.interrupts.now(),
            approve=approve,
        )
    console.out(f"{plural(len(gone), 'job')} counted as deleted; `batchspec apply` goes on from there")
    return ExitCode.DONE


@state.command("rebuild")
@click.option("--drop-missing", is_flag=True, help="Leave behind what the provider no longer has, answers too.")
@click.option("--yes", "-y", is_flag=True, help="With --drop-missing: leave it behind without asking.")
@shared
@click.pass_obj
def rebuild(run: Run, /, drop_missing: bool, yes: bool, **own: Any) -> int:
    """Make the state again from the provider.

    Adopts and collects every job of this project in a new file. What only the old state knows, answers above all, is
    carried over into it, unless that cannot be read. Then the new file takes the old one's place, and the old one is
    kept beside it. Nothing is sent.

    \b
    batchspec state rebuild
    """
    from batchspec.cli import wiring
    from batchspec.cli.rebuilding import rebuild_state
    from batchspec.report.state import rebuilt_text
    from batchspec.report.text import notes_text

    options = run.options(own)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    replaced = rebuild_state(run, project, options, drop_missing=drop_missing, yes=yes)
    console.say(notes_text(replaced.rebuilt.notes.lines, console.err_style()))
    kept = None if replaced.kept is None else console.relative(str(replaced.kept))
    console.out(rebuilt_text(replaced.rebuilt, kept, replaced.unreadable, console.out_style()))
    return ExitCode.DONE
