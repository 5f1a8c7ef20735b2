"""The commands that need no provider: specs, lines, results, a new project, schemas, the emulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from batchspec.cli.options import JSON, about_rows, about_specs, shared
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, InvalidInputError


@click.command(cls=Taught)
@about_rows
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "gitlab", "sarif"]),
    default="text",
    help="How to tell what was found: for people, as JSON, as GitHub's annotations, GitLab's code quality, or SARIF.",
)
@JSON
@shared
@click.pass_obj
def validate(run: Run, /, paths: tuple[Path, ...], form: str, as_json: bool, **own: Any) -> int:
    """Check specs and every row of them.

    Needs no key and no network.

    \b
    batchspec validate specs/triage.batchspec.yaml
    batchspec validate --format sarif > batchspec.sarif
    """
    from batchspec.cli import wiring
    from batchspec.commands.validate import validate as check
    from batchspec.report.style import plural
    from batchspec.state.scratch import SqliteScratch

    as_json = as_json or form == "json"
    _, project = run.open(paths, own, as_json=as_json)
    console = run.console
    with SqliteScratch() as scratch:
        found = check(
            project.paths,
            loader=wiring.loader(project),
            scratch=scratch,
            progress=console.progress(),
            stop=run.interrupts.stop,
        )
    if as_json:
        from batchspec.report.documents import validation_document

        console.document(validation_document(found))
    elif form == "sarif":
        from batchspec.report.annotations import sarif

        console.document(sarif(found.diagnostics, console.relative))
    elif form == "gitlab":
        from batchspec.report.annotations import code_quality

        console.document(code_quality(found.diagnostics, console.relative))
    elif form == "github":
        from batchspec.report.annotations import github_annotations

        for line in github_annotations(found.diagnostics, console.relative):
            console.out(line)
    else:
        console.diagnostics(found.diagnostics)
        if found.valid:
            console.out(f"{plural(len(found.specs), 'spec')} and {plural(found.rows, 'row')} are valid")
    return ExitCode.DONE if found.valid else ExitCode.INVALID


@click.command(cls=Taught)
@about_rows
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
    """Write the JSONL that would be sent; needs no key.

    \b
    batchspec render --out - --limit 1 | head
    """
    from batchspec.cli import wiring
    from batchspec.cli.rendering import render_to
    from batchspec.commands.render import RenderOptions

    options, project = run.open(paths, own)
    wanted = RenderOptions(limit=limit, custom_id=custom_id, changed=changed)
    with wiring.open_world(
        project,
        options,
        run.console,
        run.interrupts,
        command="render",
        writes=False,
        needs_provider=False,
        refreshes=False,
    ) as world:
        return render_to(out, wiring.load(project), wanted, project, world, run.console)


@click.command(cls=Taught)
@about_specs
@click.option("--out", metavar="FILE", help="Write one spec's rows here instead; `-` is stdout.")
@click.option(
    "--format",
    "form",
    metavar="jsonl|csv|parquet|NAME",
    help="The form of the rows; NAME is of an installed plugin. Default: as the path says.",
)
@click.option("--failed", is_flag=True, help="Only rows that failed.")
@shared
@click.pass_obj
def results(run: Run, /, paths: tuple[Path, ...], out: str | None, form: str | None, failed: bool, **own: Any) -> int:
    """Write the output files again.

    Every declared row with its answer, in input order, from what is recorded.

    \b
    batchspec results specs/triage.batchspec.yaml --failed --out -
    """
    from dataclasses import replace

    from batchspec.cli import wiring
    from batchspec.cli.offering import form_named, form_of_path
    from batchspec.cli.pricing import load_prices
    from batchspec.cli.rendering import results_to

    options, project = run.open(paths, own)
    wanted = None if form is None else form_named(form, project.root)
    if wanted is None and out not in {None, "-"}:
        wanted = form_of_path(str(out), project.root)
    specs = wiring.load(project)
    if out is not None and len(specs) != 1:
        raise InvalidInputError(
            f"--out is for one spec, and {len(specs)} are named", hint="name one spec, or leave --out away"
        )
    if failed and out is None:
        raise InvalidInputError("--failed needs --out", why="an output file never drops a row", hint="try --out -")
    if form is not None and out is None:
        raise InvalidInputError(
            "--format needs --out", why="an output file has the form that its suffix says", hint="try --out -"
        )
    with wiring.open_world(
        project,
        options,
        run.console,
        run.interrupts,
        command="results",
        writes=False,
        needs_provider=False,
        refreshes=False,
    ) as world:
        priced = replace(world, prices=load_prices(None))
        return results_to(out, wanted, specs, priced, run.console, failed_only=failed)


@click.command(cls=Taught)
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@shared
@click.pass_obj
def init(run: Run, /, directory: Path, **own: Any) -> int:
    """Begin a project in a folder.

    Writes batchspec.toml and an example spec with its input and prompt; never overwrites a file.

    \b
    batchspec init my-project
    """
    from batchspec.cli.starting import begin
    from batchspec.report.text import init_text

    run.options(own)
    run.console.out(init_text(begin(directory), str(directory), run.console.out_style()))
    return ExitCode.DONE


@click.command(cls=Taught)
@click.argument("name", default="batchspec.schema.json")
def schema(name: str) -> int:
    """Print the JSON Schema of specs.

    Or another of batchspec's schemas, by its name; `editor.schema.json` is the one for editors, with every endpoint's
    body.

    \b
    batchspec schema > batchspec.schema.json
    batchspec schema editor.schema.json > .batchspec/batchspec.schema.json
    """
    from batchspec.core.diagnostics import did_you_mean
    from batchspec.project.packaged import schema_names, schema_text

    known = schema_names()
    if name not in known:
        raise InvalidInputError(f"there is no schema `{name}`", hint=did_you_mean(name, known))
    click.echo(schema_text(name), nl=False)
    return ExitCode.DONE


@click.command(cls=Taught)
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
@click.option("--upstream", metavar="URL", help="A live server whose answers are given, in place of made-up ones.")
@click.option(
    "--upstream-concurrency", type=click.IntRange(1, 256), default=8, help="Requests to it at once. Default: 8."
)
@shared
@click.pass_obj
def emulator(
    run: Run, /, port: int, data: Path, key: str | None, upstream: str | None, upstream_concurrency: int, **own: Any
) -> int:
    """Serve the batch API on this machine.

    Its answers are made up from the requests, always the same for the same request; or with --upstream, those of a
    server that speaks the chat-completions, embeddings or FIM API, its key in BATCHSPEC_UPSTREAM_KEY.

    \b
    batchspec emulator --port 8790 --data ./emulator
    """
    from batchspec.cli.serving import serve, serving_options

    run.options(own)
    options = serving_options(key, upstream, upstream_concurrency, run.console.environ)
    return serve(data, port, options, run.console, run.interrupts)
