"""Looking after jobs in flight costs a list, however many they are; what a list lacks is asked for by its id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from project_world import Machine, NewService, chat_spec, services, table

from batchspec.commands.apply import ApplyOptions, apply
from batchspec.commands.refresh import Refresh, look
from batchspec.core.model import BatchJob
from batchspec.core.planning import Plan
from batchspec.mistral.client import MistralProvider

WORDS = [f"word {number}" for number in range(6)]
ONE_EACH = "limits: {requests_per_job: 1}\n"


class Asked:
    """The real client, with what it is asked; `hides` are jobs that its lists lack, as a list may that lags."""

    def __init__(self, provider: MistralProvider) -> None:
        self._provider = provider
        self.asked: list[str] = []
        self.listed = 0
        self.hides: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., object]:
        found: Callable[..., object] = getattr(self._provider, name)
        return found

    def get_job(self, job_id: str) -> BatchJob | None:
        self.asked.append(job_id)
        return self._provider.get_job(job_id)

    def list_jobs(self, created_after: float | None = None) -> Iterator[BatchJob]:
        self.asked.append("list")
        for job in self._provider.list_jobs(created_after=created_after):
            self.listed += 1
            if job.id not in self.hides:
                yield job


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[NewService]:
    yield from services(tmp_path)


def agree(plan: Plan) -> None:
    pass


def sent(machine: Machine, words: list[str]) -> list[str]:
    """Send a job for each word and return the jobs' ids."""
    machine.write("demo.batchspec.yaml", chat_spec(more=ONE_EACH))
    machine.write("rows.csv", table(words))
    options = ApplyOptions(wait=False)
    apply(machine.load(), options, world=machine.world(), provider=machine.provider, approve=agree)
    return [claim.job_id or "" for claim in machine.ledger.claims_in_flight()]


def looked(machine: Machine, provider: Asked) -> Refresh:
    done = Refresh()
    look(machine.world(), provider, done)  # type: ignore[arg-type] # the rest of it is the client's
    return done


def test_several_jobs_are_looked_after_by_one_list(new_service: NewService) -> None:
    machine = new_service(queue_seconds=600).machine()
    jobs = sent(machine, WORDS[:2])
    provider = Asked(machine.provider)

    assert looked(machine, provider).in_flight == len(jobs) == 2
    assert provider.asked == ["list"]


def test_one_job_is_asked_for_by_its_id(new_service: NewService) -> None:
    machine = new_service(queue_seconds=600).machine()
    [job] = sent(machine, WORDS[:1])
    provider = Asked(machine.provider)
    looked(machine, provider)

    assert provider.asked == [job]


def test_jobs_that_a_list_lacks_are_asked_for_and_taken_for_no_less(new_service: NewService) -> None:
    machine = new_service(queue_seconds=600).machine()
    jobs = sent(machine, WORDS)
    provider = Asked(machine.provider)
    provider.hides = {jobs[1], jobs[4]}
    done = looked(machine, provider)

    assert provider.asked == ["list", jobs[1], jobs[4]]
    assert (done.in_flight, done.notes.lines) == (6, [])


def test_a_list_is_read_no_further_than_the_jobs_that_are_awaited(new_service: NewService) -> None:
    machine = new_service(queue_seconds=600).machine()
    awaited = sent(machine, WORDS[:2])
    later = sent(machine, WORDS)
    assert later[:2] == awaited
    for claim in machine.ledger.claims_in_flight()[2:]:
        machine.provider.cancel_job(claim.job_id or "")
    looked(machine, Asked(machine.provider))
    assert [claim.job_id for claim in machine.ledger.claims_in_flight()] == awaited
    provider = Asked(machine.provider)
    looked(machine, provider)

    assert provider.asked == ["list"]
    assert provider.listed == 2


def test_jobs_that_were_adopted_are_listed_from_their_own_beginning(new_service: NewService) -> None:
    service = new_service(queue_seconds=36_000)
    machine = service.machine()
    sent(machine, WORDS[:3])
    clone = service.machine("clone")
    # So long after that a list since the adoption would not hold the jobs.
    clone.clock.sleep(20_000)
    apply(clone.load(), ApplyOptions(), world=clone.world(), provider=clone.provider, approve=agree)
    assert len(clone.ledger.claims_in_flight()) == 3
    provider = Asked(clone.provider)
    looked(clone, provider)

    assert provider.asked == ["list"]
