"""The oracle has to see what it is there for, or else a soak that finds nothing says nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer
from soak.declaring import ENDPOINT, MODELS, Declared, Row
from soak.oracle import Command, Oracle
from soak.provider import KEY

SPEC = Declared(name="demo", rows=(Row("r1", "ham"),))
BODY = {"max_tokens": 100, "messages": [{"content": "Say ham", "role": "user"}]}


class Books:
    """An emulator, the oracle that reads it, and the commands that are said to have sent its jobs."""

    def __init__(self, server: EmulatorServer, data: Path) -> None:
        self.server = server
        self.oracle = Oracle(data)
        self.commands: dict[int, Command] = {}

    def send(self, who: str, *, memory: int = 0, began: float = 0) -> str:
        """Send the one request as somebody whose command began `began` seconds ago; return the job's id."""
        number = len(self.commands) + 1
        started = time.time() - began
        self.commands[number] = Command(
            number=number, knower=(who, memory), arguments=("apply",), started=started, ended=time.time(), code=0
        )
        job: Any = {
            "endpoint": ENDPOINT,
            "model": MODELS[0],
            "metadata": {"by": str(number)},
            "requests": [{"custom_id": "r1", "body": BODY}],
        }
        answer = requests.post(f"{self.server.url}/v1/batch/jobs", json=job, headers=KEY, timeout=60)
        while any(job.completed_at is None for job in self.oracle.jobs()):
            time.sleep(0.01)
        self.oracle.look(number)
        return str(answer.json()["id"])

    def excuses(self) -> list[str]:
        return [each.excuse for each in self.oracle.repeats(self.commands)]

    def wrong(self, status: str) -> list[str]:
        line: dict[str, object] = {
            "custom_id": "r1",
            "model": MODELS[0],
            "status": status,
            "text": "[emulated] Say ham",
        }
        return self.oracle.lost([SPEC], {"demo": [line]})


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with EmulatorServer(tmp_path / "data") as server:
        yield Books(server, tmp_path / "data")


def test_a_request_that_one_machine_sends_twice_has_no_excuse(books: Books) -> None:
    books.send("anna")
    books.send("anna", began=60)
    assert books.excuses() == [""]


def test_what_another_machine_could_have_seen_is_no_excuse(books: Books) -> None:
    books.send("anna")
    time.sleep(0.3)
    books.send("bert")
    assert books.excuses() == [""]


def test_the_same_moment_excuses_two_machines_and_a_state_that_was_put_back(books: Books) -> None:
    books.send("anna")
    books.send("bert", began=1)
    books.send("anna", memory=1, began=1)
    assert books.excuses() == ["sent in the same moment"] * 3


@pytest.mark.parametrize(
    ("faults", "excuse"),
    [
        (Faults(missing_lines=1), "no line returned"),
        (Faults(line_error_rate=1, line_error_status=503), "failed in passing"),
        (Faults(line_error_rate=1, line_error_status=400), ""),
    ],
)
def test_a_line_that_did_not_come_or_failed_in_passing_may_be_sent_again(
    books: Books, faults: Faults, excuse: str
) -> None:
    books.server.set_faults(faults)
    books.send("anna")
    books.send("anna")
    assert books.excuses() == [excuse]


def test_what_is_gone_excuses_only_whom_it_was_unknown_to(books: Books) -> None:
    job = books.send("anna")
    requests.delete(f"{books.server.url}/v1/batch/jobs/{job}", headers=KEY, timeout=60)
    books.oracle.look(1)
    books.send("anna")
    assert books.excuses() == [""]
    time.sleep(0.3)
    books.send("bert")
    assert books.excuses() == ["", "gone before it was known", ""]


def test_what_was_asked_for_is_excused(books: Books) -> None:
    books.server.set_faults(Faults(line_error_rate=1))
    books.send("anna")
    books.commands[2] = Command(number=2, knower=("anna", 0), arguments=("retry",), started=time.time(), code=0)
    books.send("anna")
    assert books.excuses() == ["asked for"]


def test_an_answer_that_was_paid_for_and_is_not_in_the_output_is_lost(books: Books) -> None:
    books.send("anna")
    assert books.wrong("succeeded") == []
    for status in ("pending", "failed", "held", "lost"):
        assert len(books.wrong(status)) == 1


def test_a_row_without_an_end_is_wrong_also_where_nothing_was_sent(books: Books) -> None:
    assert len(books.wrong("pending")) == 1
    assert books.wrong("held") == []


def test_an_answer_to_what_was_never_executed_is_wrong(books: Books) -> None:
    assert len(books.wrong("succeeded")) == 1


def test_another_rows_answer_is_wrong(books: Books) -> None:
    line: dict[str, object] = {
        "custom_id": "r1",
        "model": MODELS[0],
        "status": "succeeded",
        "text": "[emulated] Say eggs",
    }
    assert len(books.oracle.lost([SPEC], {"demo": [line]})) == 1
