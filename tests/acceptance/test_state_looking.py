"""state list, show, check and backup: over the real command line, each document held to its schema."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from asking import KEY
from driving import Outcome, chat_spec, make_project
from forking import ForkedProject, ForkServer, fork_server
from jsonschema import Draft202012Validator
from referencing import Registry

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


def keyed(root: Path, server: EmulatorServer, forks: ForkServer, *, rows: int = 3) -> ForkedProject:
    make_project(root, rows=rows)
    environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.1"}
    return ForkedProject(root, environ, server=forks)


def keyless(project: ForkedProject) -> ForkedProject:
    return ForkedProject(project.root, server=project.server)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path_factory.mktemp("emulator")) as server:
        yield server


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, server: EmulatorServer, forks: ForkServer) -> ForkedProject:
    """A project whose two specs share rows; a line of the second has failed for good."""
    project = keyed(tmp_path_factory.mktemp("project"), server, forks, rows=4)
    assert project.run("apply", "--yes", "--wait").code == 0
    project.write("song.batchspec.yaml", chat_spec("song").replace("Say", "Sing"))
    server.set_faults(Faults(line_error_rate=0.5, doubled_lines=1))
    assert project.run("apply", "--yes", "--wait").code == 6
    server.set_faults(Faults())
    return project


def document(outcome: Outcome, name: str) -> Any:
    """Return the document of a command, which fits its contract and says no more than that."""
    schema = json.loads((ROOT / f"schemas/output-state-{name}.schema.json").read_text(encoding="utf-8"))
    found = outcome.document
    errors = [error.message for error in Draft202012Validator(schema, registry=Registry()).iter_errors(found)]
    assert errors == []
    assert set(found) == set(schema["properties"])
    return found


def test_list_tells_every_claim_without_a_key(applied: ForkedProject) -> None:
    project = keyless(applied)
    claims = document(project.run("state", "list", "--json"), "list")["claims"]
    assert [(each["spec"], each["phase"], each["attempt"], each["requests"]) for each in claims] == [
        ("demo", "collected", 1, 4),
        ("song", "collected", 1, 4),
    ]
    assert all(each["job"]["status"] == "SUCCESS" for each in claims)
    assert len(document(project.run("state", "list", "--json", "--spec", "song"), "list")["claims"]) == 1
    assert document(project.run("state", "list", "--json", "--open"), "list")["claims"] == []
    assert project.run("state", "list", "--open").out == "nothing is recorded\n"
    lines = project.run("state", "list").out.splitlines()
    assert len(lines) == 3
    assert claims[0]["job_id"] in lines[1]


def test_a_row_a_request_a_job_and_a_shard_are_shown(applied: ForkedProject) -> None:
    project = keyless(applied)
    rows = {row["custom_id"]: row for row in project.rows("results/song.jsonl")}
    failed = next(name for name, row in rows.items() if row["status"] == "failed")
    (told,) = document(project.run("state", "show", "--spec", "song", failed, "--json"), "show")["requests"]
    assert (told["status"], told["attempts"]) == ("failed", 1)
    assert told["rows"] == [{"spec": "song", "custom_id": failed}]
    assert (told["answer"]["status_code"], told["answer"]["body"]) == (400, None)
    assert [claim["spec"] for claim in told["claims"]] == ["song"]

    prefix = told["digest"][:12]
    assert document(project.run("state", "show", prefix.upper(), "--json"), "show")["requests"] == [told]
    text = project.run("state", "show", prefix).out
    assert f"row        {failed} of song" in text
    assert "status code 400" in text

    claim = told["claims"][0]
    for name in (claim["job_id"], claim["shard"], claim["shard"][:8]):
        (shown,) = document(project.run("state", "show", name, "--json"), "show")["claims"]
        assert shown["job_id"] == claim["job_id"]
        assert sum(shown["requests_by_status"].values()) == 4
        assert shown["quarantined"]
    assert "quarantine repeated custom_id" in project.run("state", "show", claim["job_id"]).out


def test_an_answers_body_is_in_the_document_alone(applied: ForkedProject) -> None:
    project = keyless(applied)
    (told,) = document(project.run("state", "show", "--spec", "demo", "r0", "--json"), "show")["requests"]
    answer = told["answer"]["body"]["choices"][0]["message"]["content"]
    assert answer
    assert answer not in project.run("state", "show", "--spec", "demo", "r0").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing-like-that"], "nothing is recorded under"),
        (["zz"], "nothing is recorded under"),
        (["--spec", "soup", "r0"], "the state knows no spec `soup`"),
        (["--spec", "demo", "r99"], "no request of `demo`"),
    ],
)
def test_what_is_not_known_is_told_with_what_is(applied: ForkedProject, arguments: list[str], words: str) -> None:
    told = keyless(applied).run("state", "show", *arguments)
    assert told.code == 3
    assert words in told.err
    assert "help:" in told.err


def test_a_sound_state_is_compared_with_the_provider_where_there_is_a_key(applied: ForkedProject) -> None:
    told = document(applied.run("state", "check", "--json"), "check")
    assert (told["sound"], told["compared"], told["problems"]) == (True, True, [])
    assert told["state"]["rows"]["request"] == 8
    assert not document(applied.run("state", "check", "--json", "--no-refresh"), "check")["compared"]
    assert "Sound (the provider was not asked)" in keyless(applied).run("state", "check").out


def test_a_check_never_writes(applied: ForkedProject) -> None:
    before = (applied.root / ".batchspec/state.db").read_bytes()
    assert applied.run("state", "check").code == 0
    assert (applied.root / ".batchspec/state.db").read_bytes() == before


def test_jobs_that_differ_at_the_provider_are_found(tmp_path: Path, forks: ForkServer) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        project = keyed(tmp_path / "project", server, forks)
        assert project.run("apply", "--yes").code == 0
        project.write("song.batchspec.yaml", chat_spec("song").replace("Say", "Sing"))
        assert project.run("apply", "--yes").code == 0
        first, second = (each["id"] for each in project.run("status", "--json").document["jobs"])
        requests.delete(f"{server.url}/v1/batch/jobs/{first}", headers=KEY, timeout=60).raise_for_status()
        requests.post(f"{server.url}/v1/batch/jobs/{second}/cancel", headers=KEY, timeout=60).raise_for_status()
        marked: Any = {
            "endpoint": "/v1/chat/completions",
            "model": "other",
            "requests": [{"body": {"messages": [{"role": "user", "content": "x"}]}}],
            "metadata": {"bspec_project": "00000000-0000-4000-8000-000000000001"},
        }
        requests.post(f"{server.url}/v1/batch/jobs", json=marked, headers=KEY, timeout=60).raise_for_status()
        outcome = project.run("state", "check", "--json")
        assert outcome.code == 1
        found = {each["kind"]: each for each in document(outcome, "check")["problems"]}
        assert set(found) == {"unknown-there", "status-differs", "unknown-here"}
        assert first in found["unknown-there"]["summary"]
        assert found["status-differs"]["severity"] == "notice"
        assert found["unknown-here"]["hint"].startswith("batchspec state adopt ")


def test_a_key_of_another_workspace_is_an_error_of_its_own(applied: ForkedProject, tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "other") as other:
        project = applied.but({"MISTRAL_BASE_URL": other.url})
        assert project.run("state", "check").code == 4
    assert applied.run("state", "check", "--provider", "emulator", "--state", ".batchspec/state.db").code == 4


@pytest.mark.parametrize("form", ["missing", "empty", "text", "newer", "foreign"])
def test_what_is_no_state_is_found_not_sound_and_never_mended(
    applied: ForkedProject, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "state.db"
    if form == "empty":
        path.touch()
    elif form == "text":
        path.write_bytes(b"no database\n" * 1000)
    elif form == "newer":
        assert applied.run("state", "backup", str(path)).code == 0
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 999")
    elif form == "foreign":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE mine (x)")
    before = path.read_bytes() if path.exists() else None
    told = applied.run("state", "check", "--json", "--state", str(path))
    assert told.code == 1
    found = document(told, "check")
    assert not found["sound"]
    assert found["problems"][0]["hint"]
    assert (path.read_bytes() if path.exists() else None) == before
    for command in (["list"], ["show", "x"], ["backup", str(tmp_path / "copy.db")]):
        refused = applied.run("state", *command, "--state", str(path))
        assert refused.code == 1
        assert "error[state]" in refused.err
        assert "help:" in refused.err
    assert not (tmp_path / "copy.db").exists()


def test_a_copy_put_back_is_the_state(applied: ForkedProject, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    told = applied.run("state", "backup", str(copy))
    assert told.code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert applied.run("state", "backup", str(copy)).code == 1
    assert applied.run("state", "backup", "--force", str(copy)).code == 0
    assert applied.run("state", "backup", "--force", ".batchspec/state.db").code == 1
    assert applied.run("state", "check", "--state", str(copy)).code == 0
    planned = applied.run("plan", "--json", "--no-refresh", "--state", str(copy)).document
    assert planned["summary"]["submit"] == 0
