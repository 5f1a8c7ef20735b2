"""The command that looks at everything around a project: doctor."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchspec import __version__
from batchspec.cli.offering import Offering
from batchspec.cli.options import JSON, shared
from batchspec.cli.providers import has_key
from batchspec.cli.running import Run
from batchspec.cli.teaching import Taught
from batchspec.core.errors import ExitCode, LockedError, StateError

if TYPE_CHECKING:
    from batchspec.cli.options import Options
    from batchspec.cli.providers import Opened
    from batchspec.cli.wiring import Project
    from batchspec.commands.doctor import Surroundings
    from batchspec.commands.inspect import Checked
    from batchspec.commands.storage import LocalStorage
    from batchspec.core.ports import Provider

LIBRARIES = {
    "click": "8.1",
    "filelock": "4.0",
    "jinja2": "3.1.6",
    "jsonschema": "4.21",
    "orjson": "3.10",
    "pyyaml": "6.0.1",
    "referencing": "0.33",
    "requests": "2.32.2",
    "rich": "13.7",
    "sqlite-utils": "3.37",
    "urllib3": "2",
    "werkzeug": "3.1",
}
"""What batchspec needs, and the oldest version of each that will do; as in the project's own file."""

PYTHON = "3.11"
_SQLITE = "3.37"
"""The first that has tables whose columns hold to their types."""
_EXTRAS = {"duckdb": "duckdb", "parquet": "pyarrow", "remote": "fsspec", "tokens": "mistral_common"}


@click.command(cls=Taught)
@JSON
@shared
@click.pass_obj
def doctor(run: Run, /, as_json: bool, **own: Any) -> int:
    """Look at key, provider, clock, state, disk and lock.

    Says of each what is to be done, and what cannot be promised. Changes nothing. Ends with exit code 1 where something
    must be mended.

    \b
    batchspec doctor
    batchspec doctor --json
    """
    from batchspec.cli import wiring
    from batchspec.commands.doctor import Grade, examine
    from batchspec.report.doctor import examined_document, examined_text

    options = run.options(own, as_json=as_json)
    project = wiring.open_settings(options)
    console = run.console
    console.root = project.root
    opened: list[Opened] = []
    with ExitStack() as stack:

        def connect() -> Provider | None:
            if not has_key(options.provider, console.environ):
                return None
            # Who looks for what is wrong wants to hear of it, and not that it may have passed by the sixth try.
            provider = wiring.open_provider(project, options, console, run.interrupts, patient=False)
            opened.append(stack.enter_context(provider))
            return opened[0]

        findings = examine(
            _surroundings(project, _address(options, console.environ)),
            connect=connect,
            check_state=lambda provider: _checked(run, project, provider),
            own_files=lambda: _own_files(project),
            clock_ahead=lambda: opened[0].clock_ahead if opened else None,
        )
    if as_json:
        console.document(examined_document(findings))
    else:
        console.out(examined_text(findings, console.out_style()))
    return ExitCode.ERROR if any(finding.grade is Grade.ERROR for finding in findings) else ExitCode.DONE


def _checked(run: Run, project: Project, provider: Provider | None) -> Checked:
    from batchspec.commands.inspect import check
    from batchspec.state.inspection import Inspection

    with Inspection(project.state) as inspection:
        return check(run.console.relative(str(project.state)), inspection, provider, run.interrupts.stop)


def _own_files(project: Project) -> frozenset[str]:
    from batchspec.state.inspection import Inspection

    if not project.state.exists():
        return frozenset()
    try:
        with Inspection(project.state) as inspection:
            return inspection.file_ids()
    except StateError:
        # That it cannot be read is a finding of its own.
        return frozenset()


def _local(project: Project) -> LocalStorage:
    from batchspec.commands.storage import LocalStorage
    from batchspec.project.leftovers import disk_size

    beside = project.state.parent
    return LocalStorage(
        state=disk_size(project.state),
        copies=sum(map(disk_size, beside.glob(f"{project.state.name}.*.bak"))),
        on_the_way=disk_size(beside / "spool") + disk_size(beside / "downloads"),
        logs=disk_size(project.home / "logs"),
    )


def _address(options: Options, environ: Mapping[str, str]) -> str:
    from batchspec.mistral.base_url import DEFAULT

    if options.provider != "mistral":
        return "the emulator" if options.provider == "emulator" else f"the provider `{options.provider}`"
    return environ.get("MISTRAL_BASE_URL", "").strip() or DEFAULT


def _versions(names: Iterable[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _surroundings(project: Project, address: str) -> Surroundings:
    from batchspec.commands.doctor import Surroundings
    from batchspec.state.database import sqlite_version

    return Surroundings(
        version=__version__,
        python=platform.python_version(),
        root=str(project.root),
        declared_id=project.settings.project_id,
        state=str(project.state),
        state_exists=project.state.exists(),
        free_bytes=shutil.disk_usage(_existing(project.state.parent)).free,
        holder=_holder(project.state),
        local=_local(project),
        libraries={"SQLite": sqlite_version()} | _versions(LIBRARIES),
        oldest={"Python": PYTHON, "SQLite": _SQLITE} | LIBRARIES,
        extras={name: find_spec(module) is not None for name, module in _EXTRAS.items()},
        address=address,
        plugins=Offering(project.root).standings(),
        writable=os.access(_existing(project.state.parent), os.W_OK),
    )


def _holder(state: Path) -> str | None:
    """Say who holds the state's lock, if anybody does."""
    from batchspec.state.lock import state_lock

    if not state.exists():
        return None
    try:
        with state_lock(state, "doctor"):
            return None
    except LockedError as error:
        return error.summary


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
