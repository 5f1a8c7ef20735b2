"""The command that explains a code of an error or a finding."""

from __future__ import annotations

from typing import Any

import click

from batchspec.cli.options import shared
from batchspec.cli.running import Run
from batchspec.core.errors import ExitCode, InvalidInputError


@click.command()
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@shared
@click.pass_obj
def explain(run: Run, /, codes: tuple[str, ...], **own: Any) -> int:
    """Tell what a code such as unknown-key means.

    With an example that provokes it, and the way out. Without a CODE, lists all of them.

    \b
    batchspec explain unknown-key
    """
    from batchspec.core.diagnostics import did_you_mean
    from batchspec.core.error_pages import error_pages
    from batchspec.project.error_pages import errors_page
    from batchspec.report.error_pages import error_list_text, error_page_text

    run.options(own)
    console = run.console
    pages = error_pages(errors_page())
    wanted = [code.strip("`[]").removeprefix("error[").removeprefix("warning[") for code in codes]
    for code in wanted:
        if code not in pages:
            hint = did_you_mean(code, pages) if len(code) > 1 else None
            raise InvalidInputError(f"there is no code `{code}`", hint=hint or "`batchspec explain` lists them")
    if not wanted:
        console.out(error_list_text(pages.values()))
    else:
        console.out("\n\n".join(error_page_text(pages[code], console.out_style()) for code in wanted))
    return ExitCode.DONE
