"""`doctor` over projects that are well and projects that are not: what is wrong, and what to do about it."""

from __future__ import annotations

import http.server
import sqlite3
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import Project, make_project

from batchspec.cli.examining import LIBRARIES, PYTHON
from batchspec.commands.doctor import Grade, Surroundings, examine
from batchspec.core.ports import Provider
from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer
from batchspec.report.doctor import examined_text
from batchspec.report.style import Style
from batchspec.state.lock import state_lock


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    return make_project(
        tmp_path / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5"
    )


def findings(project: Project, code: int) -> dict[str, list[dict[str, Any]]]:
    told = project.run("doctor", "--json")
    assert told.code == code, told.err
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in told.document["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
    assert told.document["sound"] is (code == 0)
    return found


def test_a_project_that_is_well_is_told_so_with_what_cannot_be_promised(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    found = findings(project, 0)
    assert {name: [each["grade"] for each in listed] for name, listed in found.items()} == {
        "versions": ["ok"],
        "libraries": ["ok"],
        "project": ["ok"],
        "disk": ["ok"],
        "provider": ["ok"],
        "clock": ["ok"],
        "state": ["ok"],
        "storage here": ["ok"],
        "storage there": ["ok"],
        "two machines": ["limit"],
        "late effects": ["limit"],
        "expiry": ["limit"],
    }
    assert found["state"][0]["summary"].endswith("holds 3 requests, and agrees with the provider")
    assert "a concurrency group" in found["two machines"][0]["hint"]
    shown = project.run("doctor")
    assert shown.code == 0
    assert "two machines with states of their own" in shown.out


def test_without_a_key_an_id_or_a_state_it_says_what_that_means(project: Project) -> None:
    del project.environ["MISTRAL_API_KEY"]
    project.write("batchspec.toml", "")
    found = findings(project, 0)
    assert found["key"][0]["grade"] == found["project"][0]["grade"] == "notice"
    assert "is not there yet" in found["state"][0]["summary"]
    assert not (project.root / ".batchspec").exists()


def test_a_refused_key_is_an_error_and_the_rest_is_still_looked_at(project: Project, server: EmulatorServer) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    server.set_faults(Faults.from_json({"fail_calls": {"*": {"status": 401, "count": 5}}}))
    found = findings(project, 1)
    assert found["key"][0]["grade"] == "error"
    assert found["state"][0]["summary"].endswith("was not compared with the provider")


def test_a_key_of_another_workspace_is_an_error(project: Project, tmp_path: Path) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    with EmulatorServer(tmp_path / "other") as other:
        project.environ["MISTRAL_BASE_URL"] = other.url
        assert "workspace" in findings(project, 1)["state"][0]["summary"]


def test_a_damaged_state_is_an_error_with_a_way_out(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    state = project.root / ".batchspec" / "state.db"
    state.write_bytes(b"not a database" * 1000)
    [found] = findings(project, 1)["state"]
    assert found["grade"] == "error"
    assert found["hint"]


def test_who_holds_the_lock_is_told(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    with state_lock(project.root / ".batchspec" / "state.db", "apply"):
        assert "by `batchspec apply`" in findings(project, 0)["lock"][0]["summary"]


def test_how_much_is_stored_here_and_at_the_provider_is_told(
    project: Project, tmp_path: Path, server: EmulatorServer
) -> None:
    other = make_project(tmp_path / "other", rows=5, MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url)
    other.write("batchspec.toml", '[project]\nid = "00000000-0000-4000-8000-000000000002"\n')
    assert other.run("apply", "--yes", "--wait").code == 0
    assert findings(project, 0)["storage there"][0]["numbers"]["project_files"] == 0
    assert project.run("apply", "--yes", "--wait").code == 0
    log = project.write(".batchspec/logs/bug-x.log", "a fault")
    found = findings(project, 0)
    [there], [here] = found["storage there"], found["storage here"]
    numbers = there["numbers"]
    assert (numbers["project_files"], numbers["workspace_files"]) == (2, 4)
    assert 0 < numbers["project_bytes"] < numbers["workspace_bytes"]
    assert "gc --remote" in there["hint"]
    state = project.root / ".batchspec" / "state.db"
    assert (here["numbers"]["state_bytes"], here["numbers"]["logs_bytes"]) == (state.stat().st_size, 7)
    assert "gc --dry-run" in here["hint"]
    log.unlink()
    assert project.run("gc", "--remote", "--yes").code == 0
    found = findings(project, 0)
    assert found["storage there"][0]["numbers"]["project_files"] == 0
    assert found["storage there"][0]["numbers"]["workspace_files"] == 2
    assert found["storage here"][0]["hint"] is None


class DatedServer(http.server.BaseHTTPRequestHandler):
    """Lists nothing, and dates its answers by a clock that stands still."""

    def do_GET(self) -> None:
        body = b'{"data": [], "total": 0}'
        self.send_response_only(200)
        self.send_header("Date", "Sat, 31 Jan 2026 12:00:00 GMT")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *told: object) -> None:
        """Say nothing."""


@pytest.fixture
def dated() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), DatedServer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_clock_that_differs_from_the_provider_s_is_told_with_what_to_do(project: Project, dated: str) -> None:
    project.environ["MISTRAL_BASE_URL"] = dated
    [clock] = findings(project, 0)["clock"]
    assert clock["grade"] == "notice"
    assert abs(clock["numbers"]["ahead_seconds"]) > 60
    assert "the provider's: ages and times" in clock["summary"]
    assert "set its time" in clock["hint"]


def test_a_state_of_a_later_version_is_an_error_that_names_the_way_out(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    database = sqlite3.connect(project.root / ".batchspec" / "state.db")
    database.execute("PRAGMA user_version = 999")
    database.close()
    [found] = findings(project, 1)["state"]
    assert found["grade"] == "error"
    assert "version" in found["summary"]
    assert found["hint"]


def test_the_versions_of_program_libraries_and_state_are_told(project: Project) -> None:
    assert project.run("apply", "--yes", "--wait").code == 0
    found = findings(project, 0)
    assert "SQLite " in found["libraries"][0]["summary"]
    assert " of version " in found["state"][0]["summary"]
    assert found["provider"][0]["summary"].startswith(project.environ["MISTRAL_BASE_URL"])


def surroundings(**other: Any) -> Surroundings:
    facts: dict[str, Any] = {
        "version": "1",
        "python": "3.11",
        "root": "/p",
        "declared_id": "x",
        "state": "/p/state.db",
        "state_exists": False,
        "free_bytes": 10**10,
        "holder": None,
    }
    return Surroundings(**facts | other)


def found_of(about: Surroundings, grade: Grade) -> str:
    def not_asked(provider: Provider | None) -> Any:
        raise AssertionError("there is no state")

    found = examine(about, connect=lambda: None, check_state=not_asked, own_files=tuple)
    listed = [each for each in found if each.grade is grade and each.subject != "key"]
    assert all(each.hint for each in listed)
    return " ".join(each.summary for each in listed)


def test_little_space_is_told() -> None:
    assert "12 MB are free" in found_of(surroundings(free_bytes=12_000_000), Grade.NOTICE)


def test_a_library_that_is_missing_is_an_error() -> None:
    assert found_of(surroundings(libraries={"orjson": None, "click": "8"}), Grade.ERROR) == "not installed: orjson"


def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    assert found_of(surroundings(writable=False), Grade.ERROR).startswith("nothing can be written beside the state")


def test_a_provider_that_fails_is_told_at_once_and_not_asked_again(project: Project, server: EmulatorServer) -> None:
    server.set_faults(Faults.from_json({"fail_calls": {"list": {"status": 503, "count": 1}}}))
    [found] = findings(project, 1)["provider"]
    assert (found["grade"], found["hint"] is None) == ("error", False)
    assert "HTTP 503" in found["summary"]
    assert findings(project, 0)["provider"][0]["grade"] == "ok"


def test_a_malformed_key_is_an_error_of_the_key(project: Project) -> None:
    project.environ["MISTRAL_API_KEY"] = "two words"
    assert findings(project, 1)["key"][0]["grade"] == "error"


OLDEST = {"Python": "3.11", "SQLite": "3.37", "click": "8.1", "jinja2": "3.1.6"}


def test_libraries_that_are_too_old_are_an_error() -> None:
    libraries = {"SQLite": "3.31.1", "click": "8.1.7", "jinja2": "3.1.5", "rich": "odd"}
    told = found_of(surroundings(libraries=libraries, oldest=OLDEST), Grade.ERROR)
    assert told == "too old: SQLite 3.31.1 (at least 3.37), jinja2 3.1.5 (at least 3.1.6)"
    enough = {"SQLite": "3.40.1", "click": "8.10", "jinja2": "3.2"}
    assert found_of(surroundings(libraries=enough, oldest=OLDEST), Grade.ERROR) == ""


def test_a_python_that_is_too_old_is_an_error() -> None:
    told = found_of(surroundings(python="3.10.14", oldest=OLDEST), Grade.ERROR)
    assert told == "batchspec 1 on Python 3.10.14, which is too old: 3.11 or later is needed"


def test_the_versions_that_are_needed_are_those_of_the_project_s_own_file() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = dict(dependency.split(">=") for dependency in project["dependencies"])
    assert needed == LIBRARIES
    assert project["requires-python"] == f">={PYTHON}"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_what_was_found_ends_in_a_sentence_and_fits(width: int) -> None:
    found = examine(
        surroundings(writable=False, free_bytes=10),
        connect=lambda: None,
        check_state=lambda _: pytest.fail("there is no state"),
        own_files=tuple,
    )
    lines = examined_text(found, Style(colour=False, width=width)).split("\n")
    assert lines[-1] == "To be mended: disk. To know of: disk, key."
    assert max(map(len, lines)) <= width
    assert sum("help: " in line for line in lines) == sum(each.hint is not None for each in found)
