"""The package that docs/how-to/write-a-plugin.md shows, really installed: all of a user's way with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from driving import Project
from plugin_packages import TALK, install, page_files, plugged

from batchspec.emulator.server import EmulatorServer

KEY = {"Authorization": "Bearer any"}
TABLE = (
    "| custom_id | model | status | row | text | response | usage | error |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    files = page_files()
    install(tmp_path / "site", files)
    project = plugged(tmp_path, ACME_KEY="any", ACME_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5")
    project.write("talk.batchspec.yaml", files["talk.batchspec.yaml"])
    project.write("talk.srt", TALK)
    return project


def executions(server: EmulatorServer) -> int:
    return int(requests.get(f"{server.url}/emulator/ledger", headers=KEY, timeout=10).json()["executions"])


def plan_of(project: Project) -> dict[str, int]:
    told = project.run_anew("plan", "--provider", "acme", "--json")
    assert told.code in {0, 2}, told
    return {action: count for action, count in json.loads(told.out)["totals"]["actions"].items() if count}


def test_a_spec_goes_all_its_way_by_plugins_and_nothing_is_sent_twice(project: Project, server: EmulatorServer) -> None:
    assert project.run_anew("validate").out == "1 spec and 2 rows are valid\n"
    lines = [json.loads(line) for line in project.run_anew("render", "--out", "-").out.splitlines()]
    assert [line["custom_id"] for line in lines] == ["1", "2"]
    assert lines[1]["body"]["messages"][0]["content"] == "Translate into German: Shall we begin?"

    applied = project.run_anew("apply", "--provider", "acme", "--yes", "--wait")
    assert applied.code == 0, applied.err
    written = (project.root / "results/talk.md").read_text()
    assert written.startswith(TABLE + "| 1 | mistral-small-latest | succeeded | {")
    assert written.count("\n") == 4
    assert executions(server) == 2
    assert (project.root / ".batchspec/providers/acme/state.db").exists()

    again = project.run_anew("apply", "--provider", "acme", "--yes", "--wait")
    assert again.code == 0
    assert "nothing was sent" in again.out
    assert executions(server) == 2
    assert (project.root / "results/talk.manifest.json").exists()
