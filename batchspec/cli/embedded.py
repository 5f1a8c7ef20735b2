"""A run of the program inside another one: its environment, quiet streams, and signals left to whoever owns them."""

from __future__ import annotations

import os

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.cli.running import Run


def embedded_run(*, progress: bool) -> Run:
    """Return a run that takes over no signal, and writes nothing but, where it is wanted, its progress to stderr."""
    interrupts = Interrupts()
    return Run(Console(environ=dict(os.environ), interrupts=interrupts, quiet=not progress), interrupts)
