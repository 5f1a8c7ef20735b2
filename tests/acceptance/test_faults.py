"""What drops, lags and lies on the way to the provider: never paid twice, never lost, and the exit code says what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from driving import Project, make_project, table

from batchspec.emulator.server import EmulatorServer


class Service:
    """An emulator to break, and the project that uses it."""

    def __init__(self, server: EmulatorServer, project: Project) -> None:
        self.server = server
        self.project = project

    def break_with(self, **faults: Any) -> None:
        answer = requests.put(
            f"{self.server.url}/emulator/faults", json=faults, headers={"Authorization": "Bearer any"}, timeout=60
        )
        assert answer.status_code == 200, answer.text

    def ledger(self) -> dict[str, int]:
        told = requests.get(
            f"{self.server.url}/emulator/ledger", headers={"Authorization": "Bearer any"}, timeout=60
        ).json()
        return {key: told[key] for key in ("executions", "repeated", "jobs")}

    def converged(self, rows: int) -> None:
        """Everything answered once, in order, and nothing left to do."""
        results = self.project.rows("results/demo.jsonl")
        assert [row["custom_id"] for row in results] == [f"r{number}" for number in range(rows)]
        assert {row["status"] for row in results} == {"succeeded"}
        assert self.ledger()["repeated"] == 0
        assert self.ledger()["executions"] == rows
        assert self.project.run("plan", "--detailed-exitcode").code == 0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with EmulatorServer(tmp_path / "emulator") as server:
        project = make_project(
            tmp_path / "project",
            rows=30,
            extra="limits: {requests_per_job: 10}\n",
            MISTRAL_API_KEY="any",
            MISTRAL_BASE_URL=server.url,
            BATCHSPEC_SETTLE_SECONDS="1.5",
        )
        yield Service(server, project)


def test_a_lost_answer_to_create_is_found_and_adopted_in_the_same_run(service: Service) -> None:
    service.break_with(lose_answers={"create": 1})
    applied = service.project.run("apply", "--yes", "--wait")
    assert applied.code == 0, applied.err
    assert "adopted job" in applied.out
    assert service.ledger()["jobs"] == 3
    service.converged(30)


def test_a_lost_answer_behind_a_lagging_list_is_waited_for(service: Service) -> None:
    service.break_with(lose_answers={"create": 2}, list_lag=1.0, not_found_after_create=1.0)
    applied = service.project.run("apply", "--yes", "--wait")
    assert applied.code == 0, applied.err
    assert service.ledger()["jobs"] == 3
    service.converged(30)


def test_a_create_that_never_arrived_is_sent_again_after_its_settle_time(service: Service) -> None:
    service.break_with(drop_calls={"create": 1})
    applied = service.project.run("apply", "--yes", "--wait")
    assert applied.code == 0, applied.err
    assert "released 10 requests" in applied.out
    service.converged(30)


def test_a_5xx_to_create_is_no_reason_to_send_it_again_at_once(service: Service) -> None:
    service.break_with(fail_calls={"create": {"status": 502, "count": 1}})
    assert service.project.run("apply", "--yes", "--wait").code == 0
    service.converged(30)


def test_a_create_that_is_never_answered_ends_unresolved_and_goes_on_later(service: Service) -> None:
    service.break_with(drop_calls={"create": 1000})
    stuck = service.project.run("apply", "--yes", "--wait")
    assert stuck.code == 5, stuck.err
    assert "running again" in stuck.err or "run the same command again" in stuck.err
    service.break_with()
    assert service.project.run("apply", "--yes", "--wait").code == 0
    service.converged(30)


def test_a_lost_answer_to_upload_costs_nothing(service: Service) -> None:
    service.break_with(lose_answers={"upload": 1}, fail_calls={"list": {"status": 503, "count": 1, "retry_after": "0"}})
    assert service.project.run("apply", "--yes", "--wait").code == 0
    service.converged(30)


@pytest.mark.parametrize("with_length", [True, False])
def test_a_download_that_ends_early_is_fetched_again(service: Service, with_length: bool) -> None:
    service.break_with(truncate_downloads=1, truncate_with_length=with_length)
    assert service.project.run("apply", "--yes", "--wait").code == 0
    service.converged(30)


def test_lines_that_fail_for_good_end_as_failed_rows_and_exit_6(service: Service) -> None:
    service.break_with(line_error_rate=0.4)
    ended = service.project.run("apply", "--yes", "--wait")
    assert ended.code == 6, ended.err
    rows = service.project.rows("results/demo.jsonl")
    failed = [row for row in rows if row["status"] == "failed"]
    assert 0 < len(failed) < 30
    assert all(row["error"]["message"] and row["error"]["status_code"] == 400 for row in failed)
    again = service.project.run("apply", "--yes", "--wait")
    assert again.code == 6
    assert service.ledger()["executions"] == 30


def test_lines_that_fail_in_passing_are_sent_again_up_to_max_attempts(service: Service) -> None:
    service.break_with(line_error_rate=1.0, line_error_status=503)
    ended = service.project.run("apply", "--yes", "--wait")
    assert ended.code == 6, ended.err
    assert service.ledger()["executions"] == 90
    service.break_with()
    assert service.project.run("apply", "--yes", "--wait").code == 6
    assert service.ledger()["executions"] == 90


def test_missing_and_doubled_lines_are_told_and_made_good(service: Service) -> None:
    service.break_with(missing_lines=0.2, doubled_lines=0.3)
    ended = service.project.run("apply", "--yes", "--wait", "--json")
    assert ended.code in {0, 6}, ended.err
    assert any("quarantine" in note for note in ended.document["notes"])
    rows = service.project.rows("results/demo.jsonl")
    assert len(rows) == 30
    assert {row["error"]["message"] for row in rows if row["status"] == "failed"} <= {"no line returned"}


def test_a_status_that_nobody_knows_counts_as_in_flight(service: Service) -> None:
    service.break_with(unknown_status=True)
    waited = service.project.run("apply", "--yes", "--wait", "1s")
    assert waited.code == 10, waited.err
    status = service.project.run("status", "--json").document
    assert {job["status"] for job in status["jobs"]} == {"PAUSED"}
    assert status["specs"][0]["variants"][0]["in_flight"] == 30
    service.break_with()
    assert service.project.run("wait").code == 0
    service.converged(30)


def test_a_fresh_clone_adopts_what_was_paid_for(service: Service) -> None:
    assert service.project.run("apply", "--yes", "--wait").code == 0
    before = (service.project.root / "results/demo.jsonl").read_bytes()
    for path in (service.project.root / ".batchspec").glob("state*"):
        path.unlink()
    applied = service.project.run("apply", "--yes", "--wait")
    assert applied.code == 0, applied.err
    assert applied.out.count("adopted job") == 3
    assert (service.project.root / "results/demo.jsonl").read_bytes() == before
    service.converged(30)


def test_a_key_of_another_workspace_sends_nothing(service: Service, tmp_path: Path) -> None:
    assert service.project.run("apply", "--yes", "--wait").code == 0
    service.break_with(drop_calls={"create": 1})
    service.project.write("rows.csv", table(31))
    service.project.environ["BATCHSPEC_SETTLE_SECONDS"] = "3600"
    assert (
        service.project.run("apply", "--yes", "--wait", "--lock-timeout", "5", "--quiet", "--max-requests", "0").code
        == 9
    )
    service.project.environ["BATCHSPEC_CRASH_AT"] = "submit:before-create"
    service.project.run("apply", "--yes")
    del service.project.environ["BATCHSPEC_CRASH_AT"]
    service.project.environ["BATCHSPEC_SETTLE_SECONDS"] = "0"
    with EmulatorServer(tmp_path / "other") as other:
        service.project.environ["MISTRAL_BASE_URL"] = other.url
        refused = service.project.run("apply", "--yes", "--wait")
    assert refused.code == 4, refused.err
    assert "workspace" in refused.err
    assert service.ledger()["executions"] == 30


@pytest.mark.parametrize(
    ("faults", "code", "told"),
    [
        ({"fail_calls": {"*": {"status": 401, "count": 99}}}, 4, "MISTRAL_API_KEY"),
        ({"fail_calls": {"create": {"status": 402, "count": 99}}}, 1, "billing"),
        ({"html": {"*": 99}}, 1, "MISTRAL_BASE_URL"),
    ],
)
def test_refusals_say_what_to_do_and_sent_nothing(
    service: Service, faults: dict[str, Any], code: int, told: str
) -> None:
    service.break_with(**faults)
    refused = service.project.run("apply", "--yes", "--wait")
    assert refused.code == code, refused.err
    assert told in refused.err
    service.break_with()
    assert service.ledger()["executions"] == 0
    assert service.project.run("apply", "--yes", "--wait").code == 0
    service.converged(30)
