"""What ends without an answer stays so until `retry` asks for it: failed, cancelled, gone at the provider."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from asking import KEY, get
from driving import Project, make_project, table

from batchspec.emulator.faults import Faults
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

WAIT = ("apply", "--yes", "--wait")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: EmulatorServer) -> Project:
    return project_at(tmp_path / "project", server)


def project_at(root: Path, server: EmulatorServer, *, rows: int = 6, extra: str = "") -> Project:
    return make_project(
        root, rows=rows, extra=extra, MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url, BATCHSPEC_SETTLE_SECONDS="0.5"
    )


def statuses(project: Project) -> Counter[str]:
    return Counter(row["status"] for row in project.rows("results/demo.jsonl"))


def executed(server: EmulatorServer) -> tuple[int, int]:
    told = get(server, "/emulator/ledger")
    return told["executions"], told["jobs"]


def delete(server: EmulatorServer, path: str) -> None:
    requests.delete(f"{server.url}{path}", headers=KEY, timeout=60).raise_for_status()


def job_of(server: EmulatorServer) -> dict[str, str]:
    [job] = get(server, "/v1/batch/jobs")["data"]
    return dict(job)


def test_a_permanent_failure_is_sent_again_only_when_asked(project: Project, server: EmulatorServer) -> None:
    server.set_faults(Faults(line_error_rate=0.5, line_error_status=400))
    assert project.run(*WAIT).code == 6
    failed = statuses(project)["failed"]
    assert 0 < failed < 6
    server.set_faults(Faults())
    assert project.run(*WAIT).code == 6
    assert executed(server) == (6, 1)
    told = project.run("retry", "--json").document
    assert told["marked"] == {"demo": failed}
    assert told["left"] == {"failed": 0, "held": 0, "lost": 0, "invalid": 0}
    plan = project.run("plan", "--json").document["specs"][0]["variants"][0]
    assert plan["retry"] == failed
    assert plan["reasons"] == [{"reason": "asked for by `retry`", "count": failed}]
    assert project.run(*WAIT).code == 0
    assert executed(server) == (6 + failed, 2)
    assert statuses(project) == {"succeeded": 6}


def test_a_passing_failure_is_sent_again_as_often_as_allowed_and_then_once_for_each_asking(
    tmp_path: Path, server: EmulatorServer
) -> None:
    project = project_at(tmp_path / "project", server, extra="retry: {max_attempts: 2}\n")
    server.set_faults(Faults(line_error_rate=1, line_error_status=503))
    assert project.run(*WAIT).code == 6
    assert executed(server) == (12, 2)
    assert project.run(*WAIT).code == 6
    assert executed(server) == (12, 2)
    assert project.run("retry").code == 0
    assert project.run(*WAIT).code == 6
    assert executed(server) == (18, 3)


def test_retry_takes_single_rows_and_says_which_it_does_not_know(project: Project, server: EmulatorServer) -> None:
    server.set_faults(Faults(line_error_rate=1, line_error_status=422))
    assert project.run(*WAIT).code == 6
    server.set_faults(Faults())
    unknown = project.run("retry", "--id", "r1", "--id", "nobody")
    assert unknown.code == 3
    assert "nobody" in unknown.err
    assert project.run("plan", "--json").document["summary"]["retry"] == 0
    assert project.run("retry", "--id", "r1", "--id", "r4").out.endswith(
        "2 requests marked; `batchspec apply` sends them again\n"
    )
    assert project.run(*WAIT).code == 6
    assert statuses(project) == {"succeeded": 2, "failed": 4}


def test_retry_knows_its_words(project: Project) -> None:
    told = project.run("retry", "--include", "failed,broken")
    assert told.code == 3
    assert "`broken`" in told.err
    assert "failed, held, lost" in told.err


def test_held_rows_are_sent_again_when_asked(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions(queue_seconds=600)) as slow:
        project = project_at(tmp_path / "project", slow)
        assert project.run("apply", "--yes").code == 0
        assert project.run("cancel", "--yes").code == 0
        assert statuses(project) == {"held": 6}
        assert project.run("retry", "--include", "failed").out.startswith("no request has ended so")
        assert project.run("retry", "--include", "held").code == 0
        assert project.run("plan", "--json").document["summary"]["retry"] == 6


@pytest.mark.parametrize("what", ["the output file", "the job"])
def test_answers_that_are_gone_are_lost_and_paid_for_again_only_when_asked(
    project: Project, server: EmulatorServer, what: str
) -> None:
    assert project.run("apply", "--yes").code == 0
    job = ended_job(server)
    delete(server, f"/v1/files/{job['output_file']}" if what == "the output file" else f"/v1/batch/jobs/{job['id']}")
    ended = project.run("wait")
    assert ended.code == 6, ended.err
    assert "6 answers are lost" in ended.out
    assert statuses(project) == {"lost": 6}
    assert project.run(*WAIT).code == 6
    assert project.run("retry").out.splitlines()[-1] == "6 lost are left as they are; `--include lost` takes them in"
    assert project.run(*WAIT).code == 6
    assert executed(server) == (6, 1)
    assert project.run("retry", "--include", "lost").code == 0
    assert project.run(*WAIT).code == 0
    assert executed(server) == (12, 2)
    assert statuses(project) == {"succeeded": 6}


def test_a_deleted_job_that_nothing_is_left_of_could_be_another_workspaces(
    project: Project, server: EmulatorServer
) -> None:
    assert project.run("apply", "--yes").code == 0
    job = ended_job(server)
    for path in (f"/v1/files/{job['input_files'][0]}", f"/v1/batch/jobs/{job['id']}"):
        delete(server, path)
    refused = project.run("wait")
    assert refused.code == 4
    assert "`batchspec state forget --gone`" in refused.err
    assert executed(server) == (6, 1)
    assert project.run("state", "forget", "--gone").code == 8
    assert project.run("state", "forget", "--gone", "--yes").out.endswith("`batchspec apply` goes on from there\n")
    assert project.run(*WAIT).code == 6
    assert statuses(project) == {"lost": 6}
    assert executed(server) == (6, 1)


def test_of_a_deleted_job_another_one_or_a_file_proves_the_workspace(project: Project, server: EmulatorServer) -> None:
    assert project.run(*WAIT).code == 0
    project.write("rows.csv", table(9))
    assert project.run("apply", "--yes").code == 0
    for job in get(server, "/v1/batch/jobs")["data"]:
        delete(server, f"/v1/batch/jobs/{job['id']}")
    time.sleep(1.6)
    ended = project.run("wait")
    assert ended.code == 6, ended.err
    assert statuses(project) == {"succeeded": 6, "lost": 3}


def ended_job(server: EmulatorServer) -> dict[str, str]:
    """Return the one job when it has ended so long ago that what is unknown of it counts as gone."""
    while (job := job_of(server))["status"] != "SUCCESS":
        time.sleep(0.1)
    time.sleep(1.6)
    return job
