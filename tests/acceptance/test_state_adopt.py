"""state adopt: one job of the provider, whoever has made it, is recorded and never sent again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from asking import KEY, executions
from driving import make_project
from forking import ForkedProject, ForkServer, fork_server

from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

MODEL = "mistral-small-latest"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


def project_of(root: Path, server: EmulatorServer, forks: ForkServer) -> ForkedProject:
    make_project(root, rows=4)
    environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.1"}
    return ForkedProject(root, environ, server=forks)


def posted(server: EmulatorServer, path: str, **body: Any) -> Any:
    answer = requests.post(f"{server.url}{path}", headers=KEY, timeout=60, **body)
    answer.raise_for_status()
    return answer.json()


def made_by_hand(server: EmulatorServer, lines: list[bytes], **more: Any) -> str:
    """The id of a job over these lines, as another program makes it."""
    content = b"".join(line + b"\n" for line in lines)
    file = posted(server, "/v1/files", files={"file": ("mine.jsonl", content)}, data={"purpose": "batch"})
    job = {"endpoint": CHAT, "model": MODEL, "input_files": [file["id"]], **more}
    return str(posted(server, "/v1/batch/jobs", json=job)["id"])


def lines_of(project: ForkedProject, count: int) -> list[bytes]:
    """The lines that the project would send, written as another program would write them."""
    rendered = project.run("render", "--out", "-", "--limit", str(count)).out
    return [json.dumps(json.loads(line), indent=None).encode() for line in rendered.splitlines()]


def wait_until_ended(server: EmulatorServer, job: str) -> None:
    url = f"{server.url}/v1/batch/jobs/{job}"
    while requests.get(url, headers=KEY, timeout=60).json()["status"] in {"QUEUED", "RUNNING"}:
        time.sleep(0.02)


def test_another_programs_job_is_shown_adopted_and_not_sent_again(
    tmp_path: Path, server: EmulatorServer, forks: ForkServer
) -> None:
    project = project_of(tmp_path / "project", server, forks)
    job = made_by_hand(server, lines_of(project, 3), metadata={"owner": "kitchen"})
    wait_until_ended(server, job)
    asked = project.run("state", "adopt", job)
    assert asked.code == 8
    assert "owner=kitchen" in asked.out
    assert f"batchspec state adopt {job} --yes" in asked.err
    told = project.run("state", "adopt", job, "--yes")
    assert told.code == 0
    assert "is recorded with 3 requests; its answers are taken in" in told.out
    known = project.run("state", "adopt", job)
    assert (known.code, "knows job" in known.out) == (0, True)
    applied = project.run("apply", "--yes", "--wait", "--json")
    assert applied.document["sent"]["requests"] == 1
    assert executions(server) == 4
    assert {row["status"] for row in project.rows("results/demo.jsonl")} == {"succeeded"}
    assert project.run("state", "check").code == 0


def test_a_running_job_is_adopted_and_waited_for(tmp_path: Path, forks: ForkServer) -> None:
    folder = tmp_path / "emulator"
    with EmulatorServer(folder, options=EmulatorOptions(queue_seconds=600)) as server:
        project = project_of(tmp_path / "project", server, forks)
        job = made_by_hand(server, lines_of(project, 4))
        told = project.run("state", "adopt", job, "--yes")
        assert "`batchspec wait` waits for it" in told.out
        assert project.run("plan", "--json").document["summary"]["in_flight"] == 4
    with EmulatorServer(folder) as server:
        again = project.but({"MISTRAL_BASE_URL": server.url})
        assert again.run("apply", "--yes", "--wait", "--json").document["sent"]["requests"] == 0
        assert executions(server) == 4


def test_a_job_of_which_nothing_is_new_says_so(tmp_path: Path, server: EmulatorServer, forks: ForkServer) -> None:
    project = project_of(tmp_path / "project", server, forks)
    assert project.run("apply", "--yes", "--wait").code == 0
    job = made_by_hand(server, lines_of(project, 4))
    wait_until_ended(server, job)
    told = project.run("state", "adopt", job, "--yes")
    assert (told.code, "every request of it is in another job, or answered" in told.out) == (0, True)
    assert project.run("state", "check").code == 0


def test_a_job_whose_lines_cannot_be_digested_is_refused(
    tmp_path: Path, server: EmulatorServer, forks: ForkServer
) -> None:
    project = project_of(tmp_path / "project", server, forks)
    job = made_by_hand(server, [b'{"body": {"messages": [{"role": "user", "content": "x"}]}}'])
    refused = project.run("state", "adopt", job, "--yes")
    assert refused.code == 3
    assert "cannot be adopted" in refused.err
    assert project.run("state", "list").out == "nothing is recorded\n"


def test_a_job_that_is_not_there_and_a_missing_key_are_told(
    tmp_path: Path, server: EmulatorServer, forks: ForkServer
) -> None:
    project = project_of(tmp_path / "project", server, forks)
    unknown = project.run("state", "adopt", "00000000-0000-4000-8000-0000000000ff", "--yes")
    assert (unknown.code, "batchspec jobs" in unknown.err) == (3, True)
    assert ForkedProject(project.root, server=forks).run("state", "adopt", "x").code == 4


def test_an_inline_job_is_known_by_its_answers_and_not_before(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = project_of(tmp_path / "project", server, forks)
        inline = [{"custom_id": "a", "body": {"messages": [{"role": "user", "content": "x"}]}}]
        job = posted(server, "/v1/batch/jobs", json={"endpoint": CHAT, "model": MODEL, "requests": inline})["id"]
        refused = project.run("state", "adopt", job, "--yes")
        assert (refused.code, "has ended" in refused.err) == (5, True)
