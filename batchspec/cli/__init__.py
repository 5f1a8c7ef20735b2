"""The command line: options become values, adapters are built, a command runs, its result is shown, the process exits.

The only place that reads the environment and the only place that exits.
"""

from __future__ import annotations

import gc
import sys

_YOUNG_VALUES = 50_000


def main() -> None:
    """Run batchspec as a program."""
    # Importing and rendering make many values and hardly a cycle: looking for some after every 700 only costs time.
    gc.set_threshold(_YOUNG_VALUES)

    from batchspec.cli.interrupts import Interrupts

    interrupts = Interrupts()
    # Before the greater part is imported, which takes long enough for a signal to come.
    interrupts.listen()
    from batchspec.cli.app import run

    code = int(run(sys.argv[1:], interrupts))
    # The process ends here, and what is left needs no last search for cycles.
    gc.freeze()
    sys.exit(code)
