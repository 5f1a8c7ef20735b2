"""The command that explains a code: explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.options import JSON, completed, shared
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError

if TYPE_CHECKING:
    from batchspec.core.code_pages import CodePage


@click.command(cls=Taught)
@click.argument("codes", nargs=-1, metavar="[CODE]...", shell_complete=completed("codes"))
@JSON
@shared
@click.pass_obj
def explain(run: Run, /, codes: tuple[str, ...], as_json: bool, **own: Any) -> int:
    """Explain a code of a finding or an error.

    What it means, an example that provokes it, why it is so, and the way out. Without CODE, all codes are listed. To
    see what a row's requests are made of, there is `plan --explain CUSTOM_ID`.

    \b
    batchspec explain unknown-key
    batchspec explain
    """
    from batchspec.project.code_pages import load_pages
    from batchspec.report.code_pages import list_text, page_text, pages_document

    run.options(own, as_json=as_json)
    console = run.console
    pages = load_pages()
    shown = [_page(code, pages) for code in codes] or list(pages.values())
    style = console.out_style()
    text = "\n\n\n".join(page_text(page, style) for page in shown) if codes else list_text(shown, style)
    if as_json:
        console.document(pages_document(shown))
    else:
        console.out(text)
    return ExitCode.DONE


def _page(given: str, pages: dict[str, CodePage]) -> CodePage:
    from batchspec.core.code_pages import code_in, meant

    code = code_in(given)
    if code in pages:
        return pages[code]
    closest = meant(code, pages)
    listed = "`batchspec explain` lists all codes; a row is explained by `batchspec plan --explain CUSTOM_ID`"
    raise InvalidInputError(
        f"there is no code `{given}`",
        why="a code stands in brackets behind `error` or `warning`",
        hint=f"did you mean `{closest}`?" if closest else listed,
    )
