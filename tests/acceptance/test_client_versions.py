"""The official client's newest 1.x, 2.x and 3.x, each through a job's whole life on all ten endpoints."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest
from client_life import BODIES

from batchspec.core.model import ENDPOINTS
from batchspec.emulator.server import EmulatorServer

LIFE = Path(__file__).with_name("client_life.py")


def live(python: str, data: Path) -> None:
    with EmulatorServer(data) as server:
        told = subprocess.run([python, str(LIFE), server.url], capture_output=True, text=True, check=False, timeout=300)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("lived") == len(BODIES) == len(ENDPOINTS)


def test_the_client_of_this_environment_lives_through_all_ten_endpoints(tmp_path: Path) -> None:
    live(sys.executable, tmp_path / "data")


@pytest.mark.slow
@pytest.mark.parametrize("major", [1, 2, 3])
def test_each_major_release_of_the_client_lives_through_all_ten_endpoints(tmp_path: Path, major: int) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    wanted = f"mistralai>={major},<{major + 1}"
    made = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", wanted], capture_output=True, text=True, check=False, timeout=600
    )
    if made.returncode != 0:
        pytest.skip(f"{wanted} cannot be installed here: {made.stderr[-300:]}")
    live(python, tmp_path / "data")
