"""The list of commands: its names and summaries are those of the commands themselves, which help does not import."""

from __future__ import annotations

import inspect

import click
from click.testing import CliRunner

from batchspec.cli.app import main
from batchspec.cli.verbs import VERBS


def test_each_summary_is_the_first_sentence_of_the_commands_own_help() -> None:
    for name, command in main.commands.items():
        assert command.name == name
        first = inspect.cleandoc(command.help or "").split("\n\n")[0]
        assert VERBS[name].summary == " ".join(first.split())


def test_help_lists_the_commands_as_a_group_that_has_imported_them_would() -> None:
    plain = click.Group("batchspec", commands=dict(main.commands))
    told = CliRunner().invoke(plain, ["--help"]).output
    assert told.partition("Commands:\n")[2] == CliRunner().invoke(main, ["--help"]).output.partition("Commands:\n")[2]


def test_a_misspelt_command_is_refused_by_name() -> None:
    told = CliRunner().invoke(main, ["aply"])
    assert told.exit_code == 2
    assert "No such command 'aply'" in told.output
