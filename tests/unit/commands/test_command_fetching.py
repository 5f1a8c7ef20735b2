"""Result files of several ended jobs come side by side; what is taken in, and what is left behind, stays the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from project_world import Machine, NewService, chat_spec, services, table

from batchspec.commands.apply import ApplyOptions, apply
from batchspec.commands.refresh import Refresh, look
from batchspec.core.errors import ExitCode, Interrupted, ProviderUnavailableError
from batchspec.core.planning import Plan
from batchspec.core.ports import Progress
from batchspec.mistral.client import MistralProvider

WORDS = [f"word {number}" for number in range(6)]
LONGEST = 10.0


class Fetched:
    """The real client, each of whose downloads begins when `together` of them have; `fails` counts from 1."""

    def __init__(self, provider: MistralProvider, *, together: int = 1, fails: int = 0) -> None:
        self._provider = provider
        self._gate = threading.Barrier(together) if together > 1 else None
        self._fails = fails
        self._lock = threading.Lock()
        self.began = 0
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        found: Callable[..., object] = getattr(self._provider, name)
        return found

    def download(self, file_id: str, destination: Path, progress: Progress) -> int:
        with self._lock:
            self.began += 1
            number = self.began
            self.asked.append(file_id)
        if self._gate is not None and number <= self._gate.parties:
            self._gate.wait(LONGEST)
        if number == self._fails:
            raise ProviderUnavailableError("could not download", hint="run again")
        return self._provider.download(file_id, destination, progress)


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    yield from services(tmp_path)


def agree(plan: Plan) -> None:
    pass


def ended(new_service: NewService, words: list[str]) -> Machine:
    """Send a job for each word and wait until all of them have ended, without looking after them."""
    machine = new_service().machine()
    machine.write("demo.batchspec.yaml", chat_spec(more="limits: {requests_per_job: 1}\n"))
    machine.write("rows.csv", table(words))
    options = ApplyOptions(wait=False)
    apply(machine.load(), options, world=machine.world(), provider=machine.provider, approve=agree)
    patience = time.monotonic() + LONGEST
    while not all(job.status.ended for job in machine.provider.list_jobs()):
        assert time.monotonic() < patience
        time.sleep(0.02)
    return machine


def looked(machine: Machine, provider: Fetched) -> Refresh:
    done = Refresh()
    look(machine.world(), provider, done)  # type: ignore[arg-type] # the rest of it is the client's
    return done


def left_behind(machine: Machine) -> list[str]:
    return sorted(path.name for path in machine.world().downloads.iterdir())


def test_files_of_several_jobs_are_under_way_at_once(new_service: NewService) -> None:
    machine = ended(new_service, WORDS)
    provider = Fetched(machine.provider, together=4)

    # Were they fetched one by one, the first would wait for the others until its patience ends.
    assert looked(machine, provider).collected == len(WORDS)
    assert provider.began == len(set(provider.asked)) == len(WORDS)
    assert machine.ledger.claims_in_flight() == []
    assert left_behind(machine) == []


def test_a_failure_keeps_what_came_before_it_and_leaves_no_file(new_service: NewService) -> None:
    machine = ended(new_service, WORDS)
    with pytest.raises(ProviderUnavailableError):
        looked(machine, Fetched(machine.provider, fails=3))
    assert 1 <= len(machine.ledger.claims_in_flight()) < len(WORDS)
    assert left_behind(machine) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("download")]

    assert looked(machine, Fetched(machine.provider)).in_flight == 0
    assert machine.ledger.claims_in_flight() == []


def test_one_job_with_one_file_needs_no_thread(new_service: NewService) -> None:
    machine = ended(new_service, WORDS[:1])
    names: list[str] = []

    class Named(Fetched):
        def download(self, file_id: str, destination: Path, progress: Progress) -> int:
            names.append(threading.current_thread().name)
            return super().download(file_id, destination, progress)

    assert looked(machine, Named(machine.provider)).collected == 1
    assert names == [threading.main_thread().name]


def test_a_signal_while_files_come_ends_every_transfer(new_service: NewService) -> None:
    machine = ended(new_service, WORDS)

    def stop() -> None:
        if provider.began:
            raise Interrupted("SIGINT", ExitCode.INTERRUPTED)

    provider = Fetched(machine.provider, together=2)
    with pytest.raises(Interrupted):
        look(replace(machine.world(), stop=stop), provider, Refresh())  # type: ignore[arg-type] # the client's rest
    assert len(machine.ledger.claims_in_flight()) == len(WORDS)
    assert left_behind(machine) == []
