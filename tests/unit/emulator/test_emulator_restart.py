from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from emulator_client import Client, chat_lines, custom_ids, serving

from batchspec.emulator.ledger import executions, summary
from batchspec.emulator.server import EmulatorOptions, EmulatorServer

SERVE = Path(__file__).with_name("serve_emulator.py")
ROOT = str(Path(__file__).parents[3])
LINES = 20_000


@contextmanager
def process(data: Path, line_seconds: float) -> Iterator[Client]:
    """Serve in a process of its own, which is killed at the end as by SIGKILL."""
    command = [sys.executable, str(SERVE), str(data), str(line_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ROOT}) as served:
        try:
            assert served.stdout is not None
            client = Client(served.stdout.readline().strip())
            yield client
            client.session.close()
        finally:
            served.kill()


def test_a_job_survives_sigkill_and_every_line_counts_as_executed_once(tmp_path: Path) -> None:
    done = 0
    with process(tmp_path, 0.0005) as client:
        job_id = client.create(client.upload(chat_lines(LINES))["id"])["id"]
        done = client.until(job_id, lambda job: job["completed_requests"] > 0)["completed_requests"]
    for _ in range(3):
        tear(tmp_path)
        with process(tmp_path, 0.0005) as client:
            job = client.until(job_id, lambda job, least=done: job["completed_requests"] > least)
            done = job["completed_requests"]
    assert done < LINES
    tear(tmp_path)
    with serving(tmp_path) as client:
        job = client.ended(job_id)
        found = custom_ids(client.lines(job["output_file"]))
    assert (job["status"], job["succeeded_requests"]) == ("SUCCESS", LINES)
    assert sorted(found) == sorted(f"row-{n}" for n in range(LINES))
    counted = executions(tmp_path)
    assert {entry.job for entry in counted} == {job_id}
    assert len(counted) == LINES
    assert {entry.count for entry in counted} == {1}
    with closing(sqlite3.connect(tmp_path / "emulator.db")) as database:
        numbers = [number for (number,) in database.execute("SELECT line FROM executions ORDER BY line")]
    assert numbers == list(range(1, LINES + 1))


def tear(data: Path) -> None:
    """Leave what a kill between a write and its commit leaves: result bytes that were never recorded."""
    with closing(sqlite3.connect(data / "emulator.db")) as database:
        (output_id,) = database.execute("SELECT output_id FROM jobs").fetchone()
    with (data / "files" / output_id).open("ab") as stream:
        stream.write(b'{"custom_id": "never committed"}\n{"torn')


def test_a_cancelled_job_with_a_torn_file_shows_only_committed_lines(tmp_path: Path) -> None:
    with serving(tmp_path, line_seconds=0.01) as client:
        job_id = client.create(client.upload(chat_lines(5000))["id"])["id"]
        client.until(job_id, lambda job: job["completed_requests"] > 0)
    tear(tmp_path)
    with serving(tmp_path, line_seconds=1000) as client:
        client.json("POST", f"/v1/batch/jobs/{job_id}/cancel")
        job = client.ended(job_id)
        lines = client.lines(job["output_file"])
    assert len(lines) == job["succeeded_requests"]
    assert "never committed" not in custom_ids(lines)


def test_a_stopped_server_takes_its_jobs_up_again(tmp_path: Path) -> None:
    with serving(tmp_path, queue_seconds=60) as client:
        file = client.upload(chat_lines(3))
        queued = client.create(file["id"], metadata={"a": "b"})
    with serving(tmp_path) as client:
        job = client.ended(queued["id"])
        assert client.json("GET", f"/v1/files/{file['id']}") == file
        assert len(client.lines(job["output_file"])) == 3
    assert job["metadata"] == {"a": "b"}
    assert summary(tmp_path).executions == 3


def test_two_servers_on_one_folder_see_the_same_jobs_and_run_them_once(tmp_path: Path) -> None:
    with serving(tmp_path) as first, serving(tmp_path) as second:
        file_id = first.upload(chat_lines(2000))["id"]
        jobs = [client.create(file_id)["id"] for client in (first, second)]
        assert {job["id"] for job in second.json("GET", "/v1/batch/jobs")["data"]} == set(jobs)
        for job_id in jobs:
            assert second.ended(job_id)["succeeded_requests"] == 2000
            assert len(first.lines(first.job(job_id)["output_file"])) == 2000
    assert {entry.count for entry in executions(tmp_path)} == {1}
    assert summary(tmp_path).executions == 4000


def test_a_second_server_runs_the_jobs_once_the_first_is_gone(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path, options=EmulatorOptions(line_seconds=0.01)) as first:
        client = Client(first.url)
        job_id = client.create(client.upload(chat_lines(1000))["id"])["id"]
        client.until(job_id, lambda job: job["completed_requests"] > 0)
        client.session.close()
        with serving(tmp_path) as second:
            assert second.job(job_id)["status"] == "RUNNING"
            first.stop()
            assert second.ended(job_id)["status"] == "SUCCESS"
            assert second.ledger()["executions"] == second.ledger()["distinct"] == 1000
