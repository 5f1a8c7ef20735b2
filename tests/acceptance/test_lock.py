"""Aliases pinned by a lock: what is sent, what a plan says of drift, and going back to an earlier commit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from asking import KEY, executions
from driving import Outcome, Project, chat_spec, make_project

from batchspec.emulator.faults import CallFailure, Faults
from batchspec.emulator.server import EmulatorServer

OLD, NEW = "mistral-small-2506", "mistral-small-2603"
ALIAS = "mistral-small-latest"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    return make_project(tmp_path / "project", MISTRAL_API_KEY="k", MISTRAL_BASE_URL=server.url)


def move(server: EmulatorServer, **aliases: dict[str, str] | None) -> None:
    given = {name.replace("_", "-"): value for name, value in aliases.items()}
    assert requests.put(f"{server.url}/emulator/models", json=given, headers=KEY, timeout=60).ok


def applied(project: Project) -> Any:
    done = project.run("apply", "--yes", "--wait", "--json")
    assert done.code == 0, done.err
    return done.document


def reasons(plan: Outcome) -> list[tuple[str, str, int]]:
    assert plan.code == 0, plan.err
    variants = [variant for spec in plan.document["specs"] for variant in spec["variants"]]
    return [(each["model"], why["reason"], why["count"]) for each in variants for why in each["reasons"]]


def test_what_is_locked_is_sent_and_told_by_its_pin(project: Project) -> None:
    assert project.run("lock").code == 0
    applied(project)
    assert {row["model"] for row in project.rows("results/demo.jsonl")} == {OLD}
    assert {row["text"] for row in project.rows("results/demo.jsonl")} >= {f"[emulated {OLD}] Say word 0"}
    manifest = json.loads((project.root / "results/demo.manifest.json").read_text(encoding="utf-8"))
    assert [(each["asked"], each["pinned"], each["answered"]) for each in manifest["models"]] == [(ALIAS, OLD, [OLD])]
    variant = project.run("plan", "--json").document["specs"][0]["variants"][0]
    assert (variant["model"], variant["asked"], variant["done"]) == (OLD, ALIAS, 3)
    assert f"{OLD} ({ALIAS})" in project.run("status").out


def test_a_pin_stays_when_its_alias_moves_and_a_plan_says_so(project: Project, server: EmulatorServer) -> None:
    assert project.run("lock").code == 0
    applied(project)
    text = (project.root / "batchspec.lock").read_bytes()
    dying = {"model": OLD, "deprecation": "2026-05-31T12:00:00Z", "replacement": NEW}
    move(server, mistral_small_latest={"model": NEW}, mistral_small_2506=dying)
    plan = project.run("plan")
    assert "Nothing to send" in plan.out
    assert f"{ALIAS} now stands for {NEW}; pinned to {OLD}" in plan.err
    assert f"{OLD} (asked for as {ALIAS}) is deprecated from 2026-05-31 on; {NEW} replaces it" in plan.err
    told = project.run("plan", "--json").document["models"]
    assert told == [
        {
            "asked": ALIAS, "model": OLD, "pinned": True, "stands_for": NEW, "drifted": True, "listed": True,
            "deprecation": "2026-05-31", "replacement": NEW, "specs": ["demo"],
        }
    ]  # fmt: skip
    assert f"now stands for {NEW}" in project.run("plan", "--markdown").out
    assert project.run("lock", "--json").document["models"][0]["standing"] == "drifted"
    assert (project.root / "batchspec.lock").read_bytes() == text
    check = project.run("lock", "--check")
    assert (check.code, "drifted" in check.out) == (1, True)
    move(server, mistral_small_2506=None)
    assert "no longer among the provider's models" in project.run("plan").err


def test_an_upgrade_moves_the_pin_and_going_back_finds_the_answers(project: Project, server: EmulatorServer) -> None:
    assert project.run("lock").code == 0
    applied(project)
    before = (project.root / "results/demo.jsonl").read_bytes()
    lock = (project.root / "batchspec.lock").read_text(encoding="utf-8")
    move(server, mistral_small_latest={"model": NEW})
    upgraded = project.run("lock", "--upgrade", ALIAS, "--json").document
    assert [(each["standing"], each["before"], each["pinned"]) for each in upgraded["models"]] == [("moved", OLD, NEW)]
    assert upgraded["models"][0]["recorded_requests"] == 3
    assert project.run("lock", "--check").code == 0
    assert reasons(project.run("plan", "--json")) == [(NEW, "pin moved", 3)]
    project.write("batchspec.lock", lock)
    assert applied(project)["sent"]["requests"] == 0
    assert (project.root / "results/demo.jsonl").read_bytes() == before
    assert executions(server) == 3


def test_locking_after_the_first_apply_says_what_it_costs_before_anything_is_sent(
    project: Project, server: EmulatorServer
) -> None:
    applied(project)
    locked = project.run("lock")
    assert f"3 requests sent to {ALIAS} will be sent, and paid for, again" in locked.out
    assert reasons(project.run("plan", "--json")) == [(OLD, "model pinned", 3)]
    (project.root / "batchspec.lock").unlink()
    assert project.run("plan", "--json").document["summary"]["done"] == 3
    assert executions(server) == 3


def test_what_cannot_be_pinned_is_left_alone_and_written_down(project: Project, server: EmulatorServer) -> None:
    project.write("odd.batchspec.yaml", chat_spec("odd").replace(ALIAS, "house-model"))
    move(server, house_model={"model": "house-model"})
    missing = project.run("lock", "--check")
    assert (missing.code, missing.out.count("not in the lock")) == (1, 2)
    locked = project.run("lock").out
    assert "? house-model  cannot be pinned, the provider tells no dated name of it" in locked
    assert 'unpinned = [\n  "house-model",\n]\n' in (project.root / "batchspec.lock").read_text(encoding="utf-8")
    del project.environ["MISTRAL_API_KEY"]
    offline = project.run("lock", "--check")
    assert (offline.code, "the provider was not asked" in offline.out) == (0, True)
    project.write("new.batchspec.yaml", chat_spec("new").replace(ALIAS, "codestral-latest"))
    assert project.run("lock", "--check").code == 1
    assert "batchspec.lock does not pin codestral-latest" in project.run("plan").err
    assert project.run("lock").code == 4


def test_a_provider_that_does_not_list_its_models_stops_no_plan(project: Project, server: EmulatorServer) -> None:
    assert project.run("lock").code == 0
    server.set_faults(Faults(fail_calls={"models": CallFailure(status=503, count=1)}))
    plan = project.run("plan", "--json")
    assert plan.code == 0
    assert plan.document["models"][0]["listed"] is None
    server.set_faults(Faults(fail_calls={"models": CallFailure(status=503, count=1)}))
    assert "whether models have drifted or are deprecated is not known" in project.run("plan").err
    server.set_faults(Faults(fail_calls={"models": CallFailure(status=404)}))
    assert project.run("plan").code == 0


def test_two_models_that_would_be_one_are_refused_before_the_lock_is_written(project: Project) -> None:
    project.write("demo.batchspec.yaml", chat_spec().replace(f"model: {ALIAS}", f"models: [{ALIAS}, {OLD}]"))
    refused = project.run("lock")
    assert refused.code == 3
    assert "demo.batchspec.yaml:3:" in refused.err
    assert "error[same-model]" in refused.err
    assert not (project.root / "batchspec.lock").exists()


@pytest.mark.parametrize("command", [("validate",), ("lock", "--check")])
def test_a_conflict_in_the_lock_stops_every_command_at_its_line(project: Project, command: tuple[str, ...]) -> None:
    project.write("batchspec.lock", "version = 1\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n")
    stopped = project.run(*command)
    assert stopped.code == 3
    assert "batchspec.lock:2:1: error[merge-conflict]" in stopped.err


def test_names_and_options_that_make_no_sense_are_refused(project: Project) -> None:
    assert "no spec of this project uses `mistral-smal-latest`" in project.run("lock", "mistral-smal-latest").err
    assert "stands for itself" in project.run("lock", "--upgrade", OLD).err
    assert project.run("lock", "--upgrade", "--check").code == 3


def git(project: Project, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=project.root, check=True, capture_output=True)


@contextmanager
def checked_out(project: Project, commit: str) -> Iterator[None]:
    git(project, "checkout", "-q", commit)
    try:
        yield
    finally:
        git(project, "checkout", "-q", "-")


def outputs(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project.root / "results").iterdir()}


def test_apply_at_an_old_commit_sends_nothing_and_writes_the_same_bytes(
    project: Project, server: EmulatorServer
) -> None:
    project.write(".gitignore", ".batchspec/\nresults/\n")
    git(project, "init", "-q", "-b", "main")
    assert project.run("lock").code == 0
    git(project, "add", "-A")
    git(project, "commit", "-qm", "first")
    git(project, "tag", "first")
    applied(project)
    first = outputs(project)

    move(server, mistral_small_latest={"model": NEW})
    assert project.run("lock", "--upgrade").code == 0
    project.write("demo.batchspec.yaml", chat_spec().replace("Say", "Shout"))
    git(project, "commit", "-qam", "second")
    assert applied(project)["sent"]["requests"] == 3
    second = outputs(project)
    assert {name for name in first if first[name] == second[name]} == set()

    for commit, expected in (("first", first), ("main", second)):
        with checked_out(project, commit):
            assert applied(project)["sent"] == {"jobs": 0, "requests": 0}
            assert outputs(project) == expected
    assert executions(server) == 6
