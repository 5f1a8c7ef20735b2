"""`doctor` over projects that are well and projects that are not: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import Project, make_project

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer
from batchspec.state.lock import state_lock


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    return make_project(
        tmp_path / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5"
    )


def findings(project: Project, code: int) -> dict[str, list[dict[str, Any]]]:
    told = project.run("doctor", "--json")
    assert told.code == code, told.err
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in told.document["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
    assert told.document["sound"] is (code == 0)
    return found


def test_a_project_that_is_well_is_told_so_with_what_cannot_be_promised(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    found = findings(project, 0)
    assert {name: [each["grade"] for each in listed] for name, listed in found.items()} == {
        "versions": ["ok"],
        "project": ["ok"],
        "disk": ["ok"],
        "provider": ["ok"],
        "state": ["ok"],
        "storage here": ["ok"],
        "storage there": ["ok"],
        "two machines": ["limit"],
        "late effects": ["limit"],
        "expiry": ["limit"],
    }
    assert found["state"][0]["summary"].endswith("holds 3 requests, and agrees with the provider")
    assert "a concurrency group" in found["two machines"][0]["hint"]
    shown = project.run("doctor")
    assert shown.code == 0
    assert "two machines with states of their own" in shown.out


def test_without_a_key_an_id_or_a_state_it_says_what_that_means(project: Project) -> None:
    del project.environ["MISTRAL_API_KEY"]
    project.write("batchspec.toml", "")
    found = findings(project, 0)
    assert found["key"][0]["grade"] == found["project"][0]["grade"] == "notice"
    assert "is not there yet" in found["state"][0]["summary"]
    assert not (project.root / ".batchspec").exists()


def test_a_refused_key_is_an_error_and_the_rest_is_still_looked_at(project: Project, server: EmulatorServer) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    server.set_faults(Faults.from_json({"fail_calls": {"*": {"status": 401, "count": 5}}}))
    found = findings(project, 1)
    assert found["provider"][0]["grade"] == "error"
    assert found["state"][0]["summary"].endswith("was not compared with the provider")


def test_a_key_of_another_workspace_is_an_error(project: Project, tmp_path: Path) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    with EmulatorServer(tmp_path / "other") as other:
        project.environ["MISTRAL_BASE_URL"] = other.url
        assert "workspace" in findings(project, 1)["state"][0]["summary"]


def test_a_damaged_state_is_an_error_with_a_way_out(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    state = project.root / ".batchspec" / "state.db"
    state.write_bytes(b"not a database" * 1000)
    [found] = findings(project, 1)["state"]
    assert found["grade"] == "error"
    assert found["hint"]


def test_who_holds_the_lock_is_told(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    with state_lock(project.root / ".batchspec" / "state.db", "apply"):
        assert "by `batchspec apply`" in findings(project, 0)["lock"][0]["summary"]


def test_how_much_is_stored_here_and_at_the_provider_is_told(
    project: Project, tmp_path: Path, server: EmulatorServer
) -> None:
    other = make_project(tmp_path / "other", rows=5, MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url)
    other.write("batchspec.toml", '[project]\nid = "00000000-0000-4000-8000-000000000002"\n')
    assert other.run("apply", "--yes", "--wait").code == 0
    assert findings(project, 0)["storage there"][0]["numbers"]["project_files"] == 0
    assert project.run("apply", "--yes", "--wait").code == 0
    log = project.write(".batchspec/logs/bug-x.log", "a fault")
    found = findings(project, 0)
    [there], [here] = found["storage there"], found["storage here"]
    numbers = there["numbers"]
    assert (numbers["project_files"], numbers["workspace_files"]) == (2, 4)
    assert 0 < numbers["project_bytes"] < numbers["workspace_bytes"]
    assert "gc --remote" in there["hint"]
    state = project.root / ".batchspec" / "state.db"
    assert (here["numbers"]["state_bytes"], here["numbers"]["logs_bytes"]) == (state.stat().st_size, 7)
    assert "gc --dry-run" in here["hint"]
    log.unlink()
    assert project.run("gc", "--remote", "--yes").code == 0
    found = findings(project, 0)
    assert found["storage there"][0]["numbers"]["project_files"] == 0
    assert found["storage there"][0]["numbers"]["workspace_files"] == 2
    assert found["storage here"][0]["hint"] is None
