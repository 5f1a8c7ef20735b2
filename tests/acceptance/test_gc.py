"""gc over the real command line and the emulator: what no spec wants goes, what any may want stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from asking import KEY, executions
from driving import chat_spec, make_project, table
from forking import ForkedProject, ForkServer, fork_server

from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

APPLY = ("apply", "--yes", "--wait")


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer, forks: ForkServer) -> ForkedProject:
    return project_at(tmp_path / "project", server, forks)


def project_at(root: Path, server: EmulatorServer, forks: ForkServer) -> ForkedProject:
    make_project(root, rows=6)
    environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.5"}
    return ForkedProject(root, environ, server=forks)


def ok(project: ForkedProject, *arguments: str) -> Any:
    told = project.run(*arguments)
    assert told.code == 0, told.out + told.err
    return told.document if "--json" in arguments else told.out


def test_answers_that_no_spec_declares_are_shown_with_their_cost_and_removed(
    project: ForkedProject, server: EmulatorServer
) -> None:
    ok(project, *APPLY)
    project.write("rows.csv", table(2))
    # Not before an apply has made the smaller table the one that counts.
    assert ok(project, "gc", "--dry-run", "--json")["results"] == []
    ok(project, *APPLY)
    output = (project.root / "results/demo.jsonl").read_bytes()
    shown = ok(project, "gc", "--dry-run", "--json")
    (answers,) = shown["results"]
    assert (answers["spec"], answers["requests"], answers["answers"]) == ("demo", 4, 4)
    assert shown["cost_usd"] == answers["cost_usd"] > 0
    assert shown["removed"] is None
    refused = project.run("gc")
    assert refused.code == 8
    assert "sending them all would cost $" in refused.out
    assert "`batchspec state rebuild` brings them back" in refused.out
    assert "nothing brings them back" in project.run("gc", "--remote").out
    assert "batchspec gc --yes" in refused.err
    assert ok(project, "gc", "--dry-run", "--json") == shown
    gone = ok(project, "gc", "--yes", "--json")["removed"]
    assert (gone["requests"], gone["state"]["free_bytes"]) == (4, 0)
    assert ok(project, "gc", "--yes", "--json")["removed"]["requests"] == 0
    assert ok(project, "state", "check", "--json")["problems"] == []
    assert ok(project, *APPLY, "--json")["sent"]["requests"] == 0
    assert (project.root / "results/demo.jsonl").read_bytes() == output
    project.write("rows.csv", table(3))
    assert ok(project, *APPLY, "--json")["sent"]["requests"] == 1
    assert executions(server) == 7


def test_what_was_removed_comes_back_by_rebuild_while_the_provider_has_it(
    project: ForkedProject, server: EmulatorServer
) -> None:
    ok(project, *APPLY)
    project.write("rows.csv", table(2))
    ok(project, *APPLY)
    ok(project, "gc", "--yes")
    ok(project, "state", "rebuild")
    project.write("rows.csv", table(6))
    assert ok(project, *APPLY, "--json")["sent"]["requests"] == 0
    assert executions(server) == 6


def test_answers_that_are_younger_are_kept(project: ForkedProject) -> None:
    ok(project, *APPLY)
    project.write("rows.csv", table(2))
    ok(project, *APPLY)
    assert ok(project, "gc", "--older-than", "1d", "--yes", "--json")["results"] == []
    assert len(ok(project, "gc", "--older-than", "0s", "--dry-run", "--json")["results"]) == 1


def test_any_error_in_any_spec_leaves_everything(project: ForkedProject) -> None:
    ok(project, *APPLY)
    project.write("rows.csv", table(2))
    ok(project, *APPLY)
    log = project.write(".batchspec/logs/bug-1.log", "a fault")
    broken = project.write("deep/inside/broken.batchspec.yaml", chat_spec("broken").replace("row.word", "row.wrod"))
    project.write("deep/inside/rows.csv", table(2))
    (project.root / "deep/inside").chmod(0o755)
    assert project.run("gc", "--remote", "--yes").code == 3
    broken.write_text("batchspec: 1\nname: broken\n", encoding="utf-8")
    told = project.run("gc", "--remote", "--yes")
    assert (told.code, "broken.batchspec.yaml" in told.err) == (3, True)
    assert log.exists()
    broken.unlink()
    assert ok(project, "gc", "--dry-run", "--json")["results"][0]["requests"] == 4
    project.write("rows.csv", table(0))
    emptied = project.run("gc", "--yes")
    assert (emptied.code, "declares no rows any more" in emptied.err) == (9, True)
    (project.root / "demo.batchspec.yaml").unlink()
    none = project.run("gc", "--yes")
    assert (none.code, "there are no specs" in none.err) == (3, True)
    assert ok(project, "gc", "--no-results", "--yes", "--json")["removed"]["requests"] == 0
    assert not log.exists()


def test_answers_that_specs_share_stay_until_none_declares_them(project: ForkedProject) -> None:
    project.write("other.batchspec.yaml", chat_spec("other", inputs="few.csv"))
    project.write("few.csv", table(3))
    ok(project, *APPLY)
    (project.root / "demo.batchspec.yaml").unlink()
    assert sum(each["requests"] for each in ok(project, "gc", "--yes", "--json")["results"]) == 3
    assert ok(project, *APPLY, "--json")["sent"]["requests"] == 0


def test_a_spec_that_no_search_finds_keeps_its_answers_while_its_file_is_there(project: ForkedProject) -> None:
    project.write("one.yaml", chat_spec("one").replace("Say", "Sing"))
    ok(project, *APPLY)
    ok(project, *APPLY, "one.yaml")
    assert ok(project, "gc", "--dry-run", "--json")["results"] == []
    (project.root / "one.yaml").unlink()
    assert ok(project, "gc", "--dry-run", "--json")["results"][0]["requests"] == 6


def test_what_a_run_with_other_variables_has_declared_last_is_kept(project: ForkedProject) -> None:
    spec = chat_spec(extra="vars: {tone: kind}\n").replace('"Say {{ row.word }}"', '"{{ vars.tone }} {{ row.word }}"')
    project.write("demo.batchspec.yaml", spec)
    ok(project, *APPLY)
    ok(project, *APPLY, "--var", "tone=harsh")
    assert ok(project, "gc", "--dry-run", "--json")["results"] == []
    ok(project, *APPLY, "--var", "tone=dry")
    assert ok(project, "gc", "--dry-run", "--json")["results"][0]["requests"] == 6
    assert ok(project, "gc", "--dry-run", "--json", "--var", "tone=harsh")["results"][0]["requests"] == 6
    assert "specs with variables" in ok(project, "gc", "--dry-run")


def test_while_rows_of_a_chain_wait_none_of_its_answers_is_removed(
    project: ForkedProject, server: EmulatorServer
) -> None:
    project.write(
        "next.batchspec.yaml",
        "batchspec: 1\nname: next\nmodel: mistral-small-latest\ninputs: {spec: demo}\n"
        'prompt: "Is this kind: {{ row.demo.text }}"\nbody: {max_tokens: 5}\n',
    )
    ok(project, *APPLY)
    # What the first stage is to answer anew is not known, and with it nothing of the second.
    project.write("rows.csv", table(2, start=100))
    found = ok(project, "gc", "--yes", "--json")
    assert found["results"] == []
    assert found["kept"] == [{"spec": "next", "rows": 2}]
    project.write("rows.csv", table(6))
    assert ok(project, *APPLY, "--json")["sent"]["requests"] == 0
    project.write("rows.csv", table(2))
    ok(project, *APPLY)
    assert sum(each["requests"] for each in ok(project, "gc", "--yes", "--json")["results"]) == 8
    assert ok(project, *APPLY, "--json")["sent"]["requests"] == 0
    assert executions(server) == 12


def test_nothing_of_a_job_in_flight_or_not_collected_goes(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = project_at(tmp_path / "project", server, forks)
        ok(project, "apply", "--yes")
        project.write("rows.csv", table(1, start=50))
        ok(project, "apply", "--yes")
        found = ok(project, "gc", "--remote", "--jobs", "--yes", "--json")
        assert (found["results"], found["remote"]["files"], found["remote"]["jobs"]) == ([], [], [])
        assert ok(project, "state", "check", "--json")["problems"] == []


def test_what_killed_processes_have_left_is_shown_and_removed(project: ForkedProject) -> None:
    ok(project, *APPLY)
    made = [
        project.write(f".batchspec/{path}", "left behind")
        for path in (
            "spool/.open-x.jsonl",
            f"spool/{'0' * 64}.jsonl",
            "downloads/job.output.jsonl",
            "logs/bug-x.log",
            "state.db.rebuilding/state.db",
        )
    ]
    made.append(project.write("results/.batchspec-x.part", "left behind"))
    state = project.write(".batchspec/.state-x.tmp", "left behind")
    found = ok(project, "gc", "--dry-run", "--json")["files"]
    assert {each["kind"] for each in found} == {
        "batch file",
        "download",
        "log",
        "unfinished state",
        "unfinished output",
    }
    assert {each["bytes"] for each in found} == {11}
    assert all(path.exists() for path in made)
    assert ok(project, "gc", "--older-than", "1h", "--dry-run", "--json")["files"] == []
    assert ok(project, "gc", "--yes", "--json")["removed"]["files"] == len(made)
    assert not any(path.exists() for path in made)
    # A state that is being made beside this one is another project's, unless it is old.
    assert state.exists()
    os.utime(state, (0, 0))
    ok(project, "gc", "--yes")
    assert not state.exists()


def test_what_another_project_has_made_is_left_at_the_provider(
    tmp_path: Path, project: ForkedProject, server: EmulatorServer, forks: ForkServer
) -> None:
    other = project_at(tmp_path / "other", server, forks)
    other.write("batchspec.toml", '[project]\nid = "00000000-0000-4000-8000-000000000002"\n')
    other.write("rows.csv", table(2, start=10))
    ok(other, *APPLY)
    ok(project, *APPLY)
    (job,) = ok(other, "state", "list", "--json")["claims"]
    ok(project, "state", "adopt", job["job_id"], "--yes")
    ok(project, "status")
    found = ok(project, "gc", "--remote", "--jobs", "--yes", "--json")["remote"]
    assert found["foreign_jobs"] == [job["job_id"]]
    assert {each["kind"] for each in found["files"]} == {"input", "output"}
    assert all(each["bytes"] > 0 for each in found["files"])
    files = requests.get(f"{server.url}/v1/files", headers=KEY, timeout=60).json()["data"]
    assert len(files) == 2
    ok(other, "state", "rebuild")
    assert ok(other, *APPLY, "--json")["sent"]["requests"] == 0


def test_a_file_that_another_projects_job_reads_too_stays(project: ForkedProject, server: EmulatorServer) -> None:
    ok(project, *APPLY)
    (job,) = requests.get(f"{server.url}/v1/batch/jobs", headers=KEY, timeout=60).json()["data"]
    (shared,) = job["input_files"]
    made = {"endpoint": job["endpoint"], "model": job["model"], "input_files": [shared]}
    requests.post(f"{server.url}/v1/batch/jobs", json=made, headers=KEY, timeout=60).raise_for_status()
    found = ok(project, "gc", "--remote", "--yes", "--json")["remote"]["files"]
    assert [each["kind"] for each in found] == ["output"]
    assert requests.get(f"{server.url}/v1/files/{shared}", headers=KEY, timeout=60).status_code == 200


def test_answers_of_every_environment_are_wanted(project: ForkedProject) -> None:
    project.write("demo.batchspec.yaml", chat_spec(extra="environments:\n  dev: {body: {max_tokens: 9}}\n"))
    ok(project, *APPLY)
    ok(project, *APPLY, "--env", "dev")
    for more in ((), ("--env", "dev")):
        assert ok(project, "gc", "--dry-run", "--json", *more)["results"] == []
    project.write("demo.batchspec.yaml", chat_spec())
    ok(project, *APPLY)
    assert ok(project, "gc", "--dry-run", "--json")["results"][0]["requests"] == 6
