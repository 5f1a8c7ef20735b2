"""The commands about what lies at the provider: cancel, jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from batchspec.cli.asking import ask
from batchspec.cli.options import JSON, Duration, about_specs, shared
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError


@click.command(cls=Taught)
@about_specs
@click.option("--yes", "-y", is_flag=True, help="Cancel without asking.")
@shared
@click.pass_obj
def cancel(run: Run, /, paths: tuple[Path, ...], yes: bool, **own: Any) -> int:
    """Cancel what is in flight.

    What was finished by then is still collected and paid for; rows that did not run are held.

    \b
    batchspec cancel specs/triage.batchspec.yaml
    """
    from batchspec.cli import wiring
    from batchspec.cli.rendering import show_warnings
    from batchspec.commands.cancel import cancel as stop_jobs
    from batchspec.commands.results import export
    from batchspec.core.ledger import Claim
    from batchspec.report.style import plural
    from batchspec.report.text import cancelled_text, outputs_text

    options, project = run.open(paths, own)
    console = run.console
    specs = wiring.load(project)

    def approve(claims: Sequence[Claim]) -> None:
        requests = sum(claim.requests for claim in claims)
        ask(console, f"cancel {plural(len(claims), 'job')} with {plural(requests, 'request')}", yes=yes)

    with wiring.open_world(
        project, options, console, run.interrupts, command="cancel", writes=True, needs_provider=True
    ) as world:
        names = [each.spec.name for each in specs]
        cancelled = stop_jobs(names, world=world, provider=wiring.require(world), approve=approve)
        outputs = export(specs, world) if cancelled.done.collected else []
    console.out(cancelled_text(cancelled, console.out_style()))
    console.say(outputs_text(outputs, console.err_style(), console.relative))
    show_warnings(outputs, console)
    return ExitCode.DONE


@click.command(cls=Taught)
@click.option(
    "--status", "statuses", multiple=True, metavar="STATUS", help="Only jobs of this status; may be repeated."
)
@click.option("--model", help="Only jobs of this model or agent.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Only jobs with this metadata; repeatable.")
@click.option("--since", type=Duration(), metavar="DURATION", help="Only jobs made since so long ago (12h, 7d).")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many, the newest."
)
@JSON
@shared
@click.pass_obj
def jobs(
    run: Run,
    /,
    statuses: tuple[str, ...],
    model: str | None,
    metadata: tuple[str, ...],
    since: float | None,
    limit: int,
    as_json: bool,
    **own: Any,
) -> int:
    """List the provider's batch jobs.

    Also those that batchspec did not make.

    \b
    batchspec jobs --status RUNNING --since 2d
    """
    from batchspec.cli import wiring
    from batchspec.commands.jobs import JobFilter, list_jobs
    from batchspec.report.documents import jobs_document
    from batchspec.report.text import jobs_text

    options = run.options(own, as_json=as_json)
    console = run.console
    pairs = [text.partition("=") for text in metadata]
    if any(not key or not equals for key, equals, _ in pairs):
        raise InvalidInputError("--metadata wants KEY=VALUE", hint="for example --metadata owner=kitchen")
    wanted = JobFilter(
        statuses=frozenset(status.upper() for status in statuses),
        model=model,
        metadata={key: value for key, _, value in pairs},
        since=None if since is None else run.interrupts.now() - since,
        limit=limit,
    )
    project = wiring.open_settings(options)
    with wiring.open_provider(project, options, console, run.interrupts) as provider:
        found = list_jobs(wanted, provider=provider, project_id=project.settings.project_id)
    if as_json:
        console.document(jobs_document(found))
    else:
        console.out(jobs_text(found, console.out_style()))
    return ExitCode.DONE
