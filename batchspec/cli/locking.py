"""The command that pins models: lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.options import JSON, shared
from batchspec.cli.providers import has_key
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError

if TYPE_CHECKING:
    from batchspec.cli.options import Options
    from batchspec.cli.wiring import Project
    from batchspec.core.model_cards import ModelCard


@click.command(cls=Taught)
@click.argument("models", nargs=-1)
@click.option("--upgrade", is_flag=True, help="Move pins, too: to what the aliases stand for now.")
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing; exit with 1 where an alias is not in the lock, or has drifted. Without a key, drift is not"
    " looked for.",
)
@JSON
@shared
@click.pass_obj
def lock(run: Run, /, models: tuple[str, ...], upgrade: bool, check: bool, as_json: bool, **own: Any) -> int:
    """Pin model aliases to dated models.

    Writes batchspec.lock at the project's root: for each alias that a spec of the project names, or for the MODELS
    named here, the dated model that it stands for. What is in there stays, until --upgrade moves it.

    \b
    batchspec lock
    batchspec lock --upgrade mistral-small-latest
    """
    from batchspec.cli import wiring
    from batchspec.cli.environments import load_in_every_environment
    from batchspec.commands.lock import LockOptions, relock
    from batchspec.core.model_lock import ModelLock
    from batchspec.project.lock_file import write_lock
    from batchspec.report.models import locked_document, locked_text

    if upgrade and check:
        raise InvalidInputError("--upgrade and --check are both given", hint="keep one of them")
    options = run.options(own, as_json=as_json)
    console = run.console
    root = wiring.open_settings(options).root
    project = wiring.open_project([root], options, console.environ)
    console.root = root
    unlocked = replace(project, lock=ModelLock())
    specs = [each.spec for each in load_in_every_environment(unlocked, project.paths)]
    with ExitStack() as stack:
        locked = relock(
            specs,
            project.lock,
            _cards(run, project, options, needed=not check),
            LockOptions(upgrade=upgrade, check=check, names=models),
            _recorded(stack, project),
        )
    if locked.changed and not check:
        write_lock(project.root, locked.lock)
    if as_json:
        console.document(locked_document(locked, check=check))
    else:
        console.out(locked_text(locked, console.out_style(), check=check))
    return ExitCode.ERROR if check and not locked.holds else ExitCode.DONE


def _cards(run: Run, project: Project, options: Options, *, needed: bool) -> Sequence[ModelCard] | None:
    """Return the provider's models; None where there is no key, and none is needed."""
    from batchspec.cli import wiring

    if not needed and not has_key(options.provider, run.console.environ):
        return None
    with wiring.open_provider(project, options, run.console, run.interrupts) as provider:
        return provider.models()


def _recorded(stack: ExitStack, project: Project) -> Callable[[str], int]:
    """Return what counts the requests that the state knows to have gone to a model; none where there is no state."""
    from batchspec.state.inspection import Inspection

    if not project.state.exists():
        return lambda _model: 0
    inspection: AbstractContextManager[Inspection] = Inspection(project.state)
    return stack.enter_context(inspection).sent_to
