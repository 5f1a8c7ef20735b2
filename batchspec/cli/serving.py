"""Serves the emulator until a signal asks to stop."""

from __future__ import annotations

from pathlib import Path

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.core.errors import ExitCode, Interrupted
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

_LOOK_EVERY = 3600.0


def serve(data: Path, port: int, key: str | None, console: Console, interrupts: Interrupts) -> int:
    """Serve until SIGINT or SIGTERM, which are the way to end it and no fault."""
    with EmulatorServer(data, port=port, options=EmulatorOptions(key=key)) as server:
        console.out(f"batch API emulator at {server.url}, keeping its files in {data}")
        console.say(
            f"use it with: MISTRAL_BASE_URL={server.url} MISTRAL_API_KEY={'…' if key else 'any'} batchspec apply"
        )
        try:
            while True:
                interrupts.sleep(_LOOK_EVERY)
        except Interrupted:
            console.say("stopped; unfinished jobs go on when it is started again with the same --data")
    return ExitCode.DONE
