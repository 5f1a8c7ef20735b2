"""One upload or download: `transfer.py {batchspec|requests} {upload|download} FILE`, to the server in the environment.

Its seconds and CPU seconds go to `took.json`, without those that it takes to begin, which are measured by themselves.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

tool, verb, name = sys.argv[1:]
path = Path(name)
if tool == "batchspec":
    from batchspec.cli.interrupts import Interrupts
    from batchspec.mistral.client import connect
    from batchspec.report.progress import SilentProgress

    with connect(os.environ, Interrupts(), on_wait=print) as provider:
        begun = time.perf_counter(), time.process_time()
        if verb == "upload":
            provider.upload(path, path.name, SilentProgress())
        else:
            provider.download("file-1", path, SilentProgress())
else:
    import requests

    begun = time.perf_counter(), time.process_time()
    address = f"{os.environ['MISTRAL_BASE_URL']}/v1/files"
    if verb == "upload":
        with path.open("rb") as stream:
            requests.post(address, data={"purpose": "batch"}, files={"file": stream}).raise_for_status()
    else:
        with requests.get(f"{address}/file-1/content", stream=True) as answer, path.open("wb") as stream:
            for block in answer.iter_content(64 * 1024):
                stream.write(block)
            stream.flush()
            os.fsync(stream.fileno())
took = {"seconds": time.perf_counter() - begun[0], "cpu": time.process_time() - begun[1]}
Path("took.json").write_text(json.dumps(took), encoding="utf-8")
