"""The command that tells a result's story: show."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.options import JSON, completed, shared
from batchspec.cli.pricing import PRICES, load_prices
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.diagnostics import did_you_mean
from batchspec.core.errors import ExitCode, InvalidInputError

if TYPE_CHECKING:
    from batchspec.cli.options import Options
    from batchspec.cli.wiring import Project
    from batchspec.commands.loaded import LoadedSpec


@click.command(cls=Taught)
@click.argument("spec", shell_complete=completed("specs"))
@click.option(
    "--id", "custom_id", metavar="CUSTOM_ID", help="Only this row: its request, what it is made of, its answer."
)
@JSON
@PRICES
@shared
@click.pass_obj
def show(run: Run, /, spec: str, custom_id: str | None, as_json: bool, prices_file: Path | None, **own: Any) -> int:
    """Tell a result's whole story.

    SPEC is a spec's file, or its name. Shows what it was made from, by whom it was answered, in which jobs, at what
    cost, and whether its output is what would be written now. By what is on disk and recorded; needs no key.

    \b
    batchspec show wines
    batchspec show wines --id Chablis
    """
    from batchspec.cli import wiring
    from batchspec.commands.show import show_row, show_spec
    from batchspec.report.story import row_story_document, row_story_text, spec_story_document, spec_story_text
    from batchspec.state.inspection import Inspection

    options, project, loaded = _open(run, spec, own, as_json=as_json)
    console = run.console
    prices = load_prices(prices_file)
    with ExitStack() as stack:
        world = stack.enter_context(
            wiring.open_world(
                project,
                options,
                console,
                run.interrupts,
                command="show",
                writes=False,
                needs_provider=False,
                refreshes=False,
            )
        )
        inspection = stack.enter_context(Inspection(project.state)) if project.state.exists() else None
        if custom_id is None:
            story = show_spec(loaded, replace(world, prices=prices), inspection)
            document, text = spec_story_document(story), spec_story_text(story, console.out_style())
        else:
            rows = show_row(loaded, custom_id, world, inspection)
            document, text = row_story_document(rows), row_story_text(rows, console.out_style())
    if as_json:
        console.document(document)
    else:
        console.out(text)
    return ExitCode.DONE


def _open(run: Run, spec: str, own: dict[str, Any], *, as_json: bool) -> tuple[Options, Project, LoadedSpec]:
    """Return the options, the project and the one spec that is meant, by its file or its name."""
    from batchspec.cli import wiring

    if Path(spec).exists():
        options, project = run.open([Path(spec)], own, as_json=as_json)
        found = wiring.load(project)
        if len(found) != 1:
            names = ", ".join(each.spec.name for each in found)
            raise InvalidInputError(f"`{spec}` holds {len(found)} specs", hint=f"name one of them: {names}")
        return options, project, found[0]
    options = run.options(own, as_json=as_json)
    root = wiring.open_settings(options).root
    project = wiring.open_project([root], options, run.console.environ)
    run.console.root = root
    by_name = {each.spec.name: each for each in wiring.load(project)}
    if spec not in by_name:
        raise InvalidInputError(f"there is no file and no spec `{spec}`", hint=did_you_mean(spec, by_name))
    return options, project, by_name[spec]
