"""The command about what has ended without an answer: retry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from batchspec.cli.options import JSON, about_rows, shared
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError


@click.command(cls=Taught)
@about_rows
@click.option(
    "--include",
    default="failed,held",
    show_default=True,
    metavar="WHAT,…",
    help="Which of failed, held (cancelled), lost (gone at the provider, perhaps paid for) and invalid (paid for, and "
    "the answer does not fit).",
)
@click.option("--id", "custom_ids", multiple=True, metavar="CUSTOM_ID", help="Only this row; may be repeated.")
@JSON
@shared
@click.pass_obj
def retry(
    run: Run, /, paths: tuple[Path, ...], include: str, custom_ids: tuple[str, ...], as_json: bool, **own: Any
) -> int:
    """Mark rows without an answer to be sent again.

    The next apply sends them, whatever `retry.max_attempts` says; until then nothing is spent.

    \b
    batchspec retry --include failed,lost && batchspec apply
    """
    from batchspec.cli import wiring
    from batchspec.commands.retry import Include, RetryOptions
    from batchspec.commands.retry import retry as mark
    from batchspec.report.documents import retried_document
    from batchspec.report.text import retried_text

    words = [word.strip() for word in include.split(",")]
    unknown = [word for word in words if word not in set(Include)]
    if unknown:
        raise InvalidInputError(
            f"--include knows no `{unknown[0]}`", hint=f"it takes any of {', '.join(Include)}, separated by commas"
        )
    options, project = run.open(paths, own, as_json=as_json)
    console = run.console
    specs = wiring.load(project)
    wanted = RetryOptions(include=frozenset(map(Include, words)), custom_ids=frozenset(custom_ids))
    with wiring.open_world(
        project, options, console, run.interrupts, command="retry", writes=True, needs_provider=False
    ) as world:
        retried = mark(specs, wanted, world=world)
    if as_json:
        console.document(retried_document(retried))
    else:
        console.out(retried_text(retried, console.out_style()))
    return ExitCode.DONE
