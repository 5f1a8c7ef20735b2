"""The options and argument forms that several commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

PROVIDERS = ("mistral", "emulator")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PROVIDER = r"[a-z][a-z0-9_+-]{0,31}"
_DURATION = r"(\d+(?:\.\d+)?)([smhd]?)"
_Command = TypeVar("_Command", bound=Callable[..., Any])


def read_duration(text: str) -> float | None:
    """Return the seconds that `90`, `90s`, `15m`, `2h` or `1d` stand for; None for anything else."""
    found = re.fullmatch(_DURATION, text.strip())
    return float(found[1]) * _UNITS[found[2]] if found else None


class FilePath(click.Path):
    """A path, as click checks one; the library for it is imported once there is one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


def completed(what: str) -> Callable[..., Any]:
    """Return a parameter's completion, imported when a shell asks for it; `what` is as in `completing.candidates`."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> Any:
        # By its name: it opens projects, which takes these options.
        return import_module("batchspec.cli.completing").candidates(what, incomplete)

    return complete


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options that every command has."""

    project: Path | None = None
    state: Path | None = None
    provider: str = "mistral"
    lock_timeout: float = 0.0
    variables: tuple[str, ...] = ()
    variable_files: tuple[Path, ...] = ()
    environment: str | None = None
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    jobs: int | None = None


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A length of time: 90s, 15m, 2h, 1d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        seconds = read_duration(str(value))
        if seconds is None:
            self.fail(f"`{value}` is not a duration: write 90s, 15m, 2h or 1d", param, ctx)
        return seconds


class ProviderName(click.ParamType):  # type: ignore[type-arg]
    """The name of a provider. Whether one that is not built in is installed is found out when it is opened."""

    name = "provider"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        if not re.fullmatch(_PROVIDER, str(value)):
            self.fail(f"`{value}` is no provider's name: those are mistral, emulator and plugins' own", param, ctx)
        return str(value)


_SELECTORS = "by name:, tag:, path: or state:; a bare word is a name"
_ABOUT_SPECS = (
    click.argument("paths", nargs=-1, type=FilePath(), shell_complete=completed("files")),
    click.option(
        "--select",
        multiple=True,
        metavar="SELECTOR",
        shell_complete=completed("selectors"),
        help=f"Only these of the specs, {_SELECTORS}. Repeatable: any of them counts.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="SELECTOR",
        shell_complete=completed("selectors"),
        help=f"Not these specs, {_SELECTORS}. Repeatable.",
    ),
)
_JOBS = click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    envvar="BATCHSPEC_JOBS",
    metavar="N",
    help="How many processes render rows. Default: one, and one for each core where there is much to render.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")


def about_specs(command: _Command) -> _Command:
    """Add PATHS, and the options that say which of the specs there are meant."""
    for parameter in reversed(_ABOUT_SPECS):
        command = parameter(command)
    return command


def about_rows(command: _Command) -> _Command:
    """Add what `about_specs` adds, and how many processes go through the rows of those specs."""
    return about_specs(_JOBS(command))


def shared(command: _Command) -> _Command:
    """Add the options that every command has; given before the command's name, they mean the same."""
    options = (
        click.option(
            "--project",
            type=FilePath(),
            metavar="DIR",
            help="The project's root, if not found from here.",
        ),
        click.option("--state", type=FilePath(), envvar="BATCHSPEC_STATE", help="Where the state lies."),
        click.option(
            "--provider",
            type=ProviderName(),
            envvar="BATCHSPEC_PROVIDER",
            metavar="mistral|emulator|NAME",
            shell_complete=completed("providers"),
            help="Who runs the jobs; `emulator` needs no key and no network, and NAME is of an installed plugin. "
            "Default: mistral.",
        ),
        click.option(
            "--lock-timeout",
            type=Duration(),
            metavar="DURATION",
            help="How long to wait for another batchspec on this state.",
        ),
        click.option("--var", multiple=True, metavar="NAME=VALUE", help="A variable's value for this run; repeatable."),
        click.option(
            "--var-file",
            multiple=True,
            type=FilePath(),
            metavar="FILE",
            help="Variables' values from a YAML or JSON mapping; repeatable.",
        ),
        click.option(
            "--env",
            envvar="BATCHSPEC_ENV",
            metavar="NAME",
            shell_complete=completed("environments"),
            help="The environment of the specs that declare it under `environments`.",
        ),
        click.option("--quiet", "-q", is_flag=True, default=None, help="Results and errors only."),
        click.option(
            "--verbose", "-v", is_flag=True, default=None, help="Tell every step towards a job and its results."
        ),
        click.option("--debug", is_flag=True, default=None, help="Show the traceback of a fault of batchspec itself."),
    )
    for option in reversed(options):
        command = option(command)
    return command
