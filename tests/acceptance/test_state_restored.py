"""States that are not what they were: of an older version, an old copy put back, damaged, only to be read."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from asking import executed_and_repeated
from canonical_state import canonical
from driving import chat_spec, make_project, table
from forking import ForkedProject, ForkServer, fork_server

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer
from batchspec.state.migrations import VERSION

HERE = Path(__file__).parent
STATE = ".batchspec/state.db"


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


def project_of(root: Path, server: EmulatorServer, forks: ForkServer, *, rows: int = 4) -> ForkedProject:
    make_project(root, rows=rows)
    environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.1"}
    return ForkedProject(root, environ, server=forks)


def test_a_state_of_version_1_plans_nothing_to_send(tmp_path: Path, forks: ForkServer) -> None:
    make_project(tmp_path, rows=4)
    project = ForkedProject(tmp_path, server=forks)
    project.write(
        "second.batchspec.yaml", chat_spec("second", extra="retry: {max_attempts: 9}\n").replace("Say", "Sing")
    )
    project.write("third.batchspec.yaml", chat_spec("third").replace("Say", "Shout"))
    path = tmp_path / STATE
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((HERE / "state_of_version_1.sql").read_text(encoding="utf-8"))
    path.chmod(0o600)
    assert "older-version" in project.run("state", "check").out
    planned = project.run("plan", "--no-refresh", "--json").document["summary"]
    assert (planned["submit"], planned["retry"]) == (0, 0)
    assert (planned["done"], planned["failed"], planned["in_flight"], planned["unresolved"]) == (6, 1, 1, 4)
    assert project.run("plan", "--no-refresh", "--detailed-exitcode").code == 0
    assert f"version {VERSION}" in project.run("state", "check").out
    assert project.run("results").code == 0
    statuses = [row["status"] for row in project.rows("results/demo.jsonl")]
    assert sorted(statuses) == ["failed", "succeeded", "succeeded", "succeeded"]


def test_an_old_copy_put_back_sends_nothing_again(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = project_of(tmp_path / "project", server, forks)
        copies = []
        for step, rows in enumerate((4, 6, 8)):
            project.write("rows.csv", table(rows))
            assert project.run("apply", "--yes", "--wait").code == 0
            copies.append(tmp_path / f"copy-{step}.db")
            assert project.run("state", "backup", str(copies[-1])).code == 0
        requests_then = canonical(project.root / STATE)["requests"]
        for copy in copies:
            shutil.copy(copy, project.root / STATE)
            applied = project.run("apply", "--yes", "--wait", "--json")
            assert (applied.code, applied.document["sent"]["requests"]) == (0, 0)
            assert canonical(project.root / STATE)["requests"] == requests_then
            assert project.run("state", "check").code == 0
        assert executed_and_repeated(server) == (8, 0)


def test_a_copy_of_before_or_amid_jobs_in_flight_sends_nothing_again(tmp_path: Path, forks: ForkServer) -> None:
    folder = tmp_path / "emulator"
    before, amid = tmp_path / "before.db", tmp_path / "amid.db"
    with EmulatorServer(folder, options=EmulatorOptions(queue_seconds=600)) as server:
        project = project_of(tmp_path / "project", server, forks)
        assert project.run("status").code == 0
        assert project.run("state", "backup", str(before)).code == 0
        assert project.run("apply", "--yes").code == 0
        assert project.run("state", "backup", str(amid)).code == 0
        shutil.copy(before, project.root / STATE)
        assert project.run("apply", "--yes", "--json").document["sent"]["requests"] == 0
    with EmulatorServer(folder) as server:
        again = project.but({"MISTRAL_BASE_URL": server.url})
        assert again.run("apply", "--yes", "--wait").code == 0
        for copy in (before, amid):
            shutil.copy(copy, again.root / STATE)
            assert again.run("apply", "--yes", "--wait", "--json").document["sent"]["requests"] == 0
            assert again.run("state", "check").code == 0
        assert executed_and_repeated(server) == (4, 0)


def test_a_copy_from_before_a_retry_does_not_retry_again(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        server.set_faults(Faults(line_error_rate=0.5, line_error_status=400))
        project = project_of(tmp_path / "project", server, forks)
        assert project.run("apply", "--yes", "--wait").code == 6
        copy = tmp_path / "copy.db"
        assert project.run("state", "backup", str(copy)).code == 0
        server.set_faults(Faults())
        assert project.run("retry").code == 0
        assert project.run("apply", "--yes", "--wait").code == 0
        executed = executed_and_repeated(server)
        shutil.copy(copy, project.root / STATE)
        assert project.run("apply", "--yes", "--wait", "--json").document["sent"]["requests"] == 0
        assert executed_and_repeated(server) == executed
        assert {row["status"] for row in project.rows("results/demo.jsonl")} == {"succeeded"}


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"], ["status"], ["results"], ["wait"], ["retry"]])
def test_a_damaged_state_is_refused_by_every_command_with_what_mends_it(
    tmp_path: Path, forks: ForkServer, command: list[str]
) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = project_of(tmp_path / "project", server, forks)
        path = project.root / STATE
        path.parent.mkdir()
        path.write_bytes(b"no database\n" * 900)
        refused = project.run(*command)
        assert refused.code == 1
        assert "error[state]" in refused.err
        assert "state rebuild" in refused.err
        assert executed_and_repeated(server) == (0, 0)
