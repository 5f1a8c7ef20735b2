"""The command line: options become values, adapters are built, a command runs, its result is shown, the process exits.

The only place that reads the environment and the only place that exits.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run batchspec as a program."""
    from batchspec.cli.interrupts import Interrupts

    interrupts = Interrupts()
    # Before the greater part is imported, which takes long enough for a signal to come.
    interrupts.listen()
    from batchspec.cli.app import run

    sys.exit(int(run(sys.argv[1:], interrupts)))
