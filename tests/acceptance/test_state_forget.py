"""state forget: asks first, works without the provider, and the next apply sends just what was forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from asking import KEY, executions
from driving import make_project
from forking import ForkedProject, ForkServer, fork_server

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


def project_of(root: Path, server: EmulatorServer, forks: ForkServer) -> ForkedProject:
    make_project(root, rows=4)
    environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.1"}
    return ForkedProject(root, environ, server=forks)


def jobs_of(project: ForkedProject) -> list[str]:
    return [each["job_id"] for each in project.run("state", "list", "--json").document["claims"]]


def test_a_job_deleted_at_the_provider_is_forgotten_and_sent_again(tmp_path: Path, forks: ForkServer) -> None:
    folder = tmp_path / "emulator"
    with EmulatorServer(folder, options=EmulatorOptions(queue_seconds=600)) as server:
        project = project_of(tmp_path / "project", server, forks)
        assert project.run("apply", "--yes").code == 0
        (job,) = jobs_of(project)
        requests.delete(f"{server.url}/v1/batch/jobs/{job}", headers=KEY, timeout=60).raise_for_status()
    keyless = ForkedProject(project.root, server=forks)
    asked = keyless.run("state", "forget", job)
    assert asked.code == 8
    assert f"batchspec state forget {job} --yes" in asked.err
    assert "4 requests, to be sent and paid for again" in asked.out
    assert keyless.run("plan", "--no-refresh", "--json").document["summary"]["in_flight"] == 4
    told = keyless.run("state", "forget", job, "--yes")
    assert told.code == 0
    assert "forgot 4 requests" in told.out
    assert keyless.run("state", "check").code == 0
    assert keyless.run("state", "forget", job, "--yes").code == 3
    with EmulatorServer(folder) as server:
        again = project.but({"MISTRAL_BASE_URL": server.url})
        applied = again.run("apply", "--yes", "--wait", "--json")
        assert applied.code == 0
        assert applied.document["sent"]["requests"] == 4
        assert again.run("plan", "--detailed-exitcode").code == 0
        assert again.run("state", "check").code == 0


def test_a_forgotten_job_that_is_still_there_is_not_adopted_again(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = project_of(tmp_path / "project", server, forks)
        assert project.run("apply", "--yes").code == 0
        (job,) = jobs_of(project)
        assert project.run("state", "forget", job, "--yes", "--results").code == 0
        applied = project.run("apply", "--yes", "--wait", "--json")
        assert applied.document["sent"]["requests"] == 4
        assert executions(server) == 8
        assert project.run("state", "check").code == 0


def test_what_succeeded_is_kept_unless_results_are_meant(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        server.set_faults(Faults(line_error_rate=0.5))
        project = project_of(tmp_path / "project", server, forks)
        assert project.run("apply", "--yes", "--wait").code == 6
        server.set_faults(Faults())
        (job,) = jobs_of(project)
        rows = project.rows("results/demo.jsonl")
        failed = [row["custom_id"] for row in rows if row["status"] == "failed"]
        assert 0 < len(failed) < 4
        assert f"forgot {len(failed)} request" in project.run("state", "forget", job, "--yes").out
        assert project.run("apply", "--yes", "--wait").code == 0
        assert executions(server) == 4 + len(failed)

        shown = project.run("state", "show", "--spec", "demo", "r0", "--json").document
        digest = shown["requests"][0]["digest"]
        refused = project.run("state", "forget", digest, "--yes")
        assert (refused.code, "--results" in refused.err) == (3, True)
        assert project.run("state", "forget", digest, "--results").code == 8
        assert project.run("state", "forget", digest, "--results", "--yes").code == 0
        assert project.run("plan", "--json").document["summary"]["submit"] == 1
        assert project.run("state", "check").code == 0


def test_a_request_in_flight_a_shard_and_what_is_unknown_are_not_forgotten(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = project_of(tmp_path / "project", server, forks)
        assert project.run("apply", "--yes").code == 0
        (claim,) = project.run("state", "list", "--json").document["claims"]
        shown = project.run("state", "show", "--spec", "demo", "r0", "--json").document
        for name, words in (
            (shown["requests"][0]["digest"], "is in flight"),
            (claim["shard"], "is a shard and no job"),
            ("0" * 32, "nothing is recorded"),
        ):
            refused = project.run("state", "forget", name, "--yes")
            assert refused.code == 3
            assert words in refused.err
        assert "it may still run" in project.run("state", "forget", claim["job_id"]).out
        assert project.run("state", "forget", "x", "--state", str(tmp_path / "none.db")).code == 1
