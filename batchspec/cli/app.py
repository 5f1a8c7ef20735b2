"""The commands as click sees them: each reads its options, calls its verb, shows the value, returns an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from batchspec import __version__
from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.cli.options import JSON, PATHS, Duration, read_duration, shared
from batchspec.cli.wiring import Options, load, loader, open_project, open_world, require
from batchspec.core.errors import BatchspecError, ExitCode, InvalidInputError, NotApprovedError
from batchspec.core.planning import Action, Plan

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass(slots=True)
class Run:
    """One run of the program: its streams, its signals, and the options given before the command's name."""

    console: Console
    interrupts: Interrupts
    given: dict[str, Any] = field(default_factory=dict)

    def options(self, own: dict[str, Any], *, as_json: bool = False) -> Options:
        """Return the shared options, the command's own before those given to the program."""
        merged = self.given | {key: value for key, value in own.items() if value is not None}
        console = self.console
        console.json = as_json
        console.quiet = bool(merged.get("quiet"))
        console.verbose = bool(merged.get("verbose"))
        console.debug = bool(merged.get("debug"))
        return Options(
            project=merged.get("project"),
            state=merged.get("state"),
            provider=merged.get("provider") or "mistral",
            lock_timeout=merged.get("lock_timeout") or 0.0,
        )


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 - one return for each way to end
    """Run the program and return its exit code."""
    console = Console(environ=dict(os.environ))
    interrupts = Interrupts()
    interrupts.listen()
    try:
        code = main(list(arguments), standalone_mode=False, obj=Run(console, interrupts), prog_name="batchspec")
        return int(code or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show(sys.stderr)
        return ExitCode.INVALID
    except BatchspecError as error:
        console.error(error)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read stdout has left; there is nobody to tell, and Python must not complain at exit.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        return ExitCode.ERROR
    except OSError as error:
        console.error(_system_error(error))
        return ExitCode.ERROR
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of our own, told without a traceback
        console.bug(error)
        return ExitCode.ERROR


def _system_error(error: OSError) -> BatchspecError:
    where = f"{error.filename}: " if error.filename else ""
    return BatchspecError(
        f"{where}{error.strerror or error}",
        why="the operating system refused this",
        hint="check permissions and free space; running again is safe",
    )


@click.group(context_settings=_HELP)
@click.version_option(__version__, prog_name="batchspec")
@shared
@click.pass_obj
def main(run: Run, /, **given: Any) -> None:
    r"""Declare batch jobs for LLMs in YAML; submit only what has changed; keep every result.

    \b
    batchspec init                     begin a project here
    batchspec plan                     see what would be sent, and why
    batchspec apply --wait             send it, wait, and write the results
    """
    run.given = {key: value for key, value in given.items() if value is not None}


@main.command()
@PATHS
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to tell what was found."
)
@JSON
@shared
@click.pass_obj
def validate(run: Run, /, paths: tuple[Path, ...], form: str, as_json: bool, **own: Any) -> int:
    r"""Check specs and every row of them, without a key and without the network.

    \b
    batchspec validate specs/triage.batchspec.yaml
    """
    from batchspec.commands.validate import validate as check
    from batchspec.report.documents import validation_document
    from batchspec.report.style import plural
    from batchspec.state.scratch import SqliteScratch

    as_json = as_json or form == "json"
    options = run.options(own, as_json=as_json)
    console = run.console
    project = open_project(paths, options)
    console.root = project.root
    with SqliteScratch() as scratch:
        found = check(
            project.paths,
            loader=loader(project),
            scratch=scratch,
            progress=console.progress(),
            stop=run.interrupts.stop,
        )
    if as_json:
        console.document(validation_document(found))
    else:
        console.diagnostics(found.diagnostics)
        if found.valid:
            console.out(f"{plural(len(found.specs), 'spec')} and {plural(found.rows, 'row')} are valid")
    return ExitCode.DONE if found.valid else ExitCode.INVALID


@main.command()
@PATHS
@click.option(
    "--out", metavar="DIR", help="Where to write, a file for each spec; `-` is stdout. Default: .batchspec/rendered"
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many lines of each spec.")
@click.option("--changed", is_flag=True, help="Only what is not sent or answered yet, by the recorded state.")
@click.option("--id", "custom_id", metavar="CUSTOM_ID", help="Only this request.")
@shared
@click.pass_obj
def render(
    run: Run,
    /,
    paths: tuple[Path, ...],
    out: str | None,
    limit: int | None,
    changed: bool,
    custom_id: str | None,
    **own: Any,
) -> int:
    r"""Write the JSONL that would be sent; needs no key.

    \b
    batchspec render --out - --limit 1 | head
    """
    from batchspec.cli.rendering import render_to
    from batchspec.commands.render import RenderOptions

    options = run.options(own)
    project = open_project(paths, options)
    run.console.root = project.root
    wanted = RenderOptions(limit=limit, custom_id=custom_id, changed=changed)
    with open_world(
        project,
        options,
        run.console,
        run.interrupts,
        command="render",
        writes=False,
        needs_provider=False,
        refreshes=False,
    ) as world:
        return render_to(out, load(project), wanted, project, world, run.console)


@main.command()
@PATHS
@JSON
@click.option("--no-refresh", is_flag=True, help="Plan from recorded state alone; needs no key.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to send.")
@shared
@click.pass_obj
def plan(
    run: Run, /, paths: tuple[Path, ...], as_json: bool, no_refresh: bool, detailed_exitcode: bool, **own: Any
) -> int:
    r"""Show what apply would send, and why.

    \b
    batchspec plan specs/ --detailed-exitcode
    """
    from batchspec.commands.status import status as stand
    from batchspec.report.documents import plan_document
    from batchspec.report.text import notes_text, plan_text

    options = run.options(own, as_json=as_json)
    console = run.console
    project = open_project(paths, options)
    console.root = project.root
    specs = load(project)
    with open_world(
        project,
        options,
        console,
        run.interrupts,
        command="plan",
        writes=False,
        needs_provider=False,
        refreshes=not no_refresh,
    ) as world:
        found = stand(specs, world=world)
    if as_json:
        console.document(plan_document(found.plan))
    else:
        console.out(plan_text(found.plan, console.out_style(), console.relative))
        console.say(notes_text(found.notes, console.err_style()))
    return ExitCode.CHANGES if detailed_exitcode and found.plan.changes else ExitCode.DONE


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--yes", "-y", is_flag=True, help="Send without asking.")
@click.option(
    "--wait",
    is_flag=False,
    flag_value="",
    metavar="[DURATION]",
    help="Wait for the results, at most so long (90s, 15m, 2h).",
)
@click.option("--max-requests", type=click.IntRange(min=0), help="Send nothing when the plan has more than this.")
@JSON
@shared
@click.pass_obj
def apply(
    run: Run,
    /,
    paths: tuple[Path, ...],
    yes: bool,
    wait: str | None,
    max_requests: int | None,
    as_json: bool,
    **own: Any,
) -> int:
    r"""Send what is not answered yet, collect what is, write the results. Running it again is always safe.

    \b
    batchspec apply --wait
    """
    from batchspec.commands.apply import ApplyOptions
    from batchspec.commands.apply import apply as converge
    from batchspec.report.documents import applied_document
    from batchspec.report.text import applied_text

    options = run.options(own, as_json=as_json)
    console = run.console
    seconds = read_duration(wait) if wait else None
    if wait and seconds is None:
        # `--wait specs/` means a wait without an end, and a path.
        paths = (Path(wait), *paths)
    project = open_project(paths, options)
    console.root = project.root
    specs = load(project)
    wanted = ApplyOptions(wait=wait is not None, wait_seconds=seconds, max_requests=max_requests)
    with open_world(
        project, options, console, run.interrupts, command="apply", writes=True, needs_provider=True
    ) as world:
        applied = converge(
            specs, wanted, world=world, provider=require(world), approve=_approver(console, yes=yes, again=sys.argv[1:])
        )
    if as_json:
        console.document(applied_document(applied))
    else:
        console.out(applied_text(applied, console.out_style(), console.relative))
    if applied.waited is None:
        return ExitCode.DONE
    if applied.waited.ran_out:
        return ExitCode.STILL_RUNNING
    return ExitCode.ROWS_FAILED if applied.status.plan.total(Action.FAILED) else ExitCode.DONE


def _approver(console: Console, *, yes: bool, again: Sequence[str]) -> Callable[[Plan], None]:
    from batchspec.report.text import plan_text

    def approve(plan: Plan) -> None:
        if not console.json:
            console.out(plan_text(plan, console.out_style(), console.relative) + "\n")
        if yes:
            return
        if console.json or not console.can_ask:
            command = " ".join(["batchspec", *again, "--yes"])
            raise NotApprovedError(
                f"{plan.sends:,} requests would be sent, and nobody can be asked here",
                why="sending costs money, so it wants a yes",
                hint=f"run `{command}`",
            )
        if not click.confirm("Send them?", default=False):
            raise NotApprovedError("nothing was sent", hint="run `batchspec apply` again when it is to be sent")

    return approve


@main.command()
@PATHS
@JSON
@shared
@click.pass_obj
def status(run: Run, /, paths: tuple[Path, ...], as_json: bool, **own: Any) -> int:
    r"""Show where every request and every job stands; collects what has ended.

    \b
    batchspec status --json
    """
    from batchspec.commands.status import status as stand
    from batchspec.report.documents import status_document
    from batchspec.report.text import status_text

    options = run.options(own, as_json=as_json)
    console = run.console
    project = open_project(paths, options)
    console.root = project.root
    specs = load(project)
    with open_world(
        project, options, console, run.interrupts, command="status", writes=False, needs_provider=False
    ) as world:
        found = stand(specs, world=world)
    if as_json:
        console.document(status_document(found))
    else:
        console.out(status_text(found, console.out_style(), console.relative))
    return ExitCode.DONE


@main.command()
@PATHS
@click.option("--timeout", type=Duration(), metavar="DURATION", help="Give up after so long (90s, 15m, 2h); exit 10.")
@JSON
@shared
@click.pass_obj
def wait(run: Run, /, paths: tuple[Path, ...], timeout: float | None, as_json: bool, **own: Any) -> int:
    r"""Wait until nothing is in flight, collecting as jobs end.

    \b
    batchspec wait --timeout 2h
    """
    from batchspec.commands.refresh import Refresh
    from batchspec.commands.results import export
    from batchspec.commands.status import count
    from batchspec.commands.wait import wait_for
    from batchspec.report.documents import status_document
    from batchspec.report.text import outputs_text, status_text

    options = run.options(own, as_json=as_json)
    console = run.console
    project = open_project(paths, options)
    console.root = project.root
    specs = load(project)
    with open_world(
        project, options, console, run.interrupts, command="wait", writes=True, needs_provider=True
    ) as world:
        done = Refresh()
        names = [each.spec.name for each in specs]
        waited = wait_for(names, world=world, provider=require(world), timeout=timeout, done=done)
        outputs = export(specs, world) if done.collected else []
        found = count(specs, world, done, outputs)
    if as_json:
        console.document(status_document(found))
    else:
        console.out(status_text(found, console.out_style(), console.relative))
        console.say(outputs_text(outputs, console.err_style(), console.relative))
    if waited.ran_out:
        return ExitCode.STILL_RUNNING
    return ExitCode.ROWS_FAILED if found.plan.total(Action.FAILED) else ExitCode.DONE


@main.command()
@PATHS
@click.option("--out", metavar="FILE", help="Write one spec's rows here instead; `-` is stdout.")
@click.option("--format", "form", type=click.Choice(["jsonl"]), default="jsonl", help="The form of the rows.")
@click.option("--failed", is_flag=True, help="Only rows that failed.")
@shared
@click.pass_obj
def results(run: Run, /, paths: tuple[Path, ...], out: str | None, form: str, failed: bool, **own: Any) -> int:
    r"""Write the output files from what is recorded: every row with its answer, in input order.

    \b
    batchspec results --failed --out -
    """
    from batchspec.cli.rendering import results_to

    del form  # JSON Lines is the one form of this version
    options = run.options(own)
    project = open_project(paths, options)
    run.console.root = project.root
    specs = load(project)
    if out is not None and len(specs) != 1:
        raise InvalidInputError(
            f"--out is for one spec, and {len(specs)} are named", hint="name one spec, or leave --out away"
        )
    if failed and out is None:
        raise InvalidInputError("--failed needs --out", why="an output file never drops a row", hint="try --out -")
    with open_world(
        project,
        options,
        run.console,
        run.interrupts,
        command="results",
        writes=False,
        needs_provider=False,
        refreshes=False,
    ) as world:
        return results_to(out, specs, world, run.console, failed_only=failed)


@main.command()
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@shared
@click.pass_obj
def init(run: Run, /, directory: Path, **own: Any) -> int:
    r"""Begin a project: batchspec.toml, an example spec with its input and prompt. Never overwrites a file.

    \b
    batchspec init my-project
    """
    from batchspec.cli.starting import begin
    from batchspec.report.text import init_text

    run.options(own)
    run.console.out(init_text(begin(directory), str(directory), run.console.out_style()))
    return ExitCode.DONE


@main.command()
@click.argument("name", default="batchspec.schema.json")
def schema(name: str) -> int:
    r"""Print the JSON Schema of specs, or another of batchspec's schemas by its name.

    \b
    batchspec schema > batchspec.schema.json
    """
    from batchspec.project.packaged import schema_text

    click.echo(schema_text(name), nl=False)
    return ExitCode.DONE


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8790, help="The port on this machine; 0 takes a free one."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(".batchspec/emulator/data"),
    help="Where files and jobs are kept.",
)
@click.option("--key", envvar="BATCHSPEC_EMULATOR_KEY", help="The one key to accept; without it, any key.")
@shared
@click.pass_obj
def emulator(run: Run, /, port: int, data: Path, key: str | None, **own: Any) -> int:
    r"""Serve the batch API on this machine, with answers made up from the requests.

    \b
    batchspec emulator --port 8790 --data ./emulator
    """
    from batchspec.cli.serving import serve

    run.options(own)
    return serve(data, port, key, run.console, run.interrupts)
