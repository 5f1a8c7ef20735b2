"""Serves the emulator until a signal asks to stop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from batchspec.cli.console import Console
from batchspec.cli.interrupts import Interrupts
from batchspec.core.errors import ExitCode, Interrupted
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer
from batchspec.emulator.upstream.options import UpstreamOptions, read_key

_LOOK_EVERY = 3600.0


def serving_options(
    key: str | None, upstream: str | None, concurrency: int, environ: Mapping[str, str]
) -> EmulatorOptions:
    """Return the options of a server, the key of its upstream from the environment alone."""
    if upstream is None:
        return EmulatorOptions(key=key)
    upstream_key = read_key(environ.get("BATCHSPEC_UPSTREAM_KEY", ""))
    return EmulatorOptions(key=key, upstream=UpstreamOptions(url=upstream, key=upstream_key, concurrency=concurrency))


def serve(data: Path, port: int, options: EmulatorOptions, console: Console, interrupts: Interrupts) -> int:
    """Serve until SIGINT or SIGTERM, which are the way to end it and no fault."""
    interrupts.without_haste()
    with EmulatorServer(data, port=port, options=options) as server:
        console.out(f"batch API emulator at {server.url}, keeping its files in {data}")
        shown_key = "…" if options.key else "any"
        console.say(f"use it with: MISTRAL_BASE_URL={server.url} MISTRAL_API_KEY={shown_key} batchspec apply")
        try:
            while True:
                interrupts.sleep(_LOOK_EVERY)
        except Interrupted:
            console.say("stopped; unfinished jobs go on when it is started again with the same --data")
    return ExitCode.DONE
