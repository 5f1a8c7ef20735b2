"""SIGKILL at random moments: run again until it ends, and ask the emulator's ledger what was executed."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests
from driving import Project, make_project

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer


def executions(server: EmulatorServer) -> dict[str, int]:
    told = requests.get(f"{server.url}/emulator/ledger", headers={"Authorization": "Bearer any"}, timeout=60).json()
    return {key: int(told[key]) for key in ("executions", "distinct", "repeated", "jobs")}


def run_and_kill(project: Project, seconds: float) -> bool:
    """Run `apply` and kill it after so long; tell whether it came to its end by itself."""
    process = project.start("apply", "--yes", "--wait")
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    return True


def kill_at_random_moments(project: Project, server: EmulatorServer, kills: int, seed: int) -> None:
    moments = random.Random(seed)
    killed = 0
    began = time.monotonic()
    # An interpreter needs about 0.3 s to start, so most kills are aimed at what comes after that.
    while killed < kills and not run_and_kill(project, moments.uniform(0.25, 0.9)):
        killed += 1
    final = project.run("apply", "--yes", "--wait", timeout=300)
    assert final.code == 0, final.err
    print(f"seed {seed}: killed {killed} times in {time.monotonic() - began:.0f} s; {executions(server)}")
    rows = project.rows("results/demo.jsonl")
    assert [row["custom_id"] for row in rows] == [f"r{number}" for number in range(2000)]
    assert {row["status"] for row in rows} == {"succeeded"}
    assert executions(server) | {"jobs": 0} == {"executions": 2000, "distinct": 2000, "repeated": 0, "jobs": 0}
    again = project.run("plan", "--json", "--detailed-exitcode")
    assert again.code == 0, again.out


@pytest.mark.parametrize("seed", [3])
def test_twenty_kills_of_an_apply_pay_for_every_request_once(tmp_path: Path, seed: int) -> None:
    # Slow calls stretch the apply, so that twenty kills fall within its work.
    options = EmulatorOptions(queue_seconds=0.05, faults=Faults(latency=0.1))
    with EmulatorServer(tmp_path / "emulator", options=options) as server:
        project = make_project(
            tmp_path / "project",
            rows=2000,
            extra="limits: {requests_per_job: 100}\n",
            MISTRAL_API_KEY="any",
            MISTRAL_BASE_URL=server.url,
            BATCHSPEC_SETTLE_SECONDS="1",
        )
        kill_at_random_moments(project, server, kills=20, seed=seed)
