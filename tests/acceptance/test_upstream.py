"""A batch API for a live server: thousands of lines, and either side killed in the middle."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from driving import Project, make_project

from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.refusals import EmulatorError
from batchspec.emulator.server import EmulatorServer
from batchspec.emulator.upstream import UpstreamOptions, read_address

ROWS = 2000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def model_server(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "upstream_app:app", "--port", str(port), "--log-level", "warning"],
        cwd=Path(__file__).parent,
        env=os.environ | {"UPSTREAM_LOG": str(log)},
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def emulator(project: Project, port: int, upstream: int) -> Iterator[subprocess.Popen[str]]:
    process = project.start(
        *("emulator", "--port", str(port), "--data", "served"),
        *("--upstream", f"http://127.0.0.1:{upstream}", "--upstream-concurrency", "16"),
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def lines_of(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").split("\n")[:-1] if log.exists() else []


def wait_for_lines(log: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(lines_of(log)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def check(project: Project) -> None:
    rows = project.rows("results/demo.jsonl")
    assert [row["text"] for row in rows] == [f"mistral-small-latest heard Say word {number}" for number in range(ROWS)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", rows=ROWS, MISTRAL_API_KEY="any")


def test_an_emulator_that_is_killed_goes_on_and_sends_no_finished_line_again(project: Project, tmp_path: Path) -> None:
    log = tmp_path / "log"
    port, upstream = free_port(), free_port()
    project.environ["MISTRAL_BASE_URL"] = f"http://127.0.0.1:{port}"
    with model_server(upstream, log):
        with emulator(project, port, upstream) as first:
            assert project.run("apply", "--yes").code == 0
            wait_for_lines(log, ROWS // 3)
            first.send_signal(signal.SIGKILL)
            first.communicate()
        with emulator(project, port, upstream):
            assert project.run("wait", timeout=120).code == 0
    check(project)
    answered = lines_of(log)
    assert len(set(answered)) == ROWS
    # What was under way at the kill, one line for each of sixteen connections at most, was sent again.
    assert len(answered) - ROWS <= 16


def test_a_model_server_that_is_killed_is_waited_for(project: Project, tmp_path: Path) -> None:
    log = tmp_path / "log"
    port, upstream = free_port(), free_port()
    project.environ["MISTRAL_BASE_URL"] = f"http://127.0.0.1:{port}"
    with emulator(project, port, upstream):
        with model_server(upstream, log) as first:
            assert project.run("apply", "--yes").code == 0
            wait_for_lines(log, ROWS // 3)
            first.send_signal(signal.SIGKILL)
            first.wait()
        with model_server(upstream, log):
            assert project.run("wait", timeout=120).code == 0
    check(project)


def test_what_the_server_refuses_is_the_lines_error(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", rows=2, MISTRAL_API_KEY="any")
    spec = "batchspec: 1\nname: demo\nmodel: m\nendpoint: /v1/moderations\ninputs: rows.csv\n"
    project.write("demo.batchspec.yaml", spec + "body: {input: '{{ row.word }}'}\n")
    upstream = free_port()
    options = EmulatorOptions(upstream=UpstreamOptions(url=f"http://127.0.0.1:{upstream}/v1"))
    with model_server(upstream, tmp_path / "log"), EmulatorServer(tmp_path / "data", options=options) as server:
        project.environ["MISTRAL_BASE_URL"] = server.url
        assert project.run("apply", "--yes", "--wait").code == 6
    error = project.rows("results/demo.jsonl")[0]["error"]
    assert (error["status_code"], error["message"]) == (404, "Not Found")


def test_stopping_gives_up_what_waits_for_a_dead_server(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", rows=50, MISTRAL_API_KEY="any")
    options = EmulatorOptions(upstream=UpstreamOptions(url=f"http://127.0.0.1:{free_port()}"))
    with EmulatorServer(tmp_path / "data", options=options) as server:
        project.environ["MISTRAL_BASE_URL"] = server.url
        assert project.run("apply", "--yes").code == 0
        time.sleep(0.3)
    with EmulatorServer(tmp_path / "data") as server:
        project.environ["MISTRAL_BASE_URL"] = server.url
        assert project.run("wait").code == 0


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://u:p@x", "http://x?y", "http://x:port", "http://x y"])
def test_an_upstream_is_an_address_and_nothing_else(url: str) -> None:
    with pytest.raises(EmulatorError, match="not an address") as refused:
        read_address(url)
    assert "p@" not in str(refused.value)
