"""A state is read with SQL: views that say the same as the program, and descriptions of all that there is."""

from __future__ import annotations

import html
import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest
from driving import Project, chat_spec, make_project

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

HALF_FAIL = Faults(line_error_rate=0.5)
VIEWS = ("jobs", "open_jobs", "answers", "failures", "requests_by_status", "usage_by_spec")


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with answers, failures, and a job that is not taken in yet."""
    with EmulatorServer(tmp_path_factory.mktemp("emulator"), options=EmulatorOptions(faults=HALF_FAIL)) as server:
        environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url}
        project = make_project(tmp_path_factory.mktemp("project"), rows=12, environ=environ)
        assert project.run("apply", "--yes", "--wait").code == 6
        project.write("song.batchspec.yaml", chat_spec("song").replace("Say", "Sing"))
        assert project.run("apply", "song.batchspec.yaml", "--yes").code == 0
    # Without a key nothing is refreshed.
    return Project(project.root)


def looked(project: Project, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(project.root / ".batchspec/state.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def described(project: Project) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(project.run("state", "datasette").out)["databases"]["state"]
    return told


def results(project: Project, spec: str) -> list[dict[str, Any]]:
    out = project.run("results", f"{spec}.batchspec.yaml", "--out", "-").out
    return [json.loads(line) for line in out.splitlines()]


def test_requests_are_counted_as_the_results_have_them(applied: Project) -> None:
    told = Counter(row["status"] for row in results(applied, "demo"))
    counted = looked(applied, "SELECT status, requests FROM requests_by_status WHERE spec = 'demo'")
    assert {row["status"]: row["requests"] for row in counted} == dict(told)
    assert told.keys() == {"succeeded", "failed"}
    (flying,) = looked(applied, "SELECT * FROM requests_by_status WHERE spec = 'song'")
    assert (flying["status"], flying["requests"]) == ("in flight", 12)


def test_answers_have_their_texts_and_failures_their_reasons(applied: Project) -> None:
    rows = results(applied, "demo")
    answers = looked(applied, "SELECT * FROM answers WHERE outcome = 'succeeded'")
    assert Counter(each["text"] for each in answers) == Counter(row["text"] for row in rows if row["text"])
    failures = looked(applied, "SELECT * FROM failures")
    told = [row["error"] for row in rows if row["status"] == "failed"]
    assert Counter((each["status_code"], each["error"]) for each in failures) == Counter(
        (error["status_code"], error["message"]) for error in told
    )


def test_tokens_add_up_to_those_of_the_results(applied: Project) -> None:
    used = [row["usage"] for row in results(applied, "demo") if row["usage"]]
    (told,) = looked(applied, "SELECT * FROM usage_by_spec")
    assert told["prompt_tokens"] == sum(each["prompt_tokens"] for each in used)
    assert told["completion_tokens"] == sum(each["completion_tokens"] for each in used)
    assert (told["answers"], told["jobs"]) == (12, 1)


def test_jobs_are_there_with_times_that_people_read(applied: Project) -> None:
    jobs = looked(applied, "SELECT * FROM jobs ORDER BY spec")
    assert [(each["spec"], each["requests"], each["collected"]) for each in jobs] == [("demo", 12, 1), ("song", 12, 0)]
    (opened,) = looked(applied, "SELECT * FROM open_jobs")
    assert (opened["job"], opened["spec"], opened["requests"]) == (jobs[1]["job"], "song", 12)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    assert all(abs((date.fromisoformat(each["created"][:10]) - date.fromisoformat(day)).days) <= 1 for each in jobs)
    assert jobs[0]["minutes"] == 0
    assert jobs[1]["minutes"] is None


def test_every_table_view_and_column_that_is_described_is_there_and_every_table_is_described(applied: Project) -> None:
    there = looked(
        applied, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
    )
    tables = described(applied)["tables"]
    assert tables.keys() == {each["name"] for each in there}
    for name, told in tables.items():
        columns = {each["name"] for each in looked(applied, f"PRAGMA table_info({name})")}
        assert {*told.get("columns", ()), *([told["sort_desc"]] if "sort_desc" in told else ())} <= columns, name


def test_every_query_runs(applied: Project) -> None:
    for name, query in described(applied)["queries"].items():
        prices = {"usd_per_million_prompt_tokens": "0.1", "usd_per_million_completion_tokens": "0.3"}
        with closing(sqlite3.connect(applied.root / ".batchspec/state.db")) as connection:
            rows = connection.execute(query["sql"], prices).fetchall()
        assert rows, name


@pytest.mark.skipif(shutil.which("datasette") is None, reason="datasette is not on the PATH")
def test_datasette_shows_every_view_with_its_description(applied: Project) -> None:
    metadata = applied.write("datasette.json", applied.run("state", "datasette").out)
    for view in VIEWS:
        command = ("datasette", ".batchspec/state.db", "--metadata", str(metadata), "--get", f"/state/{view}")
        done = subprocess.run(command, cwd=applied.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert described(applied)["tables"][view]["description"] in html.unescape(done.stdout)
