"""What the state machine and the soak have found, each as a script that does it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from machine.forks import ForkServer, fork_server
from machine.world import World

APPLY = ("apply", "--yes")
WAIT = ("apply", "--yes", "--wait")
ANNA, BERT = 0, 1


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.fixture
def world(tmp_path: Path, forks: ForkServer) -> Iterator[World]:
    world = World(tmp_path, forks)
    world.start()
    yield world
    world.close()


def test_answers_that_came_by_adoption_are_written(world: World) -> None:
    world.break_with(["create answers 402"])
    assert world.run(BERT, *WAIT).code == 1
    assert world.run(BERT, "results").code == 0
    assert world.run(ANNA, *WAIT).code == 0
    assert world.run(BERT, *WAIT).code == 0
    assert {line["status"] for line in world.machines[BERT].output("demo")} == {"succeeded"}


def test_a_state_that_was_lost_is_not_misled_by_an_input_file_that_comes_short(world: World) -> None:
    world.edit("add", 0)
    assert world.run(ANNA, *WAIT).code == 0
    world.machines[ANNA].lose_state()
    world.break_with(["download cut at a line"])
    world.run(ANNA, *WAIT)
    world.final()


@pytest.mark.parametrize("kind", ["reorder", "note"])
def test_an_output_follows_its_rows_also_in_order_and_in_what_no_template_reads(world: World, kind: str) -> None:
    assert world.run(ANNA, *WAIT).code == 0
    world.edit(kind, 1)
    assert world.run(ANNA, *WAIT).code == 0
    written = [line["row"] for line in world.machines[ANNA].output("demo")]
    assert written == [row._asdict() for row in world.spec.rows]


def test_an_inline_job_that_expired_does_not_hide_what_its_second_try_asked_for(world: World) -> None:
    world.spec = replace(world.spec, submit="inline", per_job=1000)
    world.restart("stalled")
    assert world.run(ANNA, *APPLY).code == 0
    world.restart("expiring")
    world.restart("quick")
    assert world.run(ANNA, *WAIT).code == 0
    # It dies when it has the job that has no answers on record, and has not collected it.
    world.run(BERT, *WAIT, step="adopt:after-record")
    world.final()
