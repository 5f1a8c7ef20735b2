"""The program: its commands put together, and every way that a run can end turned into an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from batchspec import __version__
from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.cli.options import shared
from batchspec.cli.running import Run
from batchspec.cli.verbs import Commands, Program
from batchspec.core.errors import BatchspecError, ExitCode

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def run(arguments: Sequence[str], interrupts: Interrupts) -> int:  # noqa: PLR0911 - one return for each way to end
    """Run the program and return its exit code; `interrupts` listens already."""
    console = Console(environ=dict(os.environ), interrupts=interrupts)
    if os.environ.get("_BATCHSPEC_COMPLETE"):
        # It knows a shell more than click does.
        import batchspec.cli.completing  # noqa: F401
    try:
        interrupts.stop()
        code = main(list(arguments), standalone_mode=False, obj=Run(console, interrupts), prog_name="batchspec")
        return int(code or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        return _refuse(error, console, arguments)
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


def _refuse(error: click.ClickException, console: Console, arguments: Sequence[str]) -> int:
    from batchspec.cli.usage import command_line_error

    # Older releases of click write the help of a group by themselves.
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show(sys.stderr)
        return ExitCode.INVALID
    # Options were not read; whoever wants a document is to get one all the same.
    console.json = "--json" in arguments
    told = command_line_error(error, arguments)
    console.error(told)
    return told.exit_code


def _system_error(error: OSError) -> BatchspecError:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        return BatchspecError(
            f"{where}{error.strerror or error}",
            why="a folder is wanted on this path, and a file has its name",
            hint="move the file away; running again is safe",
        )
    return BatchspecError(
        f"{where}{error.strerror or error}",
        why="the operating system refused this",
        hint="check permissions and free space; running again is safe",
    )


@click.group(cls=Program, commands=Commands(), context_settings=_HELP)
@click.version_option(__version__, prog_name="batchspec")
@shared
@click.pass_obj
def main(run: Run, /, **given: Any) -> None:
    """Declare batch jobs for LLMs in YAML; submit only what has changed; keep every result.

    \b
    batchspec init                     begin a project here
    batchspec plan                     see what would be sent, and why
    batchspec apply --wait             send it, wait, and write the results
    """
    run.given = {key: value for key, value in given.items() if value is not None}
