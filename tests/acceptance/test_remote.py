"""cancel, jobs, gc, inline jobs, agents, several files in a job: over the real command line and the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from asking import KEY, executions
from driving import Project, chat_spec, make_project

from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer


def slow_project(root: Path, server: EmulatorServer, *, rows: int = 6, extra: str = "") -> Project:
    return make_project(
        root, rows=rows, extra=extra, MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="1"
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


def jobs_of(server: EmulatorServer) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = requests.get(f"{server.url}/v1/batch/jobs", headers=KEY, timeout=60).json()[
        "data"
    ]
    return listed


def test_cancel_asks_and_holds_what_did_not_run(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = slow_project(tmp_path / "project", server)
        assert project.run("apply", "--yes").code == 0
        refused = project.run("cancel")
        assert refused.code == 8
        assert "batchspec cancel --yes" in refused.err
        assert project.run("cancel", "--yes").code == 0
        status = project.run("status", "--json").document
        assert status["specs"][0]["variants"][0]["held"] == 6
        assert status["converged"] is True
        assert {row["status"] for row in project.rows("results/demo.jsonl")} == {"held"}
        again = project.run("apply", "--yes", "--json").document
        assert again["sent"]["requests"] == 0
        assert executions(server) == 0


def test_a_running_job_that_is_cancelled_keeps_what_was_finished(tmp_path: Path) -> None:
    options = EmulatorOptions(line_seconds=0.05, cancel_seconds=0.2)
    with EmulatorServer(tmp_path / "emulator", options=options) as server:
        project = slow_project(tmp_path / "project", server, rows=200)
        assert project.run("apply", "--yes").code == 0
        assert project.run("cancel", "--yes").code == 0
        project.run("wait")
        statuses = [row["status"] for row in project.rows("results/demo.jsonl")]
        assert set(statuses) <= {"succeeded", "held"}
        assert statuses.count("succeeded") == executions(server)


def test_jobs_lists_all_and_filters(tmp_path: Path, server: EmulatorServer) -> None:
    project = slow_project(tmp_path / "project", server, extra="metadata: {owner: kitchen}\n")
    assert project.run("apply", "--yes", "--wait").code == 0
    foreign: Any = {"endpoint": "/v1/chat/completions", "model": "other", "requests": [{"body": {"messages": []}}]}
    requests.post(f"{server.url}/v1/batch/jobs", json=foreign, headers=KEY, timeout=60).raise_for_status()
    listed = project.run("jobs", "--json").document["jobs"]
    assert {job["spec"] for job in listed} == {"demo", None}
    assert [job["spec"] for job in project.run("jobs", "--json", "--model", "other").document["jobs"]] == [None]
    ours = project.run("jobs", "--json", "--metadata", "owner=kitchen", "--status", "success", "--since", "1h")
    assert [job["spec"] for job in ours.document["jobs"]] == ["demo"]
    assert len(project.run("jobs", "--json", "--limit", "1").document["jobs"]) == 1
    assert project.run("jobs", "--metadata", "owner").code == 3
    assert "mistral-small-latest" in project.run("jobs").out


def test_gc_shows_asks_and_deletes_what_is_taken_in(tmp_path: Path, server: EmulatorServer) -> None:
    project = slow_project(tmp_path / "project", server)
    assert project.run("apply", "--yes", "--wait").code == 0
    before = (project.root / "results/demo.jsonl").read_bytes()
    shown = project.run("gc", "--remote")
    assert shown.code == 8
    assert "output" in shown.out
    assert project.run("gc", "--jobs", "--yes").code == 3
    assert project.run("gc", "--remote", "--older-than", "1h", "--yes").code == 0
    assert len(jobs_of(server)) == 1
    assert project.run("gc", "--remote", "--yes").out.count("deleted 2 files and 0 jobs") == 1
    assert project.run("gc", "--remote", "--yes").out.count("deleted 0 files and 0 jobs") == 1
    assert project.run("gc", "--remote", "--jobs", "--yes").out.count("deleted 0 files and 1 job") == 1
    assert jobs_of(server) == []
    assert requests.get(f"{server.url}/v1/files", headers=KEY, timeout=60).json()["data"] == []
    assert project.run("apply", "--yes", "--json").document["sent"]["requests"] == 0
    assert project.run("results").code == 0
    assert (project.root / "results/demo.jsonl").read_bytes() == before


def test_gc_does_not_make_the_next_shard_look_for_another_workspace(tmp_path: Path, server: EmulatorServer) -> None:
    project = slow_project(tmp_path / "project", server)
    assert project.run("apply", "--yes", "--wait").code == 0
    assert project.run("gc", "--remote", "--jobs", "--yes").code == 0
    project.write("rows.csv", "id,word\nr0,changed\n")
    requests.put(f"{server.url}/emulator/faults", json={"drop_calls": {"create": 1}}, headers=KEY, timeout=60)
    assert project.run("apply", "--yes", "--wait").code == 0
    assert executions(server) == 7


@pytest.mark.parametrize("submit", ["inline", "auto"])
def test_inline_jobs_upload_nothing_and_converge(tmp_path: Path, server: EmulatorServer, submit: str) -> None:
    project = slow_project(tmp_path / "project", server, extra=f"submit: {submit}\n")
    assert project.run("apply", "--yes", "--wait").code == 0
    assert [row["custom_id"] for row in project.rows("results/demo.jsonl")] == [f"r{number}" for number in range(6)]
    (job,) = jobs_of(server)
    assert job["input_files"] == []
    for path in (project.root / ".batchspec").glob("state*"):
        path.unlink()
    applied = project.run("apply", "--yes", "--wait", "--json").document
    assert applied["sent"]["requests"] == 0
    assert executions(server) == 6


def test_an_inline_job_whose_answer_was_lost_is_adopted(tmp_path: Path, server: EmulatorServer) -> None:
    project = slow_project(tmp_path / "project", server, extra="submit: inline\n")
    requests.put(f"{server.url}/emulator/faults", json={"lose_answers": {"create": 1}}, headers=KEY, timeout=60)
    assert project.run("apply", "--yes", "--wait").code == 0
    assert len(jobs_of(server)) == 1
    assert executions(server) == 6


def test_a_running_inline_job_that_a_new_state_cannot_know_is_waited_for(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = slow_project(tmp_path / "project", server, extra="submit: inline\n")
        assert project.run("apply", "--yes").code == 0
        for path in (project.root / ".batchspec").glob("state*"):
            path.unlink()
        refused = project.run("apply", "--yes")
        assert refused.code == 5
        assert "cannot be known yet" in refused.err
        assert len(jobs_of(server)) == 1


def test_large_inline_specs_are_cut_at_what_the_api_takes(tmp_path: Path) -> None:
    project = make_project(tmp_path, rows=10_001, extra="submit: inline\n")
    assert project.run("plan", "--json", "--no-refresh").document["summary"]["jobs"] == 2


def test_a_job_can_have_several_input_files(tmp_path: Path, server: EmulatorServer) -> None:
    project = slow_project(tmp_path / "project", server, rows=50, extra="limits: {bytes_per_file: 1000}\n")
    assert project.run("apply", "--yes", "--wait").code == 0
    (job,) = jobs_of(server)
    files = job["input_files"]
    assert isinstance(files, list)
    assert len(files) > 3
    assert len(project.rows("results/demo.jsonl")) == 50
    for path in (project.root / ".batchspec").glob("state*"):
        path.unlink()
    assert project.run("apply", "--yes", "--wait", "--json").document["sent"]["requests"] == 0
    assert executions(server) == 50


def test_an_agent_stands_in_place_of_a_model(tmp_path: Path, server: EmulatorServer) -> None:
    project = slow_project(tmp_path / "project", server)
    project.write("demo.batchspec.yaml", chat_spec().replace("model: mistral-small-latest", "agent_id: ag_1"))
    assert project.run("apply", "--yes", "--wait").code == 0
    (job,) = jobs_of(server)
    assert (job["agent_id"], job["model"]) == ("ag_1", None)
    assert {row["model"] for row in project.rows("results/demo.jsonl")} == {"agent:ag_1"}
    for path in (project.root / ".batchspec").glob("state*"):
        path.unlink()
    assert project.run("apply", "--yes", "--wait", "--json").document["sent"]["requests"] == 0
    project.write("demo.batchspec.yaml", chat_spec(extra="agent_id: ag_1\n"))
    assert project.run("validate").code == 3


def test_metadata_and_timeout_reach_the_job(tmp_path: Path, server: EmulatorServer) -> None:
    project = slow_project(tmp_path / "project", server, extra="metadata: {owner: kitchen}\ntimeout_hours: 7\n")
    assert project.run("apply", "--yes", "--wait").code == 0
    metadata = jobs_of(server)[0]["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["owner"] == "kitchen"
    assert {"bspec_project", "bspec_shard", "bspec_try", "bspec_spec", "bspec_n"} <= set(metadata)
