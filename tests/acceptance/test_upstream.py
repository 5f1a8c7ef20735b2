"""A batch API for a live server: thousands of lines, and either side killed in the middle."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from driving import Project, make_project

from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer
from batchspec.emulator.upstream import UpstreamOptions

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


def recorded(project: Project) -> int:
    """Return how many lines the emulator has recorded as executed, each once."""
    with closing(sqlite3.connect(project.root / "served" / "emulator.db", timeout=30)) as database:
        lines, distinct = database.execute("SELECT count(*), count(DISTINCT body) FROM executions").fetchone()
    assert lines == distinct
    return int(lines)


def wait_for_recorded(project: Project, count: int) -> None:
    deadline = time.monotonic() + 300
    while recorded(project) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
            done = recorded(project)
        with emulator(project, port, upstream):
            assert project.run("wait", timeout=120).code == 0
    check(project)
    answered = lines_of(log)
    assert len(set(answered)) == ROWS
    # What was under way at the kill, one line for each of sixteen connections at most, was sent again.
    assert len(answered) - ROWS <= 16
    assert ROWS // 4 < done < ROWS
    assert recorded(project) == ROWS


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


CONFIGURATION = """
model_list:
  - model_name: "*"
    litellm_params: {model: openai/local, api_key: none, mock_response: an answer of the proxy}
litellm_settings: {telemetry: false}
"""
LITELLM = "litellm[proxy]>=1.60"


def litellm(folder: Path) -> str:
    """Install LiteLLM's proxy, a server of another project that needs no model, and return its program."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", LITELLM]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    if made.returncode != 0:
        pytest.skip(f"{LITELLM} cannot be installed here: {made.stderr[-300:]}")
    return str(folder / "bin" / "litellm")


@contextmanager
def litellm_server(program: str, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    configuration = folder / "litellm.yaml"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    environ = os.environ | {"LITELLM_MASTER_KEY": "sk-a-key", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [program, "--config", str(configuration), "--port", str(port), "--host", "127.0.0.1"]
    with (folder / "litellm.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_server_of_another_project_answers_every_line_once_though_both_sides_are_killed(
    project: Project, tmp_path: Path
) -> None:
    program = litellm(tmp_path / "venv")
    port, upstream = free_port(), free_port()
    project.environ |= {"MISTRAL_BASE_URL": f"http://127.0.0.1:{port}", "BATCHSPEC_UPSTREAM_KEY": "sk-a-key"}
    with emulator(project, port, upstream) as first:
        # It takes seconds to start; the lines wait for it.
        with litellm_server(program, upstream, tmp_path) as other:
            assert project.run("apply", "--yes").code == 0
            wait_for_recorded(project, ROWS // 5)
            other.send_signal(signal.SIGKILL)
            other.wait()
        with litellm_server(program, upstream, tmp_path):
            wait_for_recorded(project, ROWS // 2)
            first.send_signal(signal.SIGKILL)
            first.communicate()
            assert recorded(project) < ROWS
            with emulator(project, port, upstream):
                assert project.run("wait", timeout=600).code == 0
    rows = project.rows("results/demo.jsonl")
    assert [row["custom_id"] for row in rows] == [f"r{number}" for number in range(ROWS)]
    assert {row["text"] for row in rows} == {"an answer of the proxy"}
    assert recorded(project) == ROWS
