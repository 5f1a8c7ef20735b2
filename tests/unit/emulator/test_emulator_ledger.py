from __future__ import annotations

import hashlib
import json
from pathlib import Path

from emulator_client import CHAT, Client, chat_body, chat_lines, jsonl, serving

from batchspec.core.canonical import body_digest, canonical
from batchspec.core.lines import request_line
from batchspec.emulator.ledger import Execution, Summary, executions, summary


def test_the_ledger_of_an_unused_folder_is_empty(tmp_path: Path) -> None:
    assert executions(tmp_path / "none") == []
    assert summary(tmp_path / "none") == Summary(0, 0, 0, 0, 0, 0, 0)
    assert not (tmp_path / "none").exists()


def test_executions_are_counted_by_job_and_by_what_was_asked_of_whom(tmp_path: Path) -> None:
    body = chat_body("twice")
    lines = jsonl([{"custom_id": "a", "body": body}, {"custom_id": "b", "body": body}])
    with serving(tmp_path) as client:
        one = client.run(lines, model="m")["id"]
        two = client.run(jsonl([{"custom_id": "c", "body": body}]), model="m")["id"]
        three = client.run(jsonl([{"custom_id": "d", "body": body}]), model=None, agent_id="agent")["id"]
        digest = body_digest(canonical(body))
        assert executions(tmp_path) == [
            Execution(one, CHAT, "m", digest, 2, 2),
            Execution(two, CHAT, "m", digest, 1, 1),
            Execution(three, CHAT, "agent", digest, 1, 1),
        ]
        told = client.ledger()
    assert told == {
        "executions": 4,
        "succeeded": 4,
        "distinct": 2,
        "repeated": 1,
        "repeated_successes": 1,
        "jobs": 3,
        "uploads": 3,
    }
    assert summary(tmp_path) == Summary(**told)


def test_a_request_that_failed_before_was_not_paid_for_twice(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.set_faults(line_error_rate=1)
        client.run(chat_lines(1))
        client.set_faults()
        client.run(chat_lines(1))
        told = client.ledger()
    assert (told["executions"], told["repeated"], told["succeeded"], told["repeated_successes"]) == (2, 1, 1, 0)


def test_a_body_has_one_digest_however_its_line_is_written(tmp_path: Path) -> None:
    body = {**chat_body("é\u2028"), "max_tokens": 5}
    backwards = dict(reversed(body.items()))
    lines = [
        request_line("a", canonical(body)),
        json.dumps({"body": backwards, "custom_id": "b"}, indent=None).encode() + b"\n",
        json.dumps({"custom_id": "c", "body": backwards, "more": {}}, separators=(",", ":")).encode() + b"\n",
        json.dumps({"body": body}, ensure_ascii=False).encode() + b"\n",
    ]
    with serving(tmp_path) as client:
        client.run(b"".join(lines))
    (entry,) = executions(tmp_path)
    assert (entry.body, entry.count) == (hashlib.sha256(canonical(body)).digest(), 4)


def test_what_was_deleted_is_still_counted(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        job = client.run(chat_lines(2))
        client.json("DELETE", f"/v1/batch/jobs/{job['id']}")
        client.json("DELETE", f"/v1/files/{job['input_files'][0]}")
        told = client.ledger()
    assert (told["executions"], told["jobs"], told["uploads"]) == (2, 1, 1)


def test_the_ledger_can_be_read_while_a_job_runs(tmp_path: Path) -> None:
    with serving(tmp_path, line_seconds=0.005) as client:
        job_id = client.create(client.upload(chat_lines(5000))["id"])["id"]
        done = client.until(job_id, lambda job: job["completed_requests"] > 0)["completed_requests"]
        assert sum(entry.count for entry in executions(tmp_path)) >= done


def test_bytes_differ_but_bodies_count(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        for custom_id in ("a", "b"):
            client.run(request_line(custom_id, canonical(chat_body("same"))))
        assert repeated(client) == 1


def repeated(client: Client) -> int:
    return client.ledger()["repeated"]
