"""A plan is the bill: over drawn specs and edits, what it says is what the emulator's books count, and no other sum.

What each edit must cost is worked out a third time, naively: what is declared, less all that was ever answered.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from bill.books import Bill, Books, executed, read_books
from bill.edits import FREE, KINDS, Edits
from bill.running import ProjectHere
from bill.specs import Drawn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer

PROJECT_ID = "00000000-0000-4000-8000-000000000003"
EDITS = 3
FAILING = Faults(line_error_rate=0.4, line_error_status=500)


class World:
    """A project, the emulator that it is sent to, and what is known of both."""

    def __init__(self, folder: Path) -> None:
        self.log: list[str] = []
        self._books = Books()
        self._data = folder / "provider"
        self._server = EmulatorServer(self._data)
        self._server.start()
        environ = {"MISTRAL_API_KEY": "any", "MISTRAL_BASE_URL": self._server.url}
        self._project = ProjectHere(folder / "project", environ)
        self._project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')

    def close(self) -> None:
        self._server.stop()

    def declare(self, specs: Sequence[Drawn]) -> None:
        """Write the specs and their files, and nothing else."""
        for old in self._project.root.glob("*.batchspec.yaml"):
            old.unlink()
        by_name = {spec.name: spec for spec in specs}
        for spec in specs:
            for path, text in spec.written(by_name.get(spec.up or "")).items():
                self._project.write(path, text)

    def _run(self, *arguments: str, codes: Sequence[int] = (0,)) -> Any:
        told = self._project.run(*arguments)
        self.log.append(f"{' '.join(arguments)}: {told.code}: {told.err[-600:]}")
        assert told.code in codes, f"{arguments} ended with {told.code}: {told.err}"
        return told.document if "--json" in arguments else None

    def plan(self, specs: Sequence[Drawn]) -> dict[str, Bill]:
        """Hold a plan to the naive bills, and return these."""
        document = self._run("plan", "--json")
        by_name = {spec.name: spec for spec in specs}
        assert [told["name"] for told in document["specs"]] == list(by_name)
        bills = self._books.bills(specs)
        for told in document["specs"]:
            bill = bills[told["name"]]
            assert (told["waiting"], told["blocked"]) == (bill.waiting, bill.blocked), told["name"]
            assert told["to_come"] == bill.to_come, told["name"]
            for variant in told["variants"]:
                due = bill.variants.get((json.dumps(variant["matrix"]), variant["model"]), Counter())
                for word in ("submit", "retry", "done", "failed", "in_flight", "duplicates"):
                    assert variant[word] == due[word], (told["name"], word, variant, due)
                assert not variant["held"] + variant["lost"] + variant["unresolved"]
        sends = sum(len(bill.keys) for bill in bills.values())
        assert document["summary"]["submit"] + document["summary"]["retry"] == sends
        assert read_books(self._data) == self._books.tried, "a plan has sent something"
        return bills

    def carry(self, specs: Sequence[Drawn]) -> None:
        """Plan and apply once, with lines that fail: the books count what the plan says of every stage."""
        bills = self.plan(specs)
        self._server.set_faults(FAILING)
        sent = self._run("apply", "--yes", "--json", codes=(0, 6))["sent"]["requests"]
        self._run("wait", codes=(0, 6))
        self._server.set_faults(Faults())
        after = read_books(self._data)
        due = Counter(key for bill in bills.values() for key in bill.keys)
        assert executed(self._books.tried, after) == due
        assert sent == due.total()
        self._settle(specs)

    def converge(self, specs: Sequence[Drawn]) -> None:
        """Plan and apply to the end: the first stage is what the plan says, and all of it is within its bound."""
        bills = self.plan(specs)
        before = self._books.tried
        sent = self._run("apply", "--yes", "--wait", "--json", codes=(0, 6))["sent"]["requests"]
        done = executed(before, read_books(self._data))
        assert sent == done.total()
        promised = Counter(key for bill in bills.values() for key in bill.keys)
        assert promised <= done
        assert sent <= promised.total() + sum(bill.to_come for bill in bills.values())
        if not any(spec.up for spec in specs):
            assert done == promised
        self._settle(specs)
        declared = self._books.bills(specs)
        assert not any(bill.keys or bill.waiting for bill in declared.values())
        # Nothing but what is declared at the end, and each of it once: also in the later stages.
        lines = {line.key for spec in specs for line in spec.lines(self._books.rows(spec, _named(specs))[0])}
        assert done == Counter(lines & done.keys())
        assert not any(bill.keys for bill in self.plan(specs).values())

    def _settle(self, specs: Sequence[Drawn]) -> None:
        """Take in what was executed, and hold the outputs to it."""
        self._books.take(read_books(self._data))
        self._books.read(specs, {spec.name: self._project.rows(spec.output) for spec in specs})


def _named(specs: Sequence[Drawn]) -> dict[str, Drawn]:
    return {spec.name: spec for spec in specs}


def _live(world: World, draw: Random) -> None:
    edits = Edits(draw)
    specs = edits.specs()
    world.log.append(f"declared: {specs}")
    world.declare(specs)
    (world.carry if draw.randrange(4) == 0 else world.converge)(specs)
    for _ in range(EDITS):
        at = draw.randrange(len(specs))
        kinds = [draw.choice(KINDS) for _ in range(draw.randint(1, 2))]
        for kind in kinds:
            specs[at] = edits.edit(specs[at], kind)
        world.log.append(f"edited {specs[at].name}, {kinds}: {specs[at]}")
        world.declare(specs)
        (world.carry if draw.randrange(4) == 0 else world.converge)(specs)
    world.converge(specs)
    at = draw.randrange(len(specs))
    free = FREE if specs[at].limit is None else FREE[:2]
    specs[at] = edits.edit(specs[at], draw.choice(free))
    world.log.append(f"for nothing: {specs[at]}")
    world.declare(specs)
    assert not any(bill.keys for bill in world.plan(specs).values())


def _try(draw: Random) -> None:
    # In memory where there is such a place: every command waits for the disk many times.
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="bspec-bill-", dir=shared if shared.is_dir() else None))
    world = World(folder)
    try:
        _live(world, draw)
    except Exception as error:
        error.add_note("what was done:\n" + "\n".join(world.log))
        raise
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        # What was done is told whole; to shrink it would take minutes.
        phases=[Phase.generate],
        **more,
    )


@_settings(20, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_what_a_plan_says_is_what_the_books_count(seed: int) -> None:
    _try(Random(seed))


@pytest.mark.slow
def test_it_is_over_hundreds_of_specs() -> None:
    @_settings(int(os.environ.get("BATCHSPEC_TEST_EXAMPLES", "300")))
    @given(seed=st.integers(0, 2**32))
    def law(seed: int) -> None:
        _try(Random(seed))

    law()
