"""`plan --explain`: opens what it needs and shows what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from batchspec.cli.options import Options
from batchspec.core.errors import InvalidInputError

if TYPE_CHECKING:
    from batchspec.cli.running import Run
    from batchspec.cli.wiring import Project
    from batchspec.commands.loaded import LoadedSpec


def refuse_beside(*, out: Path | None, markdown: bool) -> None:
    """Raise InvalidInputError for options that are about a whole plan."""
    if out is not None or markdown:
        given = "--markdown" if markdown else "--out"
        raise InvalidInputError(f"--explain is about one row, and {given} about a whole plan", hint="keep one of them")


def explain_row(
    custom_id: str, specs: Sequence[LoadedSpec], project: Project, options: Options, run: Run, *, refreshes: bool
) -> bool:
    """Show what a row's requests are made of; tell whether any of them would be sent."""
    from batchspec.cli import wiring
    from batchspec.commands.explain import explain
    from batchspec.report.explaining import explanation_document, explanation_text
    from batchspec.report.text import notes_text

    console = run.console
    with wiring.open_world(
        project,
        options,
        console,
        run.interrupts,
        command="plan",
        writes=False,
        needs_provider=False,
        refreshes=refreshes,
    ) as world:
        found = explain(custom_id, specs, world=world)
    if console.json:
        console.document(explanation_document(found))
    else:
        console.out(explanation_text(found, console.out_style(), console.relative))
        console.say(notes_text(found.notes, console.err_style()))
    return found.sends
