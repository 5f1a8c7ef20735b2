from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from emulator_client import Client, chat_lines, custom_ids, serving

from batchspec.emulator.faults import CallFailure, Faults
from batchspec.emulator.refusals import FieldFault


def job_count(client: Client) -> int:
    return int(client.ledger()["jobs"])


def create_raises(client: Client, file_id: str) -> None:
    with pytest.raises(requests.ConnectionError):
        client.create(file_id)


def test_a_lost_answer_leaves_the_work_done(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        client.set_faults(lose_answers={"create": 2})
        for _ in range(2):
            create_raises(client, file_id)
        assert client.create(file_id)["status"] == "QUEUED"
        assert job_count(client) == 3


def test_a_lost_upload_and_a_lost_cancel_are_done(tmp_path: Path) -> None:
    with serving(tmp_path, queue_seconds=60) as client:
        client.set_faults(lose_answers={"upload": 1, "cancel": 1})
        with pytest.raises(requests.ConnectionError):
            client.upload(chat_lines(1))
        file_id = client.json("GET", "/v1/files")["data"][0]["id"]
        job_id = client.create(file_id)["id"]
        with pytest.raises(requests.ConnectionError):
            client.json("POST", f"/v1/batch/jobs/{job_id}/cancel")
        assert client.job(job_id)["status"] == "CANCELLED"


def test_a_lost_download_leaves_no_file_open(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        client.set_faults(lose_answers={"download": 1})
        with pytest.raises(requests.ConnectionError):
            client.call("GET", f"/v1/files/{file_id}/content")
        assert len(client.lines(file_id)) == 1


def test_a_dropped_call_leaves_the_work_undone(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        client.set_faults(drop_calls={"create": 1})
        create_raises(client, file_id)
        assert job_count(client) == 0
        client.create(file_id)


def test_a_fault_for_any_call_befalls_the_next_one(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.set_faults(fail_calls={"*": {"status": 503}})
        client.json("GET", "/v1/models", status=503)
        client.json("GET", "/v1/models")


@pytest.mark.parametrize("status", [401, 402, 429, 500, 502])
def test_a_failed_call_has_its_status_and_leaves_the_work_undone(tmp_path: Path, status: int) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        client.set_faults(fail_calls={"create": {"status": status, "count": 2, "retry_after": "0.5"}})
        for _ in range(2):
            response = client.call("POST", "/v1/batch/jobs", json={"input_files": [file_id]})
            assert (response.status_code, response.headers["Retry-After"]) == (status, "0.5")
            assert response.json()
        assert job_count(client) == 0
        client.create(file_id)


def test_a_page_of_html_stands_in_for_an_answer(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.set_faults(html={"list": 1})
        response = client.call("GET", "/v1/batch/jobs")
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert response.text.startswith("<!DOCTYPE html>")
        assert client.json("GET", "/v1/batch/jobs")["data"] == []


def test_latency_delays_every_call(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(latency=0.1)) as client:
        began = time.monotonic()
        client.json("GET", "/v1/models")
        assert time.monotonic() - began >= 0.1  # a least time, which no slow machine can break


def test_a_new_job_cannot_be_got_at_first(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(not_found_after_create=60)) as client:
        job_id = client.create(client.upload(chat_lines(1))["id"])["id"]
        refused = client.json("GET", f"/v1/batch/jobs/{job_id}", status=404)
        assert refused == {"detail": "No batch job matches the given query."}
        assert client.json("GET", "/v1/batch/jobs")["total"] == 1
        client.set_faults(not_found_after_create=0.001)
        assert client.ended(job_id)["status"] == "SUCCESS"


def test_a_new_job_is_in_no_list_at_first(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(list_lag=60)) as client:
        job_id = client.create(client.upload(chat_lines(1))["id"])["id"]
        assert client.json("GET", "/v1/batch/jobs") == {"data": [], "object": "list", "total": 0}
        assert client.job(job_id)["id"] == job_id
        client.set_faults()
        assert client.json("GET", "/v1/batch/jobs")["total"] == 1


def test_a_download_cut_short_of_its_length_is_noticed(tmp_path: Path) -> None:
    content = chat_lines(10)
    with serving(tmp_path) as client:
        file_id = client.upload(content)["id"]
        client.set_faults(truncate_downloads=1)
        response = client.call("GET", f"/v1/files/{file_id}/content", stream=True)
        assert int(response.headers["Content-Length"]) == len(content)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            response.content  # noqa: B018 - reading it is the test
        assert client.call("GET", f"/v1/files/{file_id}/content").content == content


@pytest.mark.parametrize("count", [1, 2, 10])
def test_a_download_cut_short_without_a_length_looks_whole(tmp_path: Path, count: int) -> None:
    content = chat_lines(count)
    with serving(tmp_path, faults=Faults(truncate_downloads=1, truncate_with_length=False)) as client:
        file_id = client.upload(content)["id"]
        response = client.call("GET", f"/v1/files/{file_id}/content")
        assert "Content-Length" not in response.headers
        assert content.startswith(response.content)
        assert len(response.content.splitlines()) < count
        assert response.content.endswith(b"\n" if count > 1 else b"")
        assert client.call("GET", f"/v1/files/{file_id}/content").content == content


def test_a_share_of_the_lines_fails_always_the_same_ones(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(line_error_rate=0.3, line_error_status=429)) as client:
        jobs = [client.run(chat_lines(200)) for _ in range(2)]
        failed, again = ([*client.lines(job["error_file"])] for job in jobs)
    assert 30 < len(failed) < 90
    assert custom_ids(failed) == custom_ids(again)
    assert {line["response"]["status_code"] for line in failed} == {429}
    assert jobs[0]["failed_requests"] == len(failed)


def test_missing_lines_were_executed_and_are_in_no_file(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(missing_lines=0.3)) as client:
        job = client.run(chat_lines(200))
        lines = client.lines(job["output_file"])
        file = client.json("GET", f"/v1/files/{job['output_file']}")
        assert client.ledger()["executions"] == 200
    assert 110 < len(lines) < 170
    assert file["num_lines"] == len(lines)
    assert job["succeeded_requests"] == 200


def test_doubled_lines_are_twice_in_the_file_and_executed_once(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(doubled_lines=0.3)) as client:
        found = custom_ids(client.lines(client.run(chat_lines(200))["output_file"]))
        assert client.ledger()["executions"] == 200
    assert len(set(found)) == 200
    assert 230 < len(found) < 290


def test_jobs_can_report_a_status_that_nobody_knows(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        job_id = client.run(chat_lines(1))["id"]
        client.set_faults(unknown_status=True)
        assert client.job(job_id)["status"] == "PAUSED"
        assert client.json("GET", "/v1/batch/jobs")["data"][0]["status"] == "PAUSED"
        client.set_faults()
        assert client.job(job_id)["status"] == "SUCCESS"


def test_a_job_can_fail_half_way_and_keep_what_it_has(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(fail_jobs=1)) as client:
        job = client.run(chat_lines(10))
        assert len(client.lines(job["output_file"])) == 5
        assert client.run(chat_lines(10))["status"] == "SUCCESS"
        assert client.ledger()["executions"] == 15
    assert (job["status"], job["succeeded_requests"], job["total_requests"]) == ("FAILED", 5, 10)
    assert job["errors"][0]["message"]


def test_the_faults_in_force_are_shown_with_what_is_left_of_them(tmp_path: Path) -> None:
    with serving(tmp_path, faults=Faults(fail_calls={"models": CallFailure(status=500, count=3)})) as client:
        client.json("GET", "/v1/models", status=500)
        shown = client.json("GET", "/emulator/faults")
        assert shown["fail_calls"] == {"models": {"status": 500, "count": 2, "retry_after": None}}
        assert client.json("PUT", "/emulator/faults", json=shown) == shown
        assert client.json("PUT", "/emulator/faults", json={}) == Faults().to_json()


@pytest.mark.parametrize(
    ("faults", "place"),
    [
        ([], ["body"]),
        ({"latencies": 1}, ["body", "latencies"]),
        ({"latency": -1}, ["body", "latency"]),
        ({"latency": True}, ["body", "latency"]),
        ({"lose_answers": 1}, ["body", "lose_answers"]),
        ({"lose_answers": {"creates": 1}}, ["body", "lose_answers", "creates"]),
        ({"drop_calls": {"create": 1.5}}, ["body", "drop_calls", "create"]),
        ({"fail_calls": {"create": 500}}, ["body", "fail_calls", "create"]),
        ({"fail_calls": {"create": {"status": 200}}}, ["body", "fail_calls", "create", "status"]),
        (
            {"fail_calls": {"get": {"status": 429, "retry_after": "a\r\nb"}}},
            ["body", "fail_calls", "get", "retry_after"],
        ),
        ({"line_error_rate": 1.1}, ["body", "line_error_rate"]),
        ({"unknown_status": 1}, ["body", "unknown_status"]),
        ({"truncate_downloads": -1}, ["body", "truncate_downloads"]),
    ],
)
def test_a_fault_that_is_none_is_refused_by_its_place(faults: Any, place: list[str]) -> None:
    with pytest.raises(FieldFault) as refused:
        Faults.from_json(faults)
    detail: Any = refused.value.body["detail"]
    assert detail[0]["loc"] == place


def test_a_misspelt_fault_is_told_its_nearest_name(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        refused = client.json("PUT", "/emulator/faults", json={"lose_answer": {}}, status=422)
    assert "`lose_answers`" in refused["detail"][0]["msg"]
