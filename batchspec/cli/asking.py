"""Nothing is spent or deleted without a yes."""

from __future__ import annotations

import sys

import click

from batchspec.cli.console import Console
from batchspec.core.errors import NotApprovedError


def ask(console: Console, what: str, *, yes: bool) -> None:
    """Go on only with a yes. Raises NotApprovedError, with the command to run where nobody can be asked."""
    if yes:
        return
    if console.json or not console.can_ask:
        command = " ".join(["batchspec", *sys.argv[1:], "--yes"])
        raise NotApprovedError(f"to {what} wants a yes, and nobody can be asked here", hint=f"run `{command}`")
    click.echo(f"{what[0].upper()}{what[1:]}? [y/N]: ", nl=False)
    console.interrupts.wait_for_line(sys.stdin)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise NotApprovedError("nothing was done", hint="run the command again when it is meant")
