from __future__ import annotations

import http.client
import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from emulator_client import chat_lines, serving

from batchspec.core.errors import BatchspecError
from batchspec.emulator.refusals import EmulatorError
from batchspec.emulator.server import EmulatorOptions, EmulatorServer


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batchspec-emulator")]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer wrong", "Bearer the-key2", "Bearer \xe9"]
)
def test_without_the_right_key_every_call_is_refused(tmp_path: Path, authorization: str | None) -> None:
    with serving(tmp_path, key="the-key") as client:
        headers = {} if authorization is None else {"Authorization": authorization}
        for path in ("/v1/files", "/v1/batch/jobs", "/v1/models", "/emulator/ledger", "/emulator/faults"):
            response = requests.get(client.url + path, headers=headers, timeout=60)
            assert (response.status_code, response.json()) == (401, {"detail": "Unauthorized"})
        assert client.json("GET", "/v1/files")["data"] == []


def test_where_no_key_is_set_any_is_taken_but_none_is_not(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert requests.get(f"{client.url}/v1/models", headers={"Authorization": "Bearer x"}, timeout=60).ok
        assert requests.get(f"{client.url}/v1/models", timeout=60).status_code == 401


def test_a_refused_upload_is_read_to_its_end_so_that_the_client_sees_why(tmp_path: Path) -> None:
    with serving(tmp_path, key="the-key") as client:
        client.session.headers["Authorization"] = "Bearer wrong"
        client.upload(b"x" * 20_000_000, purpose="ocr", status=401)
        client.session.headers["Authorization"] = "Bearer the-key"
        client.upload(b"x", purpose="ocr")


def test_unknown_paths_and_methods_are_answered_in_json(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.json("GET", "/v1/nothing", status=404)["message"] == "Not Found"
        assert client.json("PATCH", "/v1/files", status=405)["message"] == "Method Not Allowed"
        assert client.call("GET", "/v1/models").headers["mistral-correlation-id"]


def test_models_are_listed_by_alias_and_by_date(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        cards = {card["id"]: card for card in client.json("GET", "/v1/models")["data"]}
        small = cards["mistral-small-latest"]
        assert client.json("GET", "/v1/models/mistral-small-latest") == small
        assert small["aliases"] == [small["name"]]
        assert cards[small["name"]]["aliases"] == ["mistral-small-latest"]
        client.json("GET", "/v1/models/nobody", status=404)


def test_an_alias_can_be_moved_and_what_it_leaves_stays_listed(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        moved = {"model": "mistral-small-2603", "deprecation": None, "replacement": None}
        shown = client.json(
            "PUT", "/emulator/models", json={"mistral-small-latest": moved, "voxtral-mini-latest": None}
        )
        assert shown["mistral-small-latest"] == moved
        assert client.json("GET", "/emulator/models") == shown
        cards = {card["id"]: card for card in client.json("GET", "/v1/models")["data"]}
        assert len(cards) == len(client.json("GET", "/v1/models")["data"])
        assert cards["mistral-small-latest"]["name"] == "mistral-small-2603"
        assert cards["mistral-small-latest"]["aliases"] == ["mistral-small-2603"]
        assert cards["mistral-small-2603"]["aliases"] == ["mistral-small-latest"]
        assert cards["mistral-small-2506"]["aliases"] == []
        assert "voxtral-mini-latest" not in cards
        end = {"model": "m-2506", "deprecation": "2026-05-31T12:00:00Z", "replacement": "m-2603"}
        client.json("PUT", "/emulator/models", json={"m-latest": end, "m": end})
        card = client.json("GET", "/v1/models/m-2506")
        assert (card["aliases"], card["deprecation"]) == (["m", "m-latest"], "2026-05-31T12:00:00Z")
        assert card["deprecation_replacement_model"] == "m-2603"


@pytest.mark.parametrize("given", [[], {"m": 3}, {"m": {}}, {"m": {"model": 3}}, {"m": {"model": "x", "more": 1}}])
def test_an_alias_that_says_nothing_is_refused(tmp_path: Path, given: object) -> None:
    with serving(tmp_path) as client:
        before = client.json("GET", "/emulator/models")
        client.json("PUT", "/emulator/models", json=given, status=422)
        assert client.json("GET", "/emulator/models") == before


def test_a_connection_stays_open_for_the_next_call(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        where = urlsplit(client.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        with closing(connection):
            ports = set()
            for path in ("/v1/models", "/v1/nothing", "/v1/files", "/v1/batch/jobs"):
                connection.request("GET", path, headers={"Authorization": "Bearer k"})
                connection.getresponse().read()
                ports.add(connection.sock.getsockname()[1])
    assert len(ports) == 1


def test_a_body_that_nobody_reads_is_not_taken_for_the_next_call(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(client.url).port, timeout=60)
        with closing(connection):
            statuses = []
            for headers in ({}, {"Authorization": "Bearer k"}):
                connection.request("POST", "/v1/models/none", body=b"x" * 100_000, headers=headers)
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
    assert statuses == [405, 405]


def test_a_client_of_http_1_0_gets_an_answer_that_ends_with_the_connection(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        job = client.run(chat_lines(1))
        with socket.create_connection(("127.0.0.1", urlsplit(client.url).port or 0), timeout=5) as plain:
            path = f"/v1/batch/jobs/{job['id']}?inline=true"
            plain.sendall(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer k\r\n\r\n".encode())
            received = b"".join(iter(lambda: plain.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert body.endswith(b"]}")


def test_an_upload_in_chunks_is_taken(tmp_path: Path) -> None:
    content = chat_lines(100)
    boundary = b"x1x"
    body = (
        b'--%b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--%b\r\n'
        b'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n%b\r\n--%b--\r\n'
    ) % (boundary, boundary, content, boundary)
    with serving(tmp_path) as client:
        made = client.json(
            "POST",
            "/v1/files",
            data=iter([body[:1000], body[1000:]]),
            headers={"Content-Type": "multipart/form-data; boundary=x1x"},
        )
        assert client.call("GET", f"/v1/files/{made['id']}/content").content == content


def test_a_client_that_goes_away_in_the_middle_of_an_upload_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        with socket.create_connection(("127.0.0.1", urlsplit(client.url).port or 0), timeout=5) as plain:
            plain.sendall(
                b"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: 9999\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
                b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\npart of a line'
            )
            time.sleep(0.05)
        assert client.json("GET", "/v1/files")["total"] == 0
    assert not list((tmp_path / "files").iterdir())


def test_stopping_ends_every_thread_also_with_connections_open(tmp_path: Path) -> None:
    before = threads()
    server = EmulatorServer(tmp_path, options=EmulatorOptions(line_seconds=0.01))
    server.start()
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0)), serving(tmp_path / "other") as client:
        client.json("GET", "/v1/models")
        client.create(client.upload(chat_lines(1000))["id"])
        assert len(threads()) > len(before)
        server.stop()
        server.stop()
    assert threads() == before
    with pytest.raises(RuntimeError):
        server.url  # noqa: B018 - reading it is the test


def test_stopping_ends_a_download_that_nobody_takes(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(b"x" * 30_000_000, purpose="ocr")["id"]
        stuck = client.session.get(f"{client.url}/v1/files/{file_id}/content", stream=True)
    assert threads() == []
    stuck.close()


def test_stopping_cuts_injected_latency_short(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.set_faults(latency=3600)
        with socket.create_connection(("127.0.0.1", urlsplit(client.url).port or 0)) as plain:
            plain.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n")
            time.sleep(0.05)
    assert threads() == []


def test_a_server_can_be_started_again(tmp_path: Path) -> None:
    server = EmulatorServer(tmp_path)
    for _ in range(2):
        with server:
            assert requests.get(f"{server.url}/v1/models", headers={"Authorization": "Bearer k"}, timeout=60).ok
            with pytest.raises(RuntimeError):
                server.start()


def test_wait_ends_when_the_server_is_stopped(tmp_path: Path) -> None:
    server = EmulatorServer(tmp_path)
    server.start()
    waiting = threading.Thread(target=server.wait)
    waiting.start()
    assert waiting.is_alive()
    server.stop()
    waiting.join(timeout=10)
    assert not waiting.is_alive()


def test_a_port_in_use_is_told_as_something_to_mend(tmp_path: Path) -> None:
    with serving(tmp_path / "one") as client:
        taken = EmulatorServer(tmp_path / "two", port=urlsplit(client.url).port or 0)
        with pytest.raises(EmulatorError) as told:
            taken.start()
    assert isinstance(told.value, BatchspecError)
    assert "127.0.0.1" in told.value.summary
    assert told.value.why == "another program listens there"
    assert told.value.hint


def test_a_data_folder_that_is_a_file_is_told_as_something_to_mend(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(EmulatorError) as told:
        EmulatorServer(tmp_path / "data").start()
    assert str(tmp_path / "data") in told.value.summary
    assert told.value.hint


def test_a_database_that_is_none_is_told_as_something_to_mend(tmp_path: Path) -> None:
    (tmp_path / "emulator.db").write_bytes(b"not a database, and long enough to be looked at " * 100)
    with pytest.raises(EmulatorError):
        EmulatorServer(tmp_path).start()


def test_data_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    with serving(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "emulator.db")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(EmulatorError, match="another version \\(99"):
        EmulatorServer(tmp_path).start()


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.url.startswith("http://127.0.0.1:")
