"""The command that writes what was asked and answered as a page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from batchspec.cli.options import about_specs, shared
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode

_PAGE = "batchspec-report.html"


@click.command(cls=Taught)
@about_specs
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(_PAGE), metavar="FILE", help=f"Default: {_PAGE}, here."
)
@shared
@click.pass_obj
def report(run: Run, /, paths: tuple[Path, ...], out: Path, **own: Any) -> int:
    """Write a page of what was asked and answered.

    One HTML file that loads nothing: counts, tokens and costs of all rows; the rows themselves, failures first, as many
    as a page takes, with the answers of each model and variant side by side. From what is recorded; sends nothing.

    \b
    batchspec report --out report.html
    """
    from dataclasses import replace

    from batchspec.cli import wiring
    from batchspec.cli.pricing import load_prices
    from batchspec.commands.report import report as gather
    from batchspec.project.atomic import write_bytes_atomically
    from batchspec.report.html_page import report_page
    from batchspec.report.style import plural

    options, project = run.open(paths, own)
    specs = wiring.load(project)
    with wiring.open_world(
        project,
        options,
        run.console,
        run.interrupts,
        command="report",
        writes=False,
        needs_provider=False,
        refreshes=False,
    ) as world:
        found = gather(specs, world=replace(world, prices=load_prices(None)))
    page = report_page(found).encode("utf-8")
    write_bytes_atomically(out, page, 0o644)
    run.console.out(f"{out}  {plural(sum(each.total for each in found.specs), 'row')}, {len(page) // 1000:,} KB")
    return ExitCode.DONE
