"""Serves an emulator until it is killed: `serve_emulator.py DATA LINE_SECONDS`, the address on standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from batchspec.emulator.server import EmulatorOptions, EmulatorServer

if __name__ == "__main__":
    server = EmulatorServer(Path(sys.argv[1]), options=EmulatorOptions(line_seconds=float(sys.argv[2])))
    server.start()
    print(server.url, flush=True)
    server.wait()
