"""state rebuild: the state that is made of the provider alone is the state that was; and no answer is ever lost."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from asking import KEY, get
from canonical_state import canonical
from driving import chat_spec, make_project, table
from forking import ForkedProject, ForkServer, fork_server

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

STATE = ".batchspec/state.db"
OCR = """\
batchspec: 1
name: scans
endpoint: /v1/ocr
model: mistral-ocr-latest
inputs: [{id: a, path: scans/a.pdf}, {id: b, path: scans/b.pdf}, {id: c, path: scans/c.pdf}]
custom_id: "{{ row.id }}"
body:
  document: {type: file, file_id: "{{ row.path | upload }}"}
"""


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@dataclass
class Scene:
    """A project and its emulator."""

    project: ForkedProject
    server: EmulatorServer

    def ok(self, *arguments: str, code: int = 0) -> str:
        told = self.project.run(*arguments)
        assert told.code == code, told.out + told.err
        return told.out + told.err

    def apply(self, code: int = 0) -> None:
        self.ok("apply", "--yes", "--wait", code=code)

    def get(self, path: str) -> Any:
        return get(self.server, path)

    def delete(self, path: str) -> None:
        requests.delete(f"{self.server.url}{path}", headers=KEY, timeout=60).raise_for_status()

    def jobs(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.get("/v1/batch/jobs")["data"]
        return listed

    def until_ended(self) -> None:
        while any(job["status"] in {"QUEUED", "RUNNING", "CANCELLATION_REQUESTED"} for job in self.jobs()):
            time.sleep(0.02)

    def sent(self) -> None:
        """One apply whose jobs have ended and are collected, and whose second is over.

        The provider's times are whole seconds: which of two jobs of one second was the later try cannot be told.
        """
        self.ok("apply", "--yes")
        self.until_ended()
        self.ok("status")
        second = int(time.time())
        while int(time.time()) == second:
            time.sleep(0.02)

    @property
    def state(self) -> Path:
        return self.project.root / STATE

    def lose(self) -> None:
        for path in self.state.parent.glob("state.db*"):
            path.unlink()

    def results(self) -> dict[str, bytes]:
        """The output files, written anew from the state alone."""
        folder = self.project.root / "results"
        shutil.rmtree(folder, ignore_errors=True)
        self.ok("results")
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def kept(self) -> list[Path]:
        return sorted(self.state.parent.glob("state.db.*.bak"))


@contextmanager
def scene(folder: Path, forks: ForkServer, options: EmulatorOptions | None = None) -> Iterator[Scene]:
    make_project(folder / "project", rows=6)
    with EmulatorServer(folder / "emulator", options=options or EmulatorOptions()) as server:
        environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": server.url, "BATCHSPEC_SETTLE_SECONDS": "0.1"}
        yield Scene(ForkedProject(folder / "project", environ, server=forks), server)


def _shards_and_parts(scene: Scene) -> None:
    scene.project.write("demo.batchspec.yaml", chat_spec(extra="limits: {requests_per_job: 4, bytes_per_file: 250}\n"))
    scene.apply()
    assert len(scene.jobs()) == 2
    assert max(len(job["input_files"]) for job in scene.jobs()) > 1


def _failed_then_sent_again(scene: Scene) -> None:
    scene.server.set_faults(Faults(line_error_rate=0.5, line_error_status=503))
    scene.sent()
    scene.server.set_faults(Faults())
    scene.apply()
    assert len(scene.jobs()) == 2


def _failed_for_good_then_asked_for(scene: Scene) -> None:
    scene.server.set_faults(Faults(line_error_rate=0.5, line_error_status=400))
    scene.sent()
    scene.server.set_faults(Faults(line_error_rate=0.2, line_error_status=422))
    scene.ok("retry")
    scene.apply(6)


def _failed_as_often_as_allowed(scene: Scene) -> None:
    scene.server.set_faults(Faults(line_error_rate=0.5, line_error_status=503))
    for _ in range(3):
        scene.sent()
    scene.apply(6)
    assert len(scene.jobs()) == 3


def _duplicates(scene: Scene) -> None:
    scene.project.write("rows.csv", "id,word\na,one\nb,two\nc,one\nd,one\n")
    scene.project.write("twin.batchspec.yaml", chat_spec("twin"))
    scene.apply()


def _two_models(scene: Scene) -> None:
    models = chat_spec().replace("model: mistral-small-latest", "models: [mistral-small-latest, mistral-large-latest]")
    scene.project.write("demo.batchspec.yaml", models)
    scene.apply()


def _an_agent(scene: Scene) -> None:
    agent = chat_spec().replace("model: mistral-small-latest", "agent_id: ag_1")
    scene.project.write("demo.batchspec.yaml", agent)
    scene.apply()


def _inline(scene: Scene) -> None:
    scene.project.write("demo.batchspec.yaml", chat_spec(extra="submit: inline\n"))
    scene.apply()
    scene.project.write("rows.csv", table(9))
    scene.apply()


def _cancelled(scene: Scene) -> None:
    scene.project.write("rows.csv", table(60))
    scene.ok("apply", "--yes")
    time.sleep(0.3)
    scene.ok("cancel", "--yes")
    scene.until_ended()
    scene.ok("status")


def _expired(scene: Scene) -> None:
    scene.project.write("demo.batchspec.yaml", chat_spec(extra="timeout_hours: 1\nretry: {max_attempts: 1}\n"))
    scene.project.write("rows.csv", table(60))
    scene.apply(6)
    assert {job["status"] for job in scene.jobs()} == {"TIMEOUT_EXCEEDED"}


def _ended_as_failed(scene: Scene) -> None:
    scene.server.set_faults(Faults(fail_jobs=1))
    scene.sent()
    scene.apply()


def _odd_lines(scene: Scene) -> None:
    scene.server.set_faults(Faults(doubled_lines=0.4, missing_lines=0.3))
    scene.sent()
    scene.server.set_faults(Faults())
    scene.apply()


def _uploads(scene: Scene) -> None:
    for name, text in (("a", "the first"), ("b", "the second"), ("c", "the second")):
        scene.project.write(f"scans/{name}.pdf", f"%PDF-1.4 {text}")
    scene.project.write("scans.batchspec.yaml", OCR)
    scene.apply()


def _edited_and_removed(scene: Scene) -> None:
    scene.apply()
    scene.project.write("rows.csv", table(4, start=3))
    scene.apply()
    scene.project.write("rows.csv", table(4))
    scene.apply()


def _in_flight(scene: Scene) -> None:
    scene.ok("apply", "--yes")


@dataclass(frozen=True)
class Story:
    """How a state came to be."""

    act: Callable[[Scene], None]
    options: EmulatorOptions = field(default_factory=EmulatorOptions)


STORIES = {
    "several shards of several parts": Story(_shards_and_parts),
    "failed, then sent again": Story(_failed_then_sent_again),
    "failed for good, then asked for": Story(_failed_for_good_then_asked_for),
    "failed as often as allowed": Story(_failed_as_often_as_allowed),
    "duplicates within and between specs": Story(_duplicates),
    "two models": Story(_two_models),
    "an agent": Story(_an_agent),
    "inline jobs": Story(_inline),
    "cancelled half way": Story(_cancelled, EmulatorOptions(line_seconds=0.02, cancel_seconds=0.1)),
    "expired half way": Story(_expired, EmulatorOptions(line_seconds=0.02, hour_seconds=0.5)),
    "a job that failed": Story(_ended_as_failed),
    "lines that are missing or doubled": Story(_odd_lines),
    "uploads": Story(_uploads),
    "rows edited, removed and back": Story(_edited_and_removed),
    "in flight": Story(_in_flight, EmulatorOptions(queue_seconds=600)),
}


_TELLING = (
    "several shards of several parts",
    "failed, then sent again",
    "inline jobs",
    "cancelled half way",
    "uploads",
)


@pytest.mark.parametrize(
    "name", [name if name in _TELLING else pytest.param(name, marks=pytest.mark.slow) for name in STORIES]
)
def test_a_state_rebuilt_from_nothing_and_over_the_old_one_is_the_state_that_was(
    tmp_path: Path, forks: ForkServer, name: str
) -> None:
    with scene(tmp_path, forks, STORIES[name].options) as scene_:
        STORIES[name].act(scene_)
        before, files = canonical(scene_.state), scene_.results()
        assert before["requests"]
        scene_.lose()
        assert "Rebuilt" in scene_.ok("state", "rebuild")
        assert canonical(scene_.state) == before
        assert scene_.kept() == []
        told = scene_.ok("state", "rebuild")
        assert "the old state and the provider tell the same" in told
        assert canonical(scene_.state) == before
        (kept,) = scene_.kept()
        assert stat.S_IMODE(kept.stat().st_mode) == stat.S_IMODE(scene_.state.stat().st_mode) == 0o600
        assert canonical(kept) == before
        assert scene_.results() == files
        scene_.ok("plan", "--detailed-exitcode")
        scene_.ok("state", "check")
        assert sorted(path.name for path in scene_.state.parent.glob("state.db*")) == [
            "state.db",
            kept.name,
            "state.db.lock",
        ]


# What the provider cannot tell


def test_answers_whose_jobs_are_gone_are_carried_over(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        _failed_then_sent_again(scene_)
        scene_.ok("gc", "--remote", "--jobs", "--yes")
        scene_.project.write("rows.csv", table(8))
        scene_.apply()
        before, files = canonical(scene_.state), scene_.results()
        told = scene_.ok("state", "rebuild")
        assert "6 requests that the provider no longer tells of: carried over" in told
        assert canonical(scene_.state) == before
        assert scene_.results() == files
        scene_.ok("plan", "--detailed-exitcode")
        scene_.ok("state", "check")


def test_answers_whose_files_are_gone_are_carried_over_and_count_as_answered(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        scene_.apply()
        before = canonical(scene_.state)
        (job,) = scene_.jobs()
        scene_.delete(f"/v1/files/{job['output_file']}")
        time.sleep(0.2)
        assert "6 requests that the provider no longer tells of" in scene_.ok("state", "rebuild")
        assert canonical(scene_.state) == before
        scene_.ok("plan", "--detailed-exitcode")


def test_what_the_provider_no_longer_has_is_left_behind_only_when_that_is_approved(
    tmp_path: Path, forks: ForkServer
) -> None:
    with scene(tmp_path, forks) as scene_:
        scene_.apply()
        scene_.ok("gc", "--remote", "--jobs", "--yes")
        scene_.project.write("rows.csv", table(8))
        scene_.apply()
        before = canonical(scene_.state)
        refused = scene_.ok("state", "rebuild", "--drop-missing", code=8)
        assert "6 requests that only the old state knows the end of: left behind" in refused
        assert canonical(scene_.state) == before
        assert scene_.kept() == []
        scene_.ok("state", "rebuild", "--drop-missing", "--yes")
        assert len(canonical(scene_.state)["requests"]) == 2
        assert canonical(scene_.kept()[0]) == before
        scene_.ok("state", "check")


def test_a_running_inline_job_is_known_by_the_old_state_alone(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks, EmulatorOptions(queue_seconds=600)) as scene_:
        scene_.project.write("demo.batchspec.yaml", chat_spec(extra="submit: inline\n"))
        scene_.ok("apply", "--yes")
        before = canonical(scene_.state)
        assert "6 requests in flight there alone: carried over" in scene_.ok("state", "rebuild")
        assert canonical(scene_.state) == before
        scene_.ok("plan", "--detailed-exitcode")
        scene_.ok("state", "check")
        scene_.lose()
        assert "its requests are known nowhere" in scene_.ok("state", "rebuild", code=5)
        assert not scene_.state.exists()


def test_a_submission_without_an_answer_stays_open(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        assert scene_.project.at("submit:before-create", "apply", "--yes").code == 1
        assert "6 requests in flight there alone" in scene_.ok("state", "rebuild")
        planned = scene_.project.run("plan", "--no-refresh", "--json").document["summary"]
        assert (planned["unresolved"], planned["submit"]) == (6, 0)
        scene_.apply()
        assert scene_.get("/emulator/ledger")["executions"] == 6


def test_marks_of_retry_are_kept(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        scene_.server.set_faults(Faults(line_error_rate=0.5, line_error_status=400))
        scene_.apply(6)
        scene_.ok("retry")
        before = canonical(scene_.state)
        assert "marked to be sent again: still marked" in scene_.ok("state", "rebuild")
        assert canonical(scene_.state) == before


def test_a_job_adopted_by_hand_is_carried_over(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        rendered = scene_.project.run("render", "--out", "-").out
        files = {"file": ("mine.jsonl", rendered.encode())}
        url, purpose = scene_.server.url, {"purpose": "batch"}
        file = requests.post(f"{url}/v1/files", files=files, data=purpose, headers=KEY, timeout=60).json()["id"]
        body = {"endpoint": "/v1/chat/completions", "model": "mistral-small-latest", "input_files": [file]}
        job = requests.post(f"{url}/v1/batch/jobs", json=body, headers=KEY, timeout=60).json()["id"]
        scene_.until_ended()
        scene_.ok("state", "adopt", job, "--yes")
        before = canonical(scene_.state)
        scene_.ok("state", "rebuild")
        assert canonical(scene_.state) == before


# Old states that cannot be read, and ids that are not known


@pytest.mark.parametrize("form", ["text", "empty", "torn"])
def test_a_state_that_cannot_be_read_is_rebuilt_and_kept(tmp_path: Path, forks: ForkServer, form: str) -> None:
    with scene(tmp_path, forks) as scene_:
        scene_.apply()
        before = canonical(scene_.state)
        data = scene_.state.read_bytes()
        spoilt = {"text": b"no database\n" * 900, "empty": b"", "torn": data[: len(data) // 2]}[form]
        scene_.state.write_bytes(spoilt)
        journal = scene_.state.with_name("state.db-journal")
        journal.write_bytes(b"what a death has left")
        told = scene_.ok("state", "rebuild")
        assert "nothing could be taken from the old state" in told
        assert canonical(scene_.state) == before
        kept = [path for path in scene_.kept() if not path.name.endswith("-journal")]
        assert [path.read_bytes() for path in kept] == [spoilt]
        assert not journal.exists()
        scene_.ok("state", "check")


def test_a_newer_state_and_another_database_are_not_replaced(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        scene_.apply()
        for pragma, words in (("user_version = 999", "is of version 999"), ("user_version = 0", "is not a batchspec")):
            with closing(sqlite3.connect(scene_.state)) as connection:
                connection.execute(f"PRAGMA {pragma}")
            before = scene_.state.read_bytes()
            assert words in scene_.ok("state", "rebuild", code=1)
            assert scene_.state.read_bytes() == before


def test_the_projects_id_comes_from_the_old_state_where_no_file_names_it(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        scene_.project.write("batchspec.toml", "[project]\n")
        scene_.apply()
        before = canonical(scene_.state)
        scene_.ok("state", "rebuild")
        assert canonical(scene_.state) == before
        scene_.ok("plan", "--detailed-exitcode")
        scene_.lose()
        assert "the id of this project is not known" in scene_.ok("state", "rebuild", code=3)


def test_a_key_of_another_workspace_replaces_nothing(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_, EmulatorServer(tmp_path / "other") as other:
        scene_.apply()
        before = canonical(scene_.state)
        elsewhere = scene_.project.but({"MISTRAL_BASE_URL": other.url})
        assert elsewhere.run("state", "rebuild").code == 4
        assert ForkedProject(scene_.project.root, server=forks).run("state", "rebuild").code == 4
        assert canonical(scene_.state) == before


# Deaths


@pytest.mark.slow
def test_a_death_at_any_step_leaves_a_whole_state_in_place(tmp_path: Path, forks: ForkServer) -> None:
    with scene(tmp_path, forks) as scene_:
        _inline(scene_)
        scene_.project.write("rows.csv", table(11))
        scene_.project.write("demo.batchspec.yaml", chat_spec())
        scene_.apply()
        before = canonical(scene_.state)
        told = scene_.ok("state", "rebuild", "--verbose")
        steps = [line.split(": ", 1)[1] for line in told.splitlines() if line.startswith("step ")]
        assert {
            "rebuild:before-carry",
            "rebuild:after-carry",
            "rebuild:before-replace",
            "rebuild:after-replace",
        } <= set(steps)
        for number in range(1, len(steps) + 1):
            died = scene_.project.at(f"{number}:KILL", "state", "rebuild")
            assert died.code == -9
            assert canonical(scene_.state) == before
        scene_.ok("state", "rebuild")
        assert canonical(scene_.state) == before
        assert not scene_.state.with_name("state.db.rebuilding").exists()
        scene_.ok("state", "check")
