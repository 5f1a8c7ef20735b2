"""`python -m soak.serving PORT DATA OPTIONS`: the emulator, with what its command has no options for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

if __name__ == "__main__":
    _, port, data, options = sys.argv
    with EmulatorServer(Path(data), port=int(port), options=EmulatorOptions(**json.loads(options))) as server:
        server.wait()
