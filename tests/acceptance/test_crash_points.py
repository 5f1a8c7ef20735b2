"""The process dies at each durable or remote step in turn: the next run pays for nothing twice and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from driving import Project, chat_spec, make_project

from batchspec.emulator.server import EmulatorServer

KEY = {"Authorization": "Bearer any"}
STEPS = 18
"""The steps of this project's apply, counted by the first test, so that none is left out here."""


def two_specs(root: Path, server: EmulatorServer) -> Project:
    """One spec that uploads a file, and one that is sent inline: every kind of step."""
    project = make_project(
        root, rows=4, MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.3"
    )
    inline = chat_spec("inline", extra="submit: inline\n").replace("Say", "Sing")
    project.write("inline.batchspec.yaml", inline)
    return project


def test_every_step_is_counted(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        told = two_specs(tmp_path / "project", server).run("apply", "--yes", "--wait", "--verbose")
    assert told.code == 0, told.err
    assert told.err.count("step ") == STEPS, told.err


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_death_at_any_step_is_made_good_by_the_next_run(tmp_path: Path, step: int) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = two_specs(tmp_path / "project", server)
        project.environ["BATCHSPEC_CRASH_AT"] = str(step)
        crashed = project.run("apply", "--yes", "--wait")
        assert crashed.code == 1
        assert "error" not in crashed.err
        del project.environ["BATCHSPEC_CRASH_AT"]
        ended = project.run("apply", "--yes", "--wait")
        assert ended.code == 0, ended.err
        told = requests.get(f"{server.url}/emulator/ledger", headers=KEY, timeout=10).json()
        assert (told["executions"], told["repeated"], told["jobs"]) == (8, 0, 2)
        for name in ("demo", "inline"):
            rows = project.rows(f"results/{name}.jsonl")
            assert [(row["custom_id"], row["status"]) for row in rows] == [(f"r{n}", "succeeded") for n in range(4)]
        assert project.run("plan", "--detailed-exitcode").code == 0
