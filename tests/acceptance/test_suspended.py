"""A process that is suspended: others are told that it holds the lock, and waking up late pays for nothing twice."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import ForkServer, fork_server
from stories import APPLY, STORIES, Scene

STORY = next(story for story in STORIES if story.name == "apply")
SETTLE_SECONDS = "0.5"


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.fixture
def scene(tmp_path: Path, forks: ForkServer) -> Iterator[Scene]:
    with STORY.scene(STORY.prepared(tmp_path / "at", forks), forks) as scene:
        scene.project.environ["BATCHSPEC_SETTLE_SECONDS"] = SETTLE_SECONDS
        yield scene


@pytest.mark.parametrize("step", ["submit:before-create", "collect:before-take-in"])
def test_who_comes_while_the_state_is_held_is_told_by_whom(scene: Scene, step: str) -> None:
    holder = scene.project.but({"BATCHSPEC_CRASH_AT": f"{step}:STOP"}).begin(*APPLY)
    holder.wait_until_stopped()
    held = rf"in use by `batchspec apply` \(process {holder.pid}\) since \d{{4}}-\d\d-\d\dT"
    for arguments in (APPLY, (*APPLY, "--lock-timeout", "1s"), ("wait",), ("cancel", "--yes")):
        refused = scene.project.run(*arguments)
        assert refused.code == 7, refused.err
        assert re.search(held, refused.err)
        assert "--lock-timeout" in refused.err
    looked = scene.project.run("status")
    assert looked.code == 0
    assert re.search(held, looked.err)
    holder.send(signal.SIGCONT)
    assert holder.wait().code == 0
    STORY.settled(scene)


def test_a_lock_that_becomes_free_in_time_is_taken(scene: Scene) -> None:
    holder = scene.project.but({"BATCHSPEC_CRASH_AT": "submit:before-create:STOP"}).begin(*APPLY)
    holder.wait_until_stopped()
    waiting = scene.project.begin(*APPLY, "--lock-timeout", "60s")
    holder.send(signal.SIGCONT)
    assert holder.wait().code == 0
    assert waiting.wait().code == 0
    STORY.settled(scene)


def test_a_lock_dies_with_a_suspended_process(scene: Scene) -> None:
    holder = scene.project.but({"BATCHSPEC_CRASH_AT": "submit:after-create:STOP"}).begin(*APPLY)
    holder.wait_until_stopped()
    assert scene.project.run(*APPLY).code == 7
    holder.send(signal.SIGKILL)
    holder.wait()
    assert scene.project.run(*APPLY).code == 0
    STORY.settled(scene)


@pytest.mark.slow
def test_a_signal_ends_the_wait_for_a_lock(scene: Scene) -> None:
    holder = scene.project.but({"BATCHSPEC_CRASH_AT": "submit:before-create:STOP"}).begin(*APPLY)
    holder.wait_until_stopped()
    waiting = scene.project.begin(*APPLY, "--lock-timeout", "10m")
    # Nothing tells when it has begun to wait; where the signal comes earlier, it has to end it just as well.
    time.sleep(1)
    waiting.send(signal.SIGINT)
    assert waiting.wait(10).code == 130
    holder.send(signal.SIGCONT)
    assert holder.wait().code == 0
    STORY.settled(scene)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_process_that_wakes_up_after_another_machine_has_sent_its_shard_pays_for_nothing_twice(
    tmp_path: Path, scene: Scene, forks: ForkServer, nth: int
) -> None:
    start = STORY.prepared(tmp_path / "start", forks)
    steps = STORY.steps(tmp_path / "counted", forks, like=start)
    number = [number for number, name in enumerate(steps, 1) if name == "submit:before-create"][nth - 1]
    sleeper = scene.project.but({"BATCHSPEC_CRASH_AT": f"{number}:STOP"}).begin(*APPLY)
    sleeper.wait_until_stopped()
    other = scene.project.but({})
    other.root = tmp_path / "other"
    shutil.copytree(scene.project.root, other.root)
    sent = other.run(*APPLY)
    assert sent.code == 0, sent.err
    assert scene.executed() == (8, 0)
    sleeper.send(signal.SIGCONT)
    woken = sleeper.wait()
    assert woken.code in {0, 5}, woken.err
    for project in (scene.project, other, scene.project):
        ended = project.run(*APPLY)
        assert ended.code == 0, ended.err
    STORY.settled(scene)
