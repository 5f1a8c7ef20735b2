"""gc, state adopt, state forget and state rebuild with --json: one document that fits its contract, always."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import Outcome, make_project, table
from forking import ForkedProject, ForkServer, fork_server
from jsonschema import Draft202012Validator
from referencing import Registry

from batchspec.emulator.server import EmulatorServer

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


def project_at(root: Path, server: EmulatorServer, forks: ForkServer) -> ForkedProject:
    make_project(root, rows=4)
    environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.1"}
    return ForkedProject(root, environ, server=forks)


def fitting(outcome: Outcome, name: str) -> Any:
    """Return the document of a command, which fits its contract and says no more than that."""
    assert outcome.code == 0, outcome.err
    schema = json.loads((SCHEMAS / f"output-{name}.schema.json").read_text(encoding="utf-8"))
    found = outcome.document
    assert [error.message for error in Draft202012Validator(schema, registry=Registry()).iter_errors(found)] == []
    assert set(found) == set(schema["properties"])
    return found


def refused(outcome: Outcome) -> int:
    """Return the exit code that the one document on stdout tells."""
    assert outcome.document["error"]["exit_code"] == outcome.code
    return outcome.code


def test_what_changes_the_state_tells_it_in_one_document(
    tmp_path: Path, server: EmulatorServer, forks: ForkServer
) -> None:
    project = project_at(tmp_path / "project", server, forks)
    assert project.run("apply", "--yes", "--wait").code == 0
    (claim,) = project.run("state", "list", "--json").document["claims"]
    job = claim["job_id"]
    assert fitting(project.run("state", "adopt", job, "--json"), "state-adopt")["known"] is True
    assert refused(project.run("state", "adopt", "nothing", "--json")) == 3

    other = project_at(tmp_path / "other", server, forks)
    other.write("batchspec.toml", '[project]\nid = "00000000-0000-4000-8000-000000000002"\n')
    assert refused(other.run("state", "adopt", job, "--json")) == 8
    adopted = fitting(other.run("state", "adopt", job, "--yes", "--json"), "state-adopt")
    assert (adopted["known"], adopted["requests"], adopted["status"]) == (False, 4, "SUCCESS")

    rebuilt = fitting(project.run("state", "rebuild", "--json"), "state-rebuild")
    assert (rebuilt["jobs"], rebuilt["in_flight"], rebuilt["unreadable"]) == (1, 0, None)
    assert rebuilt["carried"] == {"answers": 0, "in_flight": 0, "left": 0, "found": 0, "asked": 0}
    assert (project.root / rebuilt["kept"]).is_file()

    assert refused(project.run("state", "forget", job, "--results", "--json")) == 8
    forgotten = fitting(project.run("state", "forget", job, "--results", "--yes", "--json"), "state-forget")
    assert (forgotten["requests"], forgotten["job_id"], forgotten["digest"]) == (4, job, None)
    assert fitting(project.run("state", "forget", "--gone", "--yes", "--json"), "state-forget")["gone"] == []
    assert refused(project.run("state", "forget", "--json")) == 3


def test_what_gc_tells_fits_its_contract(tmp_path: Path, server: EmulatorServer, forks: ForkServer) -> None:
    project = project_at(tmp_path / "project", server, forks)
    nothing = fitting(project.run("gc", "--json"), "gc")
    assert (nothing["state"], nothing["removed"]["requests"]) == (None, 0)
    assert project.run("apply", "--yes", "--wait").code == 0
    project.write("rows.csv", table(1))
    assert project.run("apply", "--yes").code == 0
    log = project.write(".batchspec/logs/bug-x.log", "a fault")
    assert refused(project.run("gc", "--remote", "--jobs", "--json")) == 8
    assert log.exists()
    gone = fitting(project.run("gc", "--remote", "--jobs", "--yes", "--json"), "gc")
    assert [each["path"] for each in gone["files"]] == [".batchspec/logs/bug-x.log"]
    removed = gone["removed"]
    assert (removed["requests"], removed["files"], removed["remote_files"], removed["remote_jobs"]) == (3, 1, 2, 1)
    assert fitting(project.run("gc", "--remote", "--dry-run", "--json"), "gc")["removed"] is None
