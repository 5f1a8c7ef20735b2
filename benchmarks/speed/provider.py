"""The emulator as a process of its own beside what is measured, so that its work counts for none of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED", "TIMEOUT_EXCEEDED"})


class Provider:
    """An emulator that is begun afresh as often as needed; `environ` is what leads a client to it."""

    def __init__(self, data: Path, environ: Mapping[str, str]) -> None:
        self._data = data
        self._environ = dict(environ)
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    @property
    def environ(self) -> dict[str, str]:
        """What a client needs to know."""
        return {"MISTRAL_BASE_URL": self.url, "MISTRAL_API_KEY": "emulator"}

    def afresh(self) -> None:
        """Begin with no file and no job."""
        self.end()
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True)
        command = (sys.executable, "-u", "-m", "batchspec", "emulator", "--port", "0", "--data", str(self._data))
        self._process = subprocess.Popen(
            command, cwd=self._data, env=self._environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        found = re.search(r"http://\S+?:\d+", self._process.stdout.readline())
        assert found, "the emulator says where it is"
        self.url = found.group()

    def end(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def wait(self) -> None:
        """Return when every job has ended."""
        address = f"{self.url}/v1/batch/jobs?page_size=100"
        request = urllib.request.Request(address, headers={"Authorization": "Bearer emulator"})
        while True:
            with urllib.request.urlopen(request) as answer:
                jobs = json.load(answer)["data"]
            if jobs and all(job["status"] in ENDED for job in jobs):
                return
            time.sleep(0.5)


def clean_environ(root: Path) -> dict[str, str]:
    """Return the environment without anything that would lead batchspec elsewhere, and with this checkout."""
    # Without its compiled modules, a program is compiled each time that it starts.
    left_out = ("MISTRAL_", "BATCHSPEC_", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return kept | {"PYTHONPATH": str(root), "NO_COLOR": "1"}
