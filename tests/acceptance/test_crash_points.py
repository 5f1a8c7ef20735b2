"""The process dies at each durable or remote step in turn: the next run pays for nothing twice and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import ForkServer, fork_server
from stories import STORIES, Story

LEAST_STEPS = {"apply": 18, "apply of uploads": 12, "status": 6, "gc of answers": 8}
"""As many have to be found at least, or else some are no longer told."""


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


def die_at(tmp_path: Path, forks: ForkServer, story: Story, *, every: int) -> None:
    """Die at each step, or at every so many, and judge what the next run makes of it."""
    start = story.prepared(tmp_path / "start", forks)
    steps = story.steps(tmp_path / "counted", forks, like=start)
    assert len(steps) >= LEAST_STEPS.get(story.name, 2)
    for number, name in list(enumerate(steps, 1))[::every]:
        # Every other death is one that not even the interpreter hears of.
        where, code = (f"{number}:KILL", -9) if number % 2 else (str(number), 1)
        with story.scene(tmp_path / str(number), forks, like=start) as scene:
            died = scene.project.at(where, *story.arguments)
            assert (died.code, "error" in died.err) == (code, False), f"step {number}, {name}: {died.err}"
            ended = scene.project.run(*story.arguments)
            assert ended.code == 0, f"after a death at step {number}, {name}: {ended.err}"
            story.settled(scene)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_death_is_made_good_by_the_next_run(tmp_path: Path, forks: ForkServer, story: Story) -> None:
    # Three, and not two: so the deaths of both kinds come by turns.
    die_at(tmp_path, forks, story, every=1 if story.name == "apply" else 3)


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_death_at_any_step_is_made_good_by_the_next_run(tmp_path: Path, forks: ForkServer, story: Story) -> None:
    die_at(tmp_path, forks, story, every=1)
