"""Files of several shards are uploaded side by side, ahead of their turn; what is claimed and created stays in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from project_world import MODEL, Machine, NewService, chat_spec, services, table

from batchspec.commands.apply import Applied, ApplyOptions, apply
from batchspec.core.errors import ExitCode, Interrupted, ProviderUnavailableError
from batchspec.core.model import RemoteFile
from batchspec.core.planning import Plan
from batchspec.core.ports import Progress
from batchspec.mistral.client import MistralProvider

WORDS = [f"word {number}" for number in range(6)]
LONGEST = 10.0


class Uploaded:
    """The real client, each of whose uploads begins when `together` of them have; `fails` counts from 1."""

    def __init__(self, provider: MistralProvider, *, together: int = 1, fails: int = 0) -> None:
        self._provider = provider
        self._gate = threading.Barrier(together) if together > 1 else None
        self._fails = fails
        self._lock = threading.Lock()
        self.asked: list[str] = []
        self.threads: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., object]:
        found: Callable[..., object] = getattr(self._provider, name)
        return found

    def upload(
        self, path: Path, filename: str, progress: Progress, purpose: str = "batch", *, hashed: bool = False
    ) -> RemoteFile:
        with self._lock:
            self.asked.append(filename)
            self.threads.add(threading.current_thread().name)
            number = len(self.asked)
        if self._gate is not None and number <= self._gate.parties:
            self._gate.wait(LONGEST)
        if number == self._fails:
            raise ProviderUnavailableError("could not upload", hint="run again")
        return self._provider.upload(path, filename, progress, purpose, hashed=hashed)


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    yield from services(tmp_path)


def machine_with(new_service: NewService, words: list[str]) -> Machine:
    machine = new_service().machine()
    machine.write("demo.batchspec.yaml", chat_spec(more="limits: {requests_per_job: 1}\n"))
    machine.write("rows.csv", table(words))
    return machine


def applied(machine: Machine, provider: Uploaded, stop: Callable[[], None] = lambda: None) -> Applied:
    def agree(plan: Plan) -> None:
        pass

    world = replace(machine.world(), stop=stop)
    options = ApplyOptions(wait=False)
    return apply(machine.load(), options, world=world, provider=provider, approve=agree)  # type: ignore[arg-type]


def stored(machine: Machine) -> list[str]:
    return sorted(file.filename for file in machine.provider.list_files() if file.filename.startswith("batchspec-"))


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("upload")]


def test_files_of_several_shards_are_under_way_at_once_and_jobs_are_made_in_turn(new_service: NewService) -> None:
    machine = machine_with(new_service, WORDS)
    provider = Uploaded(machine.provider, together=4)
    # Were they uploaded one by one, the first would wait for the others until its patience ends.
    assert applied(machine, provider).jobs == len(WORDS)
    assert len(stored(machine)) == len(set(provider.asked)) == len(provider.asked) == len(WORDS)
    steps = [step for step in machine.checkpoints if step in {"submit:after-claim", "submit:after-record"}]
    assert steps == ["submit:after-claim", "submit:after-record"] * len(WORDS)
    assert running() == []


def test_a_file_that_several_models_share_is_uploaded_once(new_service: NewService) -> None:
    machine = new_service().machine()
    spec = chat_spec(models=[MODEL, "mistral-large-latest"], more="limits: {requests_per_job: 1}\n")
    machine.write("demo.batchspec.yaml", spec)
    machine.write("rows.csv", table(WORDS[:3]))
    provider = Uploaded(machine.provider)
    assert applied(machine, provider).jobs == 6
    assert len(provider.asked) == len(stored(machine)) == 3


def test_a_failure_stops_at_its_shard_and_what_was_uploaded_ahead_is_not_uploaded_again(
    new_service: NewService,
) -> None:
    machine = machine_with(new_service, WORDS)
    with pytest.raises(ProviderUnavailableError):
        applied(machine, Uploaded(machine.provider, together=4, fails=2))
    assert len(machine.ledger.open_claims()) == 0
    assert len(machine.ledger.claims_in_flight()) < len(WORDS)
    assert running() == []
    there = stored(machine)
    again = Uploaded(machine.provider)
    jobs_before = len(machine.ledger.claims_in_flight())
    assert applied(machine, again).jobs == len(WORDS) - jobs_before
    assert not set(again.asked) & set(there)
    assert len(stored(machine)) == len(set(stored(machine))) == len(WORDS)


def test_one_file_needs_no_thread(new_service: NewService) -> None:
    machine = machine_with(new_service, WORDS[:1])
    provider = Uploaded(machine.provider)
    assert applied(machine, provider).jobs == 1
    assert provider.threads == {threading.main_thread().name}


def test_a_signal_while_files_go_up_ends_every_transfer_and_the_next_run_goes_on(new_service: NewService) -> None:
    machine = machine_with(new_service, WORDS)
    provider = Uploaded(machine.provider, together=2)

    def stop() -> None:
        if len(provider.asked) > 1:
            raise Interrupted("SIGINT", ExitCode.INTERRUPTED)

    with pytest.raises(Interrupted):
        applied(machine, provider, stop)
    assert machine.ledger.claims_in_flight() == []
    assert running() == []
    assert applied(machine, Uploaded(machine.provider)).requests == len(WORDS)
    assert len(stored(machine)) == len(set(stored(machine))) == len(WORDS)
