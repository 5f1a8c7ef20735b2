"""Two processes die one after the other, at every pair of steps; the third makes all of it good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import ForkServer, fork_server
from stories import STORIES, Story

SHARDS = 6
"""Parts of equal size, so that several workers can share the first steps."""


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


def deaths_after(first: Path, folder: Path, forks: ForkServer, story: Story, told: str) -> int:
    """Begin where the first death has left things, die at each step in turn, and count them."""
    second = 0
    while True:
        second += 1
        where = f"after deaths at {told} and step {second}"
        with story.scene(folder / str(second), forks, like=first) as scene:
            died = scene.project.at(f"{second}:KILL", *story.arguments)
            assert died.code in {0, -9}, f"{where}: {died.err}"
            ended = scene.project.run(*story.arguments)
            assert ended.code in story.codes_after(died.code), f"{where}: {ended.err}"
            try:
                story.settled(scene)
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}") from error
        if died.code == 0:
            return second - 1


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_two_deaths_at_any_two_steps_are_made_good(tmp_path: Path, forks: ForkServer, story: Story, shard: int) -> None:
    start = story.prepared(tmp_path / "start", forks)
    steps = story.steps(tmp_path / "counted", forks, like=start)
    pairs = 0
    for number, name in list(enumerate(steps, 1))[shard::SHARDS]:
        first = tmp_path / f"first-{number}"
        with story.scene(first, forks, like=start) as scene:
            assert scene.project.at(str(number), *story.arguments).code == 1
        pairs += deaths_after(first, tmp_path / str(number), forks, story, f"step {number}, {name}")
    print(f"{story.name}: {pairs} pairs of {len(steps)} first steps in shard {shard}")
