"""The program's commands by name, each imported when it is used: help over all of them imports none."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem


class Verb(NamedTuple):
    """Where a command is declared, as an attribute of a module of `cli`, and the first sentence of its help."""

    module: str
    attribute: str
    summary: str


VERBS = {
    "init": Verb("offline", "init", "Begin a project in a folder."),
    "validate": Verb("offline", "validate", "Check specs and every row of them."),
    "render": Verb("offline", "render", "Write the JSONL that would be sent; needs no key."),
    "plan": Verb("converging", "plan", "Show what apply would send, and why."),
    "apply": Verb("converging", "apply", "Send what is missing, collect, write results."),
    "status": Verb("converging", "status", "Show where requests and jobs stand."),
    "wait": Verb("converging", "wait", "Wait until nothing is in flight."),
    "results": Verb("offline", "results", "Write the output files again."),
    "show": Verb("showing", "show", "Tell a result's whole story."),
    "report": Verb("reporting", "report", "Write a page of what was asked and answered."),
    "retry": Verb("retrying", "retry", "Mark rows without an answer to be sent again."),
    "lock": Verb("locking", "lock", "Pin model aliases to dated models."),
    "cancel": Verb("remote", "cancel", "Cancel what is in flight."),
    "jobs": Verb("remote", "jobs", "List the provider's batch jobs."),
    "gc": Verb("collecting", "gc", "Remove what no spec wants any more."),
    "state": Verb("state", "state", "Look at the state, mend it, copy it."),
    "doctor": Verb("examining", "doctor", "Look at key, provider, clock, state, disk and lock."),
    "explain": Verb("codes", "explain", "Explain a code of a finding or an error."),
    "completion": Verb("completing", "completion", "Print the script that completes batchspec in a shell."),
    "man": Verb("manual", "man", "Write the manual pages into a folder."),
    "schema": Verb("offline", "schema", "Print the JSON Schema of specs."),
    "emulator": Verb("offline", "emulator", "Serve the batch API on this machine."),
}


class Commands(MutableMapping[str, click.Command]):
    """The commands as click wants them; to look at one is to import it."""

    def __init__(self) -> None:
        self._added: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._added:
            verb = VERBS[name]
            self._added[name] = getattr(import_module(f"batchspec.cli.{verb.module}"), verb.attribute)
        return self._added[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._added[name] = command

    def __delitem__(self, name: str) -> None:
        del self._added[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Program(click.Group):
    """A group whose help, and whose completion, is told from the summaries alone."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Return the commands, or the options, that begin so."""
        if incomplete and not incomplete[0].isalnum():
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=verb.summary) for name, verb in VERBS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        told = [click.Command(name, help=verb.summary) for name, verb in VERBS.items()]
        click.Group(commands=told).format_commands(ctx, formatter)
