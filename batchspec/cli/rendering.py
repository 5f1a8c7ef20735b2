"""Where rendered lines and result rows go: stdout, a file that was named, or the project's own places."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from batchspec.cli.console import Console
from batchspec.cli.wiring import Project
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.render import RenderOptions, render_spec
from batchspec.commands.results import Output, export, write_results
from batchspec.commands.world import World
from batchspec.core.errors import ExitCode
from batchspec.project.atomic import write_atomically
from batchspec.report.style import plural
from batchspec.report.text import outputs_text

STDOUT = "-"


def render_to(
    out: str | None,
    specs: Sequence[LoadedSpec],
    wanted: RenderOptions,
    project: Project,
    world: World,
    console: Console,
) -> int:
    """Write each spec's lines to `DIR/NAME.jsonl`, or all of them to stdout."""
    folder = project.home / "rendered" if out is None else Path(out)
    with world.new_scratch() as scratch:
        for loaded in specs:
            shared = {
                "ledger": world.ledger,
                "scratch": scratch,
                "progress": world.progress,
                "stop": world.stop,
            }
            if out == STDOUT:
                render_spec(loaded, sys.stdout.buffer, wanted, **shared)  # type: ignore[arg-type]
                sys.stdout.buffer.flush()
                continue
            path = folder / f"{loaded.spec.name}.jsonl"
            with write_atomically(path) as stream:
                count = render_spec(loaded, stream, wanted, **shared)  # type: ignore[arg-type]
            console.out(f"{path}  {plural(count, 'request')}")
    return ExitCode.DONE


def results_to(
    out: str | None,
    form: str | None,
    specs: Sequence[LoadedSpec],
    world: World,
    console: Console,
    *,
    failed_only: bool,
) -> int:
    """Write each spec's output file, or one spec's rows to a named file or stdout, in a form or in the spec's own."""
    if out is None:
        outputs = export(specs, world)
        console.out(outputs_text(outputs, console.out_style(), console.relative))
        show_warnings(outputs, console)
        return ExitCode.DONE
    if out == STDOUT:
        output = write_results(specs[0], sys.stdout.buffer, world, path=out, form=form, failed_only=failed_only)
        sys.stdout.buffer.flush()
    else:
        with write_atomically(Path(out)) as stream:
            output = write_results(specs[0], stream, world, path=out, form=form, failed_only=failed_only)
        # A suffix that names no format leaves the spec's own, which nobody sees from the file's name.
        told = "" if form else f", as {specs[0].spec.output_format}"
        console.out(f"{out}  {plural(output.counts.total(), 'row')}{told}")
    show_warnings([output], console)
    return ExitCode.DONE


def show_warnings(outputs: Iterable[Output], console: Console) -> None:
    """Show which columns came out null, and why."""
    console.diagnostics([warning for output in outputs for warning in output.warnings])
