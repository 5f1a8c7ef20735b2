"""A signal at every step and in every long phase: an end in time that says what to do, and a next run that mends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import ForkServer, fork_server
from stories import APPLY, STORIES, Scene, Story

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions

CODES = {"INT": 130, "TERM": 143, "HUP": 129}
STORY = next(story for story in STORIES if story.name == "apply")
LONGEST_END = 10.0
"""Seconds; five are promised, and a machine may be slow. What is in hand takes longer than this in each test."""


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


def made_good(scene: Scene) -> None:
    ended = scene.project.run(*APPLY)
    assert ended.code == 0, ended.err
    STORY.settled(scene)


def at_every_step(folder: Path, forks: ForkServer, names: list[str], *, every: int = 1, then: str = "") -> None:
    """Send a signal at each step, the named ones in turn, and `then` another at the same step."""
    start = STORY.prepared(folder / "start", forks)
    steps = STORY.steps(folder / "counted", forks, like=start)
    for number in range(1, len(steps) + 1, every):
        name = names[number // every % len(names)]
        where = f"{number}:{name}" + (f",{number}:{then}" if then else "")
        with STORY.scene(folder / str(number), forks, like=start) as scene:
            stopped = scene.project.at(where, *APPLY, timeout=LONGEST_END)
            assert stopped.code == CODES[then or name], f"{where}, {steps[number - 1]}: {stopped.err}"
            assert "run the same command again" in stopped.err
            assert ("left at once" in stopped.err) == bool(then)
            made_good(scene)


def test_a_signal_at_any_step_ends_the_run_in_order(tmp_path: Path, forks: ForkServer) -> None:
    at_every_step(tmp_path, forks, list(CODES))


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
def test_each_signal_at_any_step_ends_the_run_in_order(tmp_path: Path, forks: ForkServer, name: str) -> None:
    at_every_step(tmp_path, forks, [name])


def test_a_second_signal_leaves_at_once(tmp_path: Path, forks: ForkServer) -> None:
    at_every_step(tmp_path, forks, ["INT"], every=5, then="TERM")


@pytest.mark.slow
@pytest.mark.parametrize("then", CODES)
def test_each_second_signal_leaves_at_once_at_any_step(tmp_path: Path, forks: ForkServer, then: str) -> None:
    at_every_step(tmp_path, forks, list(CODES), then=then)


def test_rendering_ends_when_a_signal_comes(tmp_path: Path, forks: ForkServer) -> None:
    with STORY.scene(STORY.prepared(tmp_path / "at", forks), forks) as scene:
        rows = (scene.project.root / "rows.csv").read_text(encoding="utf-8")
        many = "id,word\n" + "".join(f"m{number},word {number}\n" for number in range(100_000))
        scene.project.write("rows.csv", many)
        run = scene.project.begin(*APPLY)
        while not [*scene.project.root.glob(".batchspec/spool/.open-*")]:
            time.sleep(0.01)
        run.send(signal.SIGINT)
        stopped = run.wait(LONGEST_END)
        assert stopped.code == 130, stopped.err
        assert "stopped by SIGINT" in stopped.err
        assert scene.executed() == (0, 0)
        scene.project.write("rows.csv", rows)
        made_good(scene)


def test_waiting_ends_when_a_signal_comes(tmp_path: Path, forks: ForkServer) -> None:
    queued = Story(
        name="waiting",
        arguments=APPLY,
        prepare=STORY.prepare,
        settled=STORY.settled,
        options=EmulatorOptions(queue_seconds=3),
    )
    with queued.scene(queued.prepared(tmp_path / "at", forks), forks) as scene:
        run = scene.project.begin(*APPLY)
        while len(scene.get("/v1/batch/jobs")["data"]) < 2:
            time.sleep(0.01)
        time.sleep(0.5)
        run.send(signal.SIGTERM)
        stopped = run.wait(LONGEST_END)
        assert stopped.code == 143, stopped.err
        assert scene.executed() == (0, 0)
        made_good(scene)


def test_waiting_for_a_download_to_be_possible_ends_when_a_signal_comes(tmp_path: Path, forks: ForkServer) -> None:
    with STORY.scene(STORY.prepared(tmp_path / "at", forks), forks) as scene:
        scene.server.set_faults(Faults.from_json({"fail_calls": {"download": {"status": 503, "retry_after": "60"}}}))
        run = scene.project.begin(*APPLY)
        while scene.get("/emulator/faults")["fail_calls"]["download"]["count"]:
            time.sleep(0.01)
        run.send(signal.SIGHUP)
        stopped = run.wait(LONGEST_END)
        assert stopped.code == 129, stopped.err
        made_good(scene)


def test_a_terminal_that_is_closed_ends_the_run_in_order(tmp_path: Path, forks: ForkServer) -> None:
    ours, theirs = os.openpty()
    with STORY.scene(STORY.prepared(tmp_path / "at", forks), forks) as scene:
        run = scene.project.but({"BATCHSPEC_CRASH_AT": "submit:after-record:STOP"}).begin(
            *APPLY, terminal=os.ttyname(theirs)
        )
        run.wait_until_stopped()
        os.close(theirs)
        os.close(ours)
        run.send(signal.SIGCONT)
        assert run.wait(LONGEST_END).code == 129
        made_good(scene)


def test_a_signal_that_comes_before_the_program_is_loaded_shows_no_traceback(tmp_path: Path) -> None:
    # A module that takes its time to be imported stands in for a slow disk.
    (tmp_path / "click.py").write_text(
        "print('loading', flush=True)\nimport time\ntime.sleep(1)\nraise SystemExit(9)\n"
    )
    environ = dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])}
    command = [sys.executable, "-m", "batchspec", "schema"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LONGEST_END)
    assert err == ""


@pytest.mark.parametrize(
    ("step", "which"),
    [
        pytest.param("submit:before-upload", -1, id="upload", marks=pytest.mark.slow),
        pytest.param("submit:before-create", -1, id="create", marks=pytest.mark.slow),
        pytest.param("submit:after-record", -1, id="look"),
        pytest.param("collect:after-collected", 0, id="download", marks=pytest.mark.slow),
    ],
)
def test_a_call_that_takes_too_long_is_left_to_the_next_run(
    tmp_path: Path, forks: ForkServer, step: str, which: int
) -> None:
    start = STORY.prepared(tmp_path / "start", forks)
    steps = STORY.steps(tmp_path / "counted", forks, like=start)
    number = [number for number, name in enumerate(steps, 1) if name == step][which]
    with STORY.scene(tmp_path / "at", forks, like=start) as scene:
        # A creation that was left has its effect late: the settle time is there for that.
        patient = scene.project.but({"BATCHSPEC_SETTLE_SECONDS": "30"})
        run = patient.but({"BATCHSPEC_CRASH_AT": f"{number}:STOP"}).begin(*APPLY)
        run.wait_until_stopped()
        scene.server.set_faults(Faults(latency=6 if step == "submit:before-create" else 60))
        run.send(signal.SIGCONT)
        time.sleep(0.3)
        run.send(signal.SIGINT)
        stopped = run.wait(LONGEST_END)
        assert stopped.code == 130, stopped.err
        assert "run the same command again" in stopped.err
        scene.server.set_faults(Faults())
        ended = patient.run(*APPLY)
        assert ended.code == 0, ended.err
        STORY.settled(scene)
