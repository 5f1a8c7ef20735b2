"""The commands that change the state by hand: adopt, forget, rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from batchspec.cli.asking import ask
from batchspec.cli.options import JSON, Options, completed, shared
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError


@click.command("adopt", cls=Taught)
@click.argument("job_id", metavar="JOB_ID", shell_complete=completed("jobs"))
@click.option("--yes", "-y", is_flag=True, help="Adopt without asking.")
@JSON
@shared
@click.pass_obj
def adopt_job(run: Run, /, job_id: str, yes: bool, as_json: bool, **own: Any) -> int:
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
    from batchspec.report.state_changes import adopted_document
    from batchspec.report.text import notes_text

    options = run.options(own, as_json=as_json)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    notes = Notes()

    def approve(job: BatchJob) -> None:
        if not as_json:
            console.out(adoptable_text(job, console.out_style()))
        ask(console, f"adopt job {job.id}", yes=yes)

    with wiring.open_world(
        project, options, console, run.interrupts, command="state adopt", writes=True, needs_provider=True
    ) as world:
        adopted = adopt_one(job_id, world=world, provider=wiring.require(world), notes=notes, approve=approve)
    if as_json:
        console.document(adopted_document(adopted, notes))
        return ExitCode.DONE
    console.say(notes_text(notes.lines, console.err_style()))
    console.out(adopted_text(adopted))
    return ExitCode.DONE


@click.command("forget", cls=Taught)
@click.argument("name", metavar="[ID]", required=False, shell_complete=completed("jobs"))
@click.option(
    "--gone", is_flag=True, help="Instead of ID: believe that the jobs the provider does not know are deleted."
)
@click.option("--results", is_flag=True, help="Answers of requests that succeeded, too.")
@click.option("--yes", "-y", is_flag=True, help="Forget without asking.")
@JSON
@shared
@click.pass_obj
def forget_records(
    run: Run, /, name: str | None, gone: bool, results: bool, yes: bool, as_json: bool, **own: Any
) -> int:
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
    options = run.options(own, as_json=as_json)
    if gone:
        if name or results:
            raise InvalidInputError("--gone goes without an ID and without --results", hint="keep one of them")
        return _forget_gone(run, options, yes=yes)
    if not name:
        raise InvalidInputError(
            "what is to be forgotten is not said", hint="give the ID of a job or a request, or --gone"
        )
    return _forget_named(run, options, name, results=results, yes=yes)


def _forget_named(run: Run, options: Options, name: str, *, results: bool, yes: bool) -> int:
    from batchspec.cli import wiring
    from batchspec.commands.forget import Forgettable, forget
    from batchspec.report.state import forgettable_text
    from batchspec.report.state_changes import forgotten_document
    from batchspec.report.style import plural
    from batchspec.state.forgetting import SqliteForgetting
    from batchspec.state.inspection import Inspection

    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root

    def approve(found: Forgettable) -> None:
        if not console.json:
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
    if console.json:
        console.document(forgotten_document(forgotten))
    else:
        console.out(f"forgot {plural(forgotten.requests, 'request')}; `batchspec plan` shows what would be sent")
    return ExitCode.DONE


def _forget_gone(run: Run, options: Options, *, yes: bool) -> int:
    from batchspec.cli import wiring
    from batchspec.commands.forget import forget_gone
    from batchspec.report.state_changes import gone_document
    from batchspec.report.style import plural
    from batchspec.state.forgetting import SqliteForgetting
    from batchspec.state.inspection import Inspection

    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root

    def approve(jobs: Sequence[str]) -> None:
        if not console.json:
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
    if console.json:
        console.document(gone_document(gone))
    else:
        console.out(f"{plural(len(gone), 'job')} counted as deleted; `batchspec apply` goes on from there")
    return ExitCode.DONE


@click.command("rebuild", cls=Taught)
@click.option("--drop-missing", is_flag=True, help="Leave behind what the provider no longer has, answers too.")
@click.option("--yes", "-y", is_flag=True, help="With --drop-missing: leave it behind without asking.")
@JSON
@shared
@click.pass_obj
def rebuild(run: Run, /, drop_missing: bool, yes: bool, as_json: bool, **own: Any) -> int:
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
    from batchspec.report.state_changes import rebuilt_document
    from batchspec.report.text import notes_text

    options = run.options(own, as_json=as_json)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    replaced = rebuild_state(run, project, options, drop_missing=drop_missing, yes=yes)
    kept = None if replaced.kept is None else console.relative(str(replaced.kept))
    if as_json:
        place = None if replaced.kept is None else project.shown(replaced.kept)
        console.document(rebuilt_document(replaced.rebuilt, place, replaced.unreadable))
        return ExitCode.DONE
    console.say(notes_text(replaced.rebuilt.notes.lines, console.err_style()))
    console.out(rebuilt_text(replaced.rebuilt, kept, replaced.unreadable, console.out_style()))
    return ExitCode.DONE
