"""Two machines with states of their own and one workspace: what one has sent, the other adopts before it plans."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from asking import KEY, executed_and_repeated
from driving import Project, make_project, table

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

WAIT = ("apply", "--yes", "--wait")


def machine(root: Path, server: EmulatorServer, *, rows: int = 4, extra: str = "") -> Project:
    return make_project(
        root, rows=rows, extra=extra, MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="1"
    )


def jobs(server: EmulatorServer) -> list[dict[str, str]]:
    listed = requests.get(f"{server.url}/v1/batch/jobs", headers=KEY, timeout=60).json()["data"]
    return sorted(listed, key=lambda job: (job["created_at"], job["id"]))


@pytest.mark.parametrize("extra", ["", "submit: inline\n"])
def test_what_another_machine_sends_in_between_is_adopted_and_not_sent_again(tmp_path: Path, extra: str) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        one, two = (machine(tmp_path / name, server, extra=extra) for name in ("one", "two"))
        assert one.run(*WAIT).code == 0
        assert two.run(*WAIT).code == 0
        for project in (one, two):
            project.write("rows.csv", table(6))
        assert two.run(*WAIT).code == 0
        told = one.run(*WAIT, "--json").document
        assert told["sent"] == {"jobs": 0, "requests": 0}
        assert told["summary"]["adopt"] == 2
        assert executed_and_repeated(server) == (6, 0)
        assert (one.root / "results/demo.jsonl").read_bytes() == (two.root / "results/demo.jsonl").read_bytes()


def test_of_two_jobs_for_the_same_requests_both_machines_keep_the_older(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        one, two = (machine(tmp_path / name, server) for name in ("one", "two"))
        # Neither sees the other: no list tells of a new job for a while.
        server.set_faults(Faults(list_lag=600))
        assert one.run("apply", "--yes").code == 0
        time.sleep(1)  # the provider tells the time in seconds, and of one second's jobs any may count as the older
        assert two.run("apply", "--yes").code == 0
        assert [job["status"] for job in jobs(server)] == []
        server.set_faults(Faults())
        older, younger = jobs(server)
        assert one.run("status").code == 0
        assert two.run("status").code == 0
        kept = {job["id"]: job["status"] for job in jobs(server)}
        assert kept[younger["id"]] in {"CANCELLED", "CANCELLATION_REQUESTED"}
        assert kept[older["id"]] == "QUEUED"
        for project in (one, two):
            told = project.run("plan", "--json").document["summary"]
            assert (told["submit"], told["in_flight"], told["held"]) == (0, 4, 0)


def test_rows_that_overlap_are_told_where_they_were_sent_twice(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as server:
        one, two = machine(tmp_path / "one", server), machine(tmp_path / "two", server, rows=6)
        server.set_faults(Faults(list_lag=600))
        assert one.run("apply", "--yes").code == 0
        time.sleep(1)  # the provider tells the time in seconds, and of one second's jobs any may count as the older
        assert two.run("apply", "--yes").code == 0
        server.set_faults(Faults())
        told = one.run("status")
        assert "4 of its requests are in other jobs too" in told.out
        assert two.run("plan", "--json").document["summary"]["in_flight"] == 6


def test_a_job_that_is_not_of_this_programs_making_is_left_alone_and_stops_nothing(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = machine(tmp_path / "one", server)
        metadata = {"bspec_project": "00000000-0000-4000-8000-000000000001"}
        body = {"messages": [{"role": "user", "content": "x"}]}
        foreign: Any = {
            "endpoint": "/v1/chat/completions",
            "model": "m",
            "requests": [{"custom_id": "a", "body": body}],
            "metadata": metadata,
        }
        requests.post(f"{server.url}/v1/batch/jobs", json=foreign, headers=KEY, timeout=60).raise_for_status()
        told = project.run(*WAIT)
        assert told.code == 0, told.err
        assert "is left alone" in told.out
