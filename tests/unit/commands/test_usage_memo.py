"""What was used is summed once for as long as nothing is written, and told anew after any write that it may go by."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from planning_desk import Desk
from project_world import chat_spec, services, table

from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.usage_memo import usage_of
from batchspec.commands.world import World
from batchspec.core.usage import SpecUsage
from batchspec.state.store import SqliteLedger


class Summing(SqliteLedger):
    """Counts how often it was asked for sums."""

    asked = 0

    def usage(self, specs: Sequence[str], whole: Collection[str] = ()) -> Sequence[SpecUsage]:
        self.asked += 1
        return super().usage(specs, whole)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[World]:
    for new_service in services(tmp_path):
        yield new_service().machine().world()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "project")
    for name in ("demo", "other"):
        desk.write(f"{name}.batchspec.yaml", chat_spec(name))
    desk.write("rows.csv", table(["one", "two"]))
    desk.settle("demo.batchspec.yaml")
    return desk


class Runs:
    """Commands one after the other, each with a ledger of its own."""

    def __init__(self, desk: Desk, base: World) -> None:
        self._desk = desk
        self._base = base

    def asks(self, *paths: str, locked: bool = True, whole: Collection[str] = ()) -> bool:
        """Tell whether sums were made; what is told is always what they are."""
        ledger = Summing(self._desk.state)
        with ledger:
            specs: Sequence[LoadedSpec] = self._desk.load(*paths)
            world = replace(self._base, ledger=ledger, locked=locked)
            told = usage_of(specs, whole, world)
            asked = ledger.asked
            assert list(told) == list(ledger.usage([each.spec.name for each in specs], whole))
            return asked > 0


@pytest.fixture
def runs(desk: Desk, base: World) -> Runs:
    return Runs(desk, base)


def test_sums_are_made_once(runs: Runs) -> None:
    assert [runs.asks() for _ in range(3)] == [True, False, False]
    assert not runs.asks(locked=False)


def test_whoever_may_not_write_remembers_nothing(runs: Runs) -> None:
    assert [runs.asks(locked=False) for _ in range(3)] == [True, True, True]


def test_other_specs_and_other_ways_to_sum_are_sums_of_their_own(runs: Runs) -> None:
    assert runs.asks()
    assert runs.asks("demo.batchspec.yaml", "other.batchspec.yaml")
    assert runs.asks(whole=["mistral-small-latest"])


def test_another_program_sums_anew(runs: Runs, desk: Desk) -> None:
    assert runs.asks()
    desk.settings.program = "2"
    assert runs.asks()


def test_answers_that_come_in_count(runs: Runs, desk: Desk) -> None:
    assert runs.asks()
    desk.write("rows.csv", table(["one", "two", "three"]))
    desk.settle("demo.batchspec.yaml")
    assert runs.asks()
    assert not runs.asks()


def test_the_memory_of_sums_and_of_plans_do_each_other_no_harm(runs: Runs, desk: Desk) -> None:
    assert desk.plan().rendered == 2
    assert runs.asks()
    assert desk.plan().rendered == 0
    assert not runs.asks()
