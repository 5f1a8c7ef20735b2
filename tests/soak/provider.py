"""The emulator as a process of its own that can be killed and comes back, and what others do to it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

KEY = {"Authorization": "Bearer any"}
MODES: dict[str, dict[str, float]] = {
    "quick": {},
    "slow": {"queue_seconds": 0.1, "line_seconds": 0.05, "cancel_seconds": 0.2},
    "queued": {"queue_seconds": 1.5},
    "expiring": {"queue_seconds": 60, "hour_seconds": 0},
}
"""How an emulator behaves: `expiring` ends every job that has not ended."""


class ProviderProcess:
    """The emulator's process: one at a time, over one data folder, always at one port."""

    def __init__(self, data: Path, port: int, environ: Mapping[str, str], log: Path) -> None:
        self.data = data
        self.port = port
        self.mode = "quick"
        self._environ = dict(environ)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, mode: str = "quick") -> None:
        """Start it, and return once it answers."""
        self.mode = mode
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "soak.serving", str(self.port), str(self.data), json.dumps(MODES[mode])],
                cwd=self._environ["PYTHONPATH"],
                env=self._environ,
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"the emulator did not start; see {self._log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def break_with(self, faults: Mapping[str, Any]) -> None:
        """Put these faults in force in place of those before."""
        requests.put(f"{self.url}/emulator/faults", json=faults, headers=KEY, timeout=30).raise_for_status()

    def cancel(self, job_id: str) -> None:
        """Cancel a job as somebody else would."""
        self._call("POST", f"batch/jobs/{job_id}/cancel")

    def delete(self, path: str) -> None:
        """Delete a file or a job as somebody else would: `files/ID` or `batch/jobs/ID`."""
        self._call("DELETE", path)

    def _call(self, method: str, path: str) -> None:
        # The faults are for these calls too.
        with contextlib.suppress(requests.RequestException):
            requests.request(method, f"{self.url}/v1/{path}", headers=KEY, timeout=30)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/emulator/faults", headers=KEY, timeout=60).status_code == 200
        except requests.RequestException:
            return False
