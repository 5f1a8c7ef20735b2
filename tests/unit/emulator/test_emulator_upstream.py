"""A live server behind the emulator: what is sent to it, what becomes of its answers, and how an end is made of it."""

from __future__ import annotations

import json
import logging
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from emulator_client import CHAT, Client, chat_body, chat_lines, custom_ids, jsonl, serving
from scripted_server import Asked, Script, ScriptedServer, Told, completion, echo

from batchspec.emulator.refusals import EmulatorError
from batchspec.emulator.server import EmulatorOptions, EmulatorServer
from batchspec.emulator.upstream import UpstreamOptions, read_address
from batchspec.emulator.upstream.options import read_key
from batchspec.emulator.upstream.sending import seconds_of

FIM = "/v1/fim/completions"


@contextmanager
def behind(data: Path, script: Script, **options: Any) -> Iterator[tuple[Client, ScriptedServer]]:
    """Serve an emulator with a scripted server behind it."""
    with (
        ScriptedServer(script).serving() as server,
        serving(data, upstream=UpstreamOptions(url=server.url, **{"grace_seconds": 0, **options})) as client,
    ):
        yield client, server


def contents(lines: list[Any]) -> dict[str, str]:
    return {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in lines}


def failures(client: Client, job: Any) -> list[tuple[int, Any]]:
    """Return status and body of each failed line."""
    found = client.lines(job["error_file"])
    return [(line["response"]["status_code"], json.loads(line["response"]["body"])) for line in found]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_every_line_is_answered_by_the_server_with_the_jobs_model_in_its_body(tmp_path: Path) -> None:
    with behind(tmp_path, echo, key="a-secret-key") as (client, server):
        job = client.run(chat_lines(200), model="live")
        told = contents(client.lines(job["output_file"]))
        assert (job["status"], job["succeeded_requests"], job["error_file"]) == ("SUCCESS", 200, None)
        assert client.ledger()["executions"] == client.ledger()["distinct"] == 200
    assert told == {f"row-{n}": f"heard hello {n}" for n in range(200)}
    assert len(server.asked) == 200
    assert {one.path for one in server.asked} == {CHAT}
    assert {one.body["model"] for one in server.asked} == {"live"}
    assert {one.headers["Authorization"] for one in server.asked} == {"Bearer a-secret-key"}


def test_no_more_requests_are_under_way_than_are_allowed_over_all_jobs(tmp_path: Path) -> None:
    def slow(asked: Asked) -> Told:
        time.sleep(0.01)
        return echo(asked)

    with behind(tmp_path, slow, concurrency=3) as (client, server):
        jobs = [client.create(client.upload(chat_lines(20, first=100 * n))["id"])["id"] for n in range(3)]
        assert {client.ended(job)["succeeded_requests"] for job in jobs} == {20}
    assert 1 < server.most_at_once <= 3


def test_a_body_is_sent_as_it_is_written_but_for_its_model(tmp_path: Path) -> None:
    body = {**chat_body("hi"), "model": "ignored", "temperature": 0.1, "random_seed": 7, "of_my_own": [1, {"a": None}]}
    with behind(tmp_path, echo) as (client, server):
        client.run(jsonl([{"custom_id": "a", "body": body}]), model="live")
    (asked,) = server.asked
    assert asked.body == {**body, "model": "live"}
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize("prefix", ["", "/v1", "/v1/", "/other/v1"])
def test_the_servers_address_may_end_in_the_apis_version(tmp_path: Path, prefix: str) -> None:
    with ScriptedServer(echo).serving() as server:
        options = UpstreamOptions(url=server.url + prefix)
        with serving(tmp_path, upstream=options) as client:
            assert client.run(chat_lines(1))["succeeded_requests"] == 1
    assert [one.path for one in server.asked] == [("/other" if "other" in prefix else "") + CHAT]


def test_embeddings_go_to_their_own_path(tmp_path: Path) -> None:
    answer = {"data": [{"embedding": [0.5], "index": 0}], "model": "live"}
    with behind(tmp_path, lambda _: Told(answer)) as (client, server):
        job = client.run(jsonl([{"custom_id": "a", "body": {"input": "x"}}]), endpoint="/v1/embeddings")
        (line,) = client.lines(job["output_file"])
    assert line["response"] == {"status_code": 200, "body": answer}
    assert [one.path for one in server.asked] == ["/v1/embeddings"]


def test_fill_in_the_middle_uses_the_servers_own_call_where_there_is_one(tmp_path: Path) -> None:
    with behind(tmp_path, lambda _: completion("return a")) as (client, server):
        job = client.run(jsonl([{"custom_id": "a", "body": {"prompt": "def f(a):"}}]), endpoint=FIM)
        assert contents(client.lines(job["output_file"])) == {"a": "return a"}
    assert [one.path for one in server.asked] == [FIM]


def test_fill_in_the_middle_is_a_text_completion_where_there_is_no_such_call(tmp_path: Path) -> None:
    def old(asked: Asked) -> Told:
        if asked.path == FIM:
            return Told({"error": {"message": "Not Found"}}, status=404)
        told = {"text": f"{asked.body['prompt']}|{asked.body['suffix']}", "index": 0, "finish_reason": "length"}
        return Told({"id": "t", "object": "text_completion", "model": "live", "choices": [told], "usage": {}})

    body = {
        "prompt": "a",
        "suffix": "c",
        "random_seed": 3,
        "metadata": {"x": "y"},
        "max_tokens": 5,
        "temperature": None,
    }
    lines = jsonl({"custom_id": str(n), "body": {**body, "prompt": str(n)}} for n in range(20))
    with behind(tmp_path, old, concurrency=1) as (client, server):
        job = client.run(lines, endpoint=FIM, model="live")
        answers = client.lines(job["output_file"])
    assert contents(answers) == {str(n): f"{n}|c" for n in range(20)}
    assert answers[0]["response"]["body"]["object"] == "chat.completion"
    assert answers[0]["response"]["body"]["choices"][0]["finish_reason"] == "length"
    assert server.count(FIM) == 1  # once is enough to know
    asked = next(one.body for one in server.asked if one.path == "/v1/completions")
    assert asked == {"model": "live", "prompt": "0", "suffix": "c", "max_tokens": 5, "seed": 3}


def test_fill_in_the_middle_that_neither_call_takes_fails_with_the_servers_words(tmp_path: Path) -> None:
    with behind(tmp_path, lambda _: Told({"error": {"message": "no such model"}}, status=404)) as (client, _):
        job = client.run(jsonl([{"custom_id": "a", "body": {"prompt": "x"}}]), endpoint=FIM)
        assert failures(client, job) == [(404, {"error": {"message": "no such model"}})]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_the_server_refuses_is_a_failed_line_with_its_own_body(tmp_path: Path, status: int) -> None:
    told = {"error": {"message": "no", "type": "bad", "code": status}}
    with behind(tmp_path, lambda _: Told(told, status=status)) as (client, server):
        job = client.run(chat_lines(2))
        assert failures(client, job) == [(status, told)] * 2
        assert (job["status"], job["failed_requests"]) == ("SUCCESS", 2)
    assert len(server.asked) == 2


def test_a_refusal_that_is_no_json_is_told_in_an_error_object(tmp_path: Path) -> None:
    with behind(tmp_path, lambda _: Told(content=b"<h1>Forbidden</h1>", status=403)) as (client, _):
        ((status, body),) = failures(client, client.run(chat_lines(1)))
    assert (status, body["object"], body["message"]) == (403, "error", "<h1>Forbidden</h1>")


def test_a_key_that_the_server_quotes_is_not_passed_on(tmp_path: Path) -> None:
    def quoting(asked: Asked) -> Told:
        return Told({"error": {"message": f"wrong: {asked.headers['Authorization']}"}}, status=401)

    with behind(tmp_path, quoting, key="a-secret-key") as (client, _):
        job = client.run(chat_lines(1))
        assert failures(client, job) == [(401, {"error": {"message": "wrong: Bearer ***"}})]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"a-secret-key" in path.read_bytes()]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(content=b"<html>a portal</html>"), "no JSON object"),
        (Told([1]), "no JSON object"),
        (Told(None, status=302, headers={"Location": "http://127.0.0.1:1/"}), "another address"),
    ],
)
def test_an_answer_that_is_none_is_a_failed_line(tmp_path: Path, told: Told, words: str) -> None:
    with behind(tmp_path, lambda _: told) as (client, server):
        ((status, body),) = failures(client, client.run(chat_lines(1)))
    assert (status, len(server.asked)) == (502, 1)
    assert words in body["message"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_after_the_time_that_is_asked_for(tmp_path: Path, status: int) -> None:
    def busy(asked: Asked) -> Told:
        again = Told({"message": "later"}, status=status, headers={"Retry-After": "0.05"})
        return echo(asked) if asked.nth > 2 else again

    with behind(tmp_path, busy) as (client, server):
        began = time.monotonic()
        assert client.run(chat_lines(3))["succeeded_requests"] == 3
        assert time.monotonic() - began >= 0.1  # a least time, which no slow machine can break
    assert len(server.asked) == 9


def test_what_does_not_pass_fails_after_its_tries_with_the_last_answer(tmp_path: Path) -> None:
    def full(asked: Asked) -> Told:
        return Told({"message": f"full {asked.nth}"}, status=429, headers={"Retry-After": "0"})

    with behind(tmp_path, full, tries=4) as (client, server):
        assert failures(client, client.run(chat_lines(1))) == [(429, {"message": "full 4"})]
    assert len(server.asked) == 4


def test_a_line_has_a_time_of_its_own(tmp_path: Path) -> None:
    busy = Told({"message": "busy"}, status=503)
    with behind(tmp_path, lambda _: busy, line_seconds=0.4) as (client, server):
        assert failures(client, client.run(chat_lines(1))) == [(503, {"message": "busy"})]
    assert len(server.asked) < 4


@pytest.mark.parametrize("told", [Told(drop=True), Told({"half": "an"}, cut=True)], ids=["dropped", "cut short"])
def test_an_answer_that_breaks_off_is_asked_for_again(tmp_path: Path, told: Told) -> None:
    def broken(asked: Asked) -> Told:
        return told if asked.nth == 1 else echo(asked)

    with behind(tmp_path, broken) as (client, _):
        job = client.run(chat_lines(5))
        assert len(contents(client.lines(job["output_file"]))) == 5


def test_an_answer_that_never_comes_fails_its_line(tmp_path: Path) -> None:
    with behind(tmp_path, lambda _: Told(hang=True), answer_seconds=0.1, tries=2) as (client, server):
        ((status, body),) = failures(client, client.run(chat_lines(1)))
        assert len(server.asked) == 2
    assert status == 504
    assert "gave no answer" in body["message"]


def test_a_connection_that_the_server_closed_while_it_was_idle_costs_no_try(tmp_path: Path) -> None:
    with behind(tmp_path, echo, concurrency=1, tries=1) as (client, server):
        assert client.run(chat_lines(2))["succeeded_requests"] == 2
        for connection in list(server.open):
            connection.shutdown(socket.SHUT_RDWR)
        assert client.run(chat_lines(2, first=10))["succeeded_requests"] == 2


def test_a_server_that_is_not_there_yet_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = UpstreamOptions(url=f"http://127.0.0.1:{port}", tries=1, line_seconds=0.2, concurrency=2)
    with caplog.at_level(logging.WARNING), serving(tmp_path, upstream=options) as client:
        job_id = client.create(client.upload(chat_lines(5))["id"])["id"]
        wait_until(lambda: "cannot be reached" in caplog.text)
        assert client.job(job_id)["status"] == "RUNNING"
        with ScriptedServer(echo, port).serving():
            assert client.ended(job_id)["succeeded_requests"] == 5
    assert caplog.text.count("cannot be reached") == 1
    assert caplog.text.count("can be reached again") == 1


def test_a_cancel_keeps_what_is_finished_and_waits_for_nothing_else(tmp_path: Path) -> None:
    def stuck(asked: Asked) -> Told:
        return Told(hang=True) if asked.body["messages"][0]["content"] >= "hello 5" else echo(asked)

    with behind(tmp_path, stuck, concurrency=2) as (client, _):
        job_id = client.create(client.upload(chat_lines(10))["id"])["id"]
        client.until(job_id, lambda job: job["completed_requests"] == 5)
        client.json("POST", f"/v1/batch/jobs/{job_id}/cancel")
        job = client.ended(job_id)
        assert custom_ids(client.lines(job["output_file"])) != []
        assert client.ledger()["executions"] == 5
        # The server is free for others again.
        assert client.run(chat_lines(2))["succeeded_requests"] == 2
    assert (job["status"], job["succeeded_requests"], job["total_requests"]) == ("CANCELLED", 5, 10)


def test_a_job_whose_time_is_up_keeps_what_is_finished(tmp_path: Path) -> None:
    def stuck(asked: Asked) -> Told:
        return Told(hang=True) if asked.body["messages"][0]["content"] == "hello 3" else echo(asked)

    with (
        ScriptedServer(stuck).serving() as server,
        serving(tmp_path, upstream=UpstreamOptions(url=server.url, grace_seconds=0), hour_seconds=0.5) as client,
    ):
        job = client.ended(client.create(client.upload(chat_lines(4))["id"], timeout_hours=1)["id"])
        assert sorted(custom_ids(client.lines(job["output_file"]))) == ["row-0", "row-1", "row-2"]
    assert job["status"] == "TIMEOUT_EXCEEDED"


def test_stopping_breaks_off_what_is_under_way_and_a_later_run_sends_only_that_again(tmp_path: Path) -> None:
    open_now = threading.Event()

    def stuck(asked: Asked) -> Told:
        wanted = asked.body["messages"][0]["content"] in {"hello 2", "hello 7"}
        return Told(hang=True) if wanted and not open_now.is_set() else echo(asked)

    with ScriptedServer(stuck).serving() as server:
        options = EmulatorOptions(upstream=UpstreamOptions(url=server.url, concurrency=3, grace_seconds=0))
        with EmulatorServer(tmp_path, options=options) as first:
            client = Client(first.url)
            job_id = client.create(client.upload(chat_lines(300))["id"])["id"]
            client.until(job_id, lambda job: job["completed_requests"] == 298)
            client.session.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("batchspec-emulator")]
        open_now.set()
        with EmulatorServer(tmp_path, options=options) as second:
            client = Client(second.url)
            job = client.ended(job_id)
            found = contents(client.lines(job["output_file"]))
            client.session.close()
    assert found == {f"row-{n}": f"heard hello {n}" for n in range(300)}
    twice = {one.body["messages"][0]["content"] for one in server.asked if one.nth > 1}
    assert twice == {"hello 2", "hello 7"}
    with closing(sqlite3.connect(tmp_path / "emulator.db")) as database:
        numbers = [number for (number,) in database.execute("SELECT line FROM executions ORDER BY line")]
    assert numbers == list(range(1, 301))


def test_answers_under_way_are_waited_for_a_little_when_it_stops(tmp_path: Path) -> None:
    asked_once = threading.Event()

    def slow(asked: Asked) -> Told:
        asked_once.set()
        time.sleep(0.2)
        return echo(asked)

    with behind(tmp_path, slow, grace_seconds=20, concurrency=1) as (client, _):
        job_id = client.create(client.upload(chat_lines(2))["id"])["id"]
        assert asked_once.wait(10)
    with serving(tmp_path, queue_seconds=60, line_seconds=1000) as client:
        assert client.job(job_id)["completed_requests"] == 1


def test_several_input_files_and_inline_requests_are_read_to_their_ends(tmp_path: Path) -> None:
    with behind(tmp_path, echo) as (client, _):
        ids = [client.upload(chat_lines(30, first=first))["id"] for first in (0, 100)]
        job = client.ended(client.create(*ids)["id"])
        assert len(contents(client.lines(job["output_file"]))) == 60
        requests = [{"custom_id": f"i{n}", "body": chat_body(f"inline {n}")} for n in range(5)]
        job = client.ended(client.create(input_files=None, requests=requests)["id"])
        assert len(contents(client.lines(job["output_file"]))) == 5


def test_faults_befall_the_lines_of_a_live_server_too(tmp_path: Path) -> None:
    with behind(tmp_path, echo) as (client, server):
        client.set_faults(line_error_rate=0.5, fail_jobs=1)
        job = client.run(chat_lines(40))
        assert (job["status"], job["completed_requests"]) == ("FAILED", 20)
        assert 0 < job["failed_requests"] < 20
    assert len(server.asked) == job["succeeded_requests"]


def test_a_stream_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with behind(tmp_path, echo) as (client, server):
        ((status, body),) = failures(
            client, client.run(jsonl([{"custom_id": "a", "body": {**chat_body("x"), "stream": True}}]))
        )
    assert (status, server.asked) == (400, [])
    assert "`stream`" in body["message"]


def test_an_endpoint_whose_call_takes_no_json_is_refused_when_the_job_is_made(tmp_path: Path) -> None:
    with behind(tmp_path, echo) as (client, _):
        file_id = client.upload(chat_lines(1))["id"]
        refused = client.create(file_id, endpoint="/v1/audio/transcriptions", status=422)
    assert refused["detail"][0]["loc"] == ["body", "endpoint"]


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "ftp://x", "http://", "http://u:pass@x", "http://x?pass=1", "http://x#f", "http://x:port", "http://x:0",
        "http://x:99999", "http://x y", "http://x\\y", "http://\u00e9", "http://x/../y", "http://[::1", "http://[:::]",
    ],
)  # fmt: skip
def test_an_upstream_is_an_address_and_nothing_else(tmp_path: Path, url: str) -> None:
    with pytest.raises(EmulatorError, match="not an address") as refused:
        EmulatorServer(tmp_path, options=EmulatorOptions(upstream=UpstreamOptions(url=url))).start()
    assert refused.value.hint
    assert "pass" not in f"{refused.value} {refused.value.why} {refused.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:1",
        "http://127.0.0.1",
        "http://[::1]:8000/v1",
        "http://10.1.2.3",
        "http://gpu-box:8000",
        "http://gpu.local",
        "https://api.example.org/v1",
    ],
)
def test_a_key_goes_to_a_private_host_or_over_an_encrypted_connection(url: str) -> None:
    assert read_address(url, keyed=True) == read_address(url)


def test_a_key_does_not_go_to_the_world_in_the_open() -> None:
    assert read_address("http://api.example.org").shown == "http://api.example.org"
    for url in ("http://api.example.org", "http://8.8.8.8:80/v1"):
        with pytest.raises(EmulatorError) as refused:
            read_address(url, keyed=True)
        assert "key" in (refused.value.why or "")


def test_a_key_is_read_and_shown_by_nobody() -> None:
    assert read_key("  a-key\n") == "a-key"
    assert read_key("") is None
    assert "a-key" not in repr(UpstreamOptions(url="http://x", key="a-key"))
    for text in ("my secret", "my\nsecret", "sch\u00fcssel"):
        with pytest.raises(EmulatorError) as refused:
            read_key(text)
        assert text not in f"{refused.value} {refused.value.why} {refused.value.hint}"


def test_retry_after_is_read_however_it_is_written() -> None:
    assert [seconds_of(text) for text in (None, "", "soon", "nan", "-1", "0.5", "120")] == [
        None, None, None, None, 0.0, 0.5, 120.0,
    ]  # fmt: skip
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    later = seconds_of("Wed, 21 Oct 2099 07:28:00 GMT")
    assert later is not None
    assert later > 10**9
