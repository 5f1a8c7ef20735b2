"""What is wrong with a command line, told as every other error is: what, why, and a way out. click finds it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from batchspec.cli.teaching import examples_in
from batchspec.cli.verbs import VERBS
from batchspec.core.diagnostics import nearest
from batchspec.core.errors import CommandLineError

_QUOTED = re.compile(r"'([^']*)'")
_NO_COMMAND = re.compile(r"No such command '(.*?)'")
_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)

_SAID_ELSEWHERE = {
    "check": "validate",
    "collect": "wait",
    "create": "init",
    "delete": "gc",
    "destroy": "gc",
    "diff": "plan",
    "download": "results",
    "fetch": "results",
    "help": "--help",
    "lint": "validate",
    "list": "jobs",
    "ls": "jobs",
    "new": "init",
    "preview": "plan",
    "run": "apply",
    "send": "apply",
    "submit": "apply",
    "test": "validate",
    "upgrade": "lock --upgrade",
    "version": "--version",
    "watch": "status --watch",
}
"""What other programs call what batchspec has under another name."""


def command_line_error(error: click.ClickException, arguments: Sequence[str]) -> CommandLineError:
    """Return the error to tell for what click has found in these arguments of the program."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    called = context.command_path if context else _called(arguments)
    if isinstance(error, click.NoSuchOption):
        return _no_option(error, called)
    if isinstance(error, click.MissingParameter):
        return _missing(error, called, context)
    if isinstance(error, click.BadParameter):
        return _bad_value(error, called, context)
    if isinstance(error, click.BadOptionUsage):
        wrong = "needs a value" if "requires" in error.message else "takes no value"
        return CommandLineError(
            f"`{error.option_name}` {wrong}", hint=f"`{called} --help` shows how it is written{_example(context)}"
        )
    return _otherwise(error.message, called, context)


def _otherwise(message: str, called: str, context: click.Context | None) -> CommandLineError:
    """Return the error for a finding that click has no class for, in every release that is taken."""
    if found := _NO_COMMAND.search(message):
        return _no_command(found[1], called, context)
    if found := _EXTRA.search(message):
        return CommandLineError(
            f"`{called}` does not know what to do with `{found[1]}`",
            why="it takes no further arguments",
            hint=f"leave it out; `{called} --help` shows what goes there",
        )
    return CommandLineError(
        f"`{called}`: {_told(message)}", hint=f"`{called} --help` shows what goes there{_example(context)}"
    )


def _called(arguments: Sequence[str]) -> str:
    """Return the command that is meant where click's finding does not say it."""
    return " ".join(["batchspec", *[given for given in arguments if given in VERBS][:1]])


def _no_option(error: click.NoSuchOption, called: str) -> CommandLineError:
    closest = error.possibilities[0] if error.possibilities else None
    guess = f"did you mean `{closest}`? " if closest else ""
    return CommandLineError(
        f"`{called}` has no option `{error.option_name}`", hint=f"{guess}`{called} --help` lists its options"
    )


def _no_command(given: str, called: str, context: click.Context | None) -> CommandLineError:
    top = context is None or context.parent is None
    command = None if context is None else context.command
    known = list(VERBS) if top or not isinstance(command, click.Group) else sorted(command.commands)
    listed = f"`{called} --help` lists the commands"
    if top and given.endswith((".yaml", ".yml")) and Path(given).exists():
        return CommandLineError(
            f"`{given}` is a file, and no command", why="a command comes first", hint=f"try `batchspec plan {given}`"
        )
    closest = (_SAID_ELSEWHERE.get(given.lower()) if top else None) or nearest(given, known)
    guess = f"did you mean `{called} {closest}`? " if closest else ""
    return CommandLineError(f"`{called}` has no command `{given}`", hint=f"{guess}{listed}")


def _missing(error: click.MissingParameter, called: str, context: click.Context | None) -> CommandLineError:
    return CommandLineError(
        f"`{called}` needs {_name(error.param)}", hint=f"`{called} --help` says what it is{_example(context)}"
    )


def _bad_value(error: click.BadParameter, called: str, context: click.Context | None) -> CommandLineError:
    parameter, why, guess = error.param, None, ""
    if parameter is not None and context is not None and parameter.name:
        if context.get_parameter_source(parameter.name) is ParameterSource.ENVIRONMENT:
            why = f"it comes from {_variable(parameter)} in the environment"
        given = _QUOTED.search(error.message)
        if given and isinstance(parameter.type, click.Choice):
            closest = nearest(given[1], map(str, parameter.type.choices))
            guess = f"did you mean `{closest}`? " if closest else ""
    return CommandLineError(
        f"{_name(parameter)}: {_told(error.message)}", why=why, hint=f"{guess}`{called} --help` says what it takes"
    )


def _name(parameter: click.Parameter | None) -> str:
    if parameter is None:
        return "a value"
    if isinstance(parameter, click.Argument):
        return (parameter.metavar or parameter.name or "").upper().strip("[].")
    return f"`{max(parameter.opts, key=len)}`"


def _variable(parameter: click.Parameter) -> str:
    variable = parameter.envvar
    return variable if isinstance(variable, str) else " or ".join(variable or ("a variable",))


def _example(context: click.Context | None) -> str:
    examples = examples_in(context.command.help) if context else ()
    return f"; for example `{examples[0]}`" if examples else ""


def _told(message: str) -> str:
    """Return click's words with values as batchspec writes them, and without their full stop."""
    told = _QUOTED.sub(r"`\1`", message).rstrip(".")
    return told[:1].lower() + told[1:]
