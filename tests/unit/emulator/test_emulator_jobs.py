from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from emulator_client import CHAT, Client, chat_body, chat_lines, custom_ids, jsonl, serving

from batchspec.emulator import job_requests
from batchspec.emulator.answers import ANSWERERS


def test_a_new_job_is_queued_with_counters_of_zero(tmp_path: Path) -> None:
    with serving(tmp_path, queue_seconds=60) as client:
        file_id = client.upload(chat_lines(3))["id"]
        made = client.create(file_id, metadata={"team": "blue"}, timeout_hours=7)
        assert client.job(made["id"]) == made
    assert str(UUID(made["id"])) == made.pop("id")
    assert made.pop("created_at") == pytest.approx(time.time(), abs=10)
    assert made == {
        "object": "batch",
        "input_files": [file_id],
        "metadata": {"team": "blue"},
        "endpoint": CHAT,
        "model": "mistral-small-latest",
        "agent_id": None,
        "output_file": None,
        "error_file": None,
        "errors": [],
        "outputs": None,
        "status": "QUEUED",
        "started_at": None,
        "completed_at": None,
        "total_requests": 0,
        "completed_requests": 0,
        "succeeded_requests": 0,
        "failed_requests": 0,
    }


def test_a_job_answers_every_line_in_an_order_of_its_own(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        job = client.run(chat_lines(50))
        lines = client.lines(job["output_file"])
        again = client.lines(client.run(chat_lines(50))["output_file"])
    assert (job["status"], job["error_file"]) == ("SUCCESS", None)
    assert (job["total_requests"], job["completed_requests"]) == (50, 50)
    assert (job["succeeded_requests"], job["failed_requests"]) == (50, 0)
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    inputs = [f"row-{n}" for n in range(50)]
    assert sorted(custom_ids(lines)) == sorted(inputs)
    assert custom_ids(lines) != inputs
    assert lines == again
    by_id = {line["custom_id"]: line for line in lines}
    assert by_id["row-7"]["error"] is None
    assert by_id["row-7"]["response"]["status_code"] == 200
    content = by_id["row-7"]["response"]["body"]["choices"][0]["message"]["content"]
    assert content == "[emulated mistral-small-latest] hello 7"


def test_lines_can_be_had_in_the_order_of_the_input(tmp_path: Path) -> None:
    with serving(tmp_path, in_order=True) as client:
        lines = client.lines(client.run(chat_lines(50))["output_file"])
    assert custom_ids(lines) == [f"row-{n}" for n in range(50)]


def test_a_success_may_have_failed_lines_in_an_error_file(tmp_path: Path) -> None:
    bad = [{"custom_id": "empty", "body": {"messages": []}}, {"custom_id": "none", "body": {}}]
    with serving(tmp_path) as client:
        job = client.run(chat_lines(2) + jsonl(bad))
        errors = client.lines(job["error_file"])
        assert sorted(custom_ids(client.lines(job["output_file"]))) == ["row-0", "row-1"]
    assert (job["status"], job["succeeded_requests"], job["failed_requests"]) == ("SUCCESS", 2, 2)
    assert sorted(custom_ids(errors)) == ["empty", "none"]
    assert errors[0]["error"] is None
    assert errors[0]["response"]["status_code"] == 400
    told = json.loads(errors[0]["response"]["body"])
    assert (told["object"], told["raw_status_code"]) == ("error", 400)


def test_ocr_reads_uploaded_files_by_their_content_and_fails_for_those_that_are_not_there(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        ids = [client.upload(b"scan", purpose="ocr", filename="scan.pdf")["id"] for _ in range(2)]
        gone = client.upload(b"scan", purpose="ocr", filename="scan.pdf")["id"]
        client.json("DELETE", f"/v1/files/{gone}")
        lines = [
            {"custom_id": name, "body": {"document": {"type": "file", "file_id": file_id}}}
            for name, file_id in (("one", ids[0]), ("two", ids[1]), ("gone", gone), ("never", str(uuid4())))
        ]
        job = client.run(jsonl(lines), endpoint="/v1/ocr", model="mistral-ocr-latest")
        answers = {line["custom_id"]: line["response"]["body"] for line in client.lines(job["output_file"])}
        failed = client.lines(job["error_file"])
    assert answers["one"] == answers["two"]
    assert answers["one"]["usage_info"] == {"pages_processed": 2, "doc_size_bytes": 4}
    assert "scan.pdf" in answers["one"]["pages"][0]["markdown"]
    assert sorted(custom_ids(failed)) == ["gone", "never"]
    assert {line["response"]["status_code"] for line in failed} == {404}
    assert all("not found" in json.loads(line["response"]["body"])["message"] for line in failed)


def test_a_job_whose_lines_all_fail_has_no_output_file(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        job = client.run(jsonl([{"custom_id": "a", "body": {}}]))
        assert len(client.lines(job["error_file"])) == 1
    assert (job["status"], job["output_file"]) == ("SUCCESS", None)
    assert len(list((tmp_path / "files").iterdir())) == 2


def test_missing_and_repeated_custom_ids_are_let_through(tmp_path: Path) -> None:
    lines = [
        {"body": chat_body("a")},
        {"custom_id": "x", "body": chat_body("b")},
        {"custom_id": "x", "body": chat_body("c")},
    ]
    with serving(tmp_path) as client:
        found = custom_ids(client.lines(client.run(jsonl(lines))["output_file"]))
    assert sorted(found, key=str) == [None, "x", "x"]


def test_several_input_files_make_one_job(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        ids = [client.upload(chat_lines(1200, first=first))["id"] for first in (0, 1200)]
        job = client.ended(client.create(*ids)["id"])
        found = custom_ids(client.lines(job["output_file"]))
    assert job["input_files"] == ids
    assert sorted(found) == sorted(f"row-{n}" for n in range(2400))


def test_inline_requests_make_a_job_without_files(tmp_path: Path) -> None:
    requests = [{"custom_id": f"r{n}", "body": chat_body(f"inline {n}")} for n in range(3)]
    with serving(tmp_path) as client:
        job = client.ended(client.create(input_files=None, requests=requests)["id"])
        assert sorted(custom_ids(client.lines(job["output_file"]))) == ["r0", "r1", "r2"]
        assert client.json("GET", "/v1/files", params={"source": "upload"})["total"] == 0
    assert job["input_files"] == []


def test_results_can_be_had_inline(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        job = client.run(chat_lines(2) + jsonl([{"custom_id": "bad", "body": {}}]))
        inline = client.json("GET", f"/v1/batch/jobs/{job['id']}", params={"inline": "true"})
    assert sorted(custom_ids(inline.pop("outputs"))) == ["bad", "row-0", "row-1"]
    job.pop("outputs")
    assert inline == job


def test_a_model_in_a_body_is_ignored(tmp_path: Path) -> None:
    body = {**chat_body("x"), "model": "another"}
    with serving(tmp_path) as client:
        lines = client.lines(client.run(jsonl([{"custom_id": "a", "body": body}]), model="mine")["output_file"])
    assert lines[0]["response"]["body"]["model"] == "mine"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"endpoint": None}, ["body", "endpoint"]),
        ({"endpoint": "/v1/nothing"}, ["body", "endpoint"]),
        ({"model": None}, ["body", "model"]),
        ({"model": 3}, ["body", "model"]),
        ({"input_files": []}, ["body", "input_files"]),
        ({"input_files": ["no-uuid"]}, ["body", "input_files", 0]),
        ({"requests": [{"body": {}}]}, ["body", "input_files"]),
        ({"input_files": None, "requests": [{"body": 1}]}, ["body", "requests", 0, "body"]),
        ({"input_files": None, "requests": [{"body": {}}] * 10_001}, ["body", "requests"]),
        ({"timeout_hours": 0}, ["body", "timeout_hours"]),
        ({"timeout_hours": 169}, ["body", "timeout_hours"]),
        ({"metadata": ["a"]}, ["body", "metadata"]),
        ({"metadata": {"": "a"}}, ["body", "metadata", ""]),
        ({"metadata": {"k" * 33: "a"}}, ["body", "metadata", "k" * 33]),
        ({"metadata": {"k": ""}}, ["body", "metadata", "k"]),
        ({"metadata": {"k": "v" * 513}}, ["body", "metadata", "k"]),
        ({"metadata": {"k": 1}}, ["body", "metadata", "k"]),
    ],
)
def test_a_bad_field_of_a_new_job_is_named(tmp_path: Path, change: dict[str, object], place: list[object]) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        refused = client.create(**{"input_files": [file_id], **change}, status=422)
        assert client.json("GET", "/v1/batch/jobs")["total"] == 0
    assert refused["detail"][0]["loc"] == place
    assert refused["detail"][0]["msg"]
    assert refused["detail"][0]["type"]


def test_an_endpoint_without_emulated_answers_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A copy: an entry taken out and put back would stand last in the table, for the tests that follow in this process.
    fewer = {endpoint: answerer for endpoint, answerer in ANSWERERS.items() if endpoint != "/v1/embeddings"}
    monkeypatch.setattr(job_requests, "ANSWERERS", fewer)
    with serving(tmp_path) as client:
        refused = client.create(client.upload(chat_lines(1))["id"], endpoint="/v1/embeddings", status=422)
    assert "no answers for /v1/embeddings" in refused["detail"][0]["msg"]


def test_a_body_that_is_no_json_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        refused = client.json("POST", "/v1/batch/jobs", data=b"{", status=422)
    assert refused["detail"][0]["type"] == "json_invalid"


def test_the_limits_of_metadata_and_timeout_are_within_reach(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.create(client.upload(chat_lines(1))["id"], metadata={"k" * 32: "v" * 512}, timeout_hours=168)


def test_an_unknown_input_file_is_not_found_and_one_for_another_purpose_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert "not found" in client.create(str(uuid4()), status=404)["detail"]
        scan = client.upload(b"scan", purpose="ocr")["id"]
        assert client.create(scan, status=422)["detail"][0]["loc"] == ["body", "input_files", 0]


def test_unknown_jobs_are_not_found(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
            refused = client.json(method, f"/v1/batch/jobs/{uuid4()}{path}", status=404)
            assert refused == {"detail": "No batch job matches the given query."}


def test_jobs_are_listed_by_every_filter(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        one = client.create(file_id, model="one", metadata={"team": "blue", "it's": 'a "b"'})["id"]
        client.ended(one)
        time.sleep(0.01)
        between = datetime.now(UTC).isoformat()
        two = client.create(file_id, model=None, agent_id="ag", metadata={"team": "blue"})["id"]
        client.ended(two)
        three = client.create(input_files=None, requests=[{"body": {}}], model="three")["id"]
        client.ended(three)

        def found(**params: object) -> list[str]:
            page = client.json("GET", "/v1/batch/jobs", params=params)
            assert page["total"] == len(page["data"])
            return [job["id"] for job in page["data"]]

        assert found() == found(order_by="-created") == found(created_by_me="true") == [three, two, one]
        assert found(order_by="created") == [one, two, three]
        assert found(model="one") == [one]
        assert found(agent_id="ag") == [two]
        assert found(team="blue") == [two, one]
        assert found(metadata=json.dumps({"team": "blue"})) == [two, one]
        assert found(**{"team": "blue", "it's": 'a "b"'}) == [one]
        assert found(team="red") == found(model="none") == []
        assert found(created_after=between) == [three, two]
        assert found(status="SUCCESS") == found(status=["SUCCESS", "RUNNING"]) == [three, two, one]
        assert found(status=["QUEUED", "FAILED"]) == []


def test_jobs_are_listed_page_by_page(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        made = [client.create(file_id)["id"] for _ in range(5)]
        pages = [client.json("GET", "/v1/batch/jobs", params={"page": page, "page_size": 2}) for page in range(4)]
    assert [job["id"] for page in pages for job in page["data"]] == made[::-1]
    assert [len(page["data"]) for page in pages] == [2, 2, 1, 0]
    assert {page["total"] for page in pages} == {5}


@pytest.mark.parametrize(
    "query", ["page=-1", "page_size=0", "status=DONE", "order_by=model", "created_after=monday", "metadata=x"]
)
def test_a_bad_parameter_of_the_jobs_list_is_named(tmp_path: Path, query: str) -> None:
    with serving(tmp_path) as client:
        refused = client.json("GET", f"/v1/batch/jobs?{query}", status=422)
    assert refused["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_a_cancel_before_the_start_takes_effect_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, queue_seconds=60) as client:
        job_id = client.create(client.upload(chat_lines(3))["id"])["id"]
        assert client.json("POST", f"/v1/batch/jobs/{job_id}/cancel")["status"] == "CANCELLED"
        job = client.job(job_id)
        assert client.ledger()["executions"] == 0
    assert (job["status"], job["output_file"], job["started_at"]) == ("CANCELLED", None, None)
    assert job["completed_at"] is not None


def test_a_cancel_of_a_running_job_keeps_the_finished_lines(tmp_path: Path) -> None:
    with serving(tmp_path, line_seconds=0.01) as client:
        job_id = client.create(client.upload(chat_lines(5000))["id"])["id"]
        running = client.until(job_id, lambda job: job["completed_requests"] > 0)
        assert (running["status"], running["output_file"]) == ("RUNNING", None)
        assert client.json("POST", f"/v1/batch/jobs/{job_id}/cancel")["status"] == "CANCELLATION_REQUESTED"
        job = client.ended(job_id)
        lines = client.lines(job["output_file"])
        assert client.ledger()["executions"] == len(lines)
        assert client.json("POST", f"/v1/batch/jobs/{job_id}/cancel")["status"] == "CANCELLED"
    assert job["status"] == "CANCELLED"
    assert 0 < len(lines) == job["succeeded_requests"] < job["total_requests"] == 5000


def test_a_job_may_be_done_before_its_cancel_takes_effect(tmp_path: Path) -> None:
    with serving(tmp_path, line_seconds=0.02, cancel_seconds=60) as client:
        job_id = client.create(client.upload(chat_lines(40))["id"])["id"]
        client.until(job_id, lambda job: job["status"] == "RUNNING")
        client.json("POST", f"/v1/batch/jobs/{job_id}/cancel")
        job = client.ended(job_id)
        assert len(client.lines(job["output_file"])) == 40
    assert job["status"] == "CANCELLED"


def test_a_job_that_takes_too_long_keeps_what_it_has(tmp_path: Path) -> None:
    with serving(tmp_path, line_seconds=0.01, hour_seconds=0.8) as client:
        job = client.run(chat_lines(5000), timeout_hours=1)
        assert len(client.lines(job["output_file"])) == job["completed_requests"]
    assert job["status"] == "TIMEOUT_EXCEEDED"
    assert 0 < job["completed_requests"] < 5000


def test_a_job_that_was_never_started_can_time_out(tmp_path: Path) -> None:
    with serving(tmp_path, queue_seconds=60, hour_seconds=0.01) as client:
        job = client.run(chat_lines(1), timeout_hours=1)
    assert (job["status"], job["output_file"], job["started_at"]) == ("TIMEOUT_EXCEEDED", None, None)


def test_a_job_whose_input_is_deleted_before_its_start_fails(tmp_path: Path) -> None:
    with serving(tmp_path, queue_seconds=60) as client:
        file_id = client.upload(chat_lines(1))["id"]
        job_id = client.create(file_id)["id"]
        client.json("DELETE", f"/v1/files/{file_id}")
    with serving(tmp_path) as client:
        job = client.ended(job_id)
    assert job["status"] == "FAILED"
    assert "deleted" in job["errors"][0]["message"]


def test_a_deleted_job_is_gone_and_runs_no_further(tmp_path: Path) -> None:
    with serving(tmp_path, line_seconds=0.01) as client:
        job_id = client.create(client.upload(chat_lines(5000))["id"])["id"]
        client.until(job_id, lambda job: job["completed_requests"] > 0)
        assert client.json("DELETE", f"/v1/batch/jobs/{job_id}") == {"id": job_id, "object": "batch", "deleted": True}
        client.json("GET", f"/v1/batch/jobs/{job_id}", status=404)
        assert client.json("GET", "/v1/batch/jobs")["total"] == 0
        other = client.run(chat_lines(1))
        ledger = client.ledger()
    assert other["status"] == "SUCCESS"
    assert ledger["jobs"] == 2
    assert 1 < ledger["executions"] < 5000


def test_jobs_run_side_by_side(tmp_path: Path) -> None:
    with serving(tmp_path, line_seconds=0.01) as client:
        slow = client.create(client.upload(chat_lines(5000))["id"])["id"]
        client.until(slow, lambda job: job["status"] == "RUNNING")
        assert client.run(chat_lines(2))["status"] == "SUCCESS"
        assert client.job(slow)["status"] == "RUNNING"


def test_many_clients_at_once_lose_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as client:

        def submit(first: int) -> list[int]:
            mine = Client(client.url)
            jobs = [mine.run(chat_lines(20, first=first + 20 * n)) for n in range(5)]
            mine.session.close()
            return [job["succeeded_requests"] for job in jobs]

        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(submit, range(0, 8000, 1000)))
        ledger = client.ledger()
    assert done == [[20] * 5] * 8
    assert (ledger["executions"], ledger["distinct"], ledger["jobs"]) == (800, 800, 40)
