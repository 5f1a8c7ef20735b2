from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests
from emulator_client import chat_lines, jsonl, serving

from batchspec.emulator import uploads


def test_an_upload_is_kept_byte_for_byte_and_told_in_full(tmp_path: Path) -> None:
    content = chat_lines(3)
    with serving(tmp_path) as client:
        made = client.upload(content, filename="tickets.jsonl", visibility="user", expiry="48")
        assert client.json("GET", f"/v1/files/{made['id']}") == made
        assert client.call("GET", f"/v1/files/{made['id']}/content").content == content
    assert {key: made[key] for key in ("object", "bytes", "filename", "purpose", "num_lines", "visibility")} == {
        "object": "file",
        "bytes": len(content),
        "filename": "tickets.jsonl",
        "purpose": "batch",
        "num_lines": 3,
        "visibility": "user",
    }
    assert (made["sample_type"], made["source"]) == ("batch_request", "upload")
    assert made["expires_at"] == pytest.approx(made["created_at"] + 48 * 3600, abs=2)


def test_a_last_line_without_its_newline_counts(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.upload(chat_lines(2).rstrip(b"\n"))["num_lines"] == 2


def test_a_large_file_passes_through_in_pieces(tmp_path: Path) -> None:
    content = chat_lines(40_000)
    with serving(tmp_path) as client:
        made = client.upload(content)
        assert made["num_lines"] == 40_000
        assert client.call("GET", f"/v1/files/{made['id']}/content").content == content


def test_every_bad_line_is_named_and_the_file_is_not_kept(tmp_path: Path) -> None:
    lines = [
        b'{"body": {}}',
        b"{torn",
        b"[1]",
        b'{"custom_id": "a"}',
        b'{"body": "text"}',
        b'{"custom_id": 1, "body": {}}',
    ]
    with serving(tmp_path) as client:
        refused = client.upload(b"\n".join(lines) + b"\n", status=422)
        assert client.json("GET", "/v1/files")["total"] == 0
    assert refused["detail"] == "Invalid file format."
    assert refused["description"].startswith("Found 5 errors in this file")
    assert [error["line_number"] for error in refused["errors"]] == [2, 3, 4, 5, 6]
    assert "JSON" in refused["errors"][0]["message"]
    assert "body" in refused["errors"][2]["message"]
    assert not list((tmp_path / "files").iterdir())


def test_one_bad_line_is_told_in_the_singular(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        refused = client.upload(b'{"body": {}}\n\n', status=422)
    assert refused["description"].startswith("Found 1 error in this file")
    assert refused["errors"][0]["line_number"] == 2


def test_an_empty_file_is_no_batch(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.upload(b"", status=422)["detail"] == "Invalid file format."


def test_of_very_many_bad_lines_the_first_hundred_are_named(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        refused = client.upload(b"no\n" * 250, status=422)
    assert "Found 250 errors" in refused["description"]
    assert len(refused["errors"]) == 100


def test_a_line_longer_than_can_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LONGEST_LINE", 64)  # the true limit would need a line of 64 MB
    with serving(tmp_path) as client:
        refused = client.upload(b'{"body": {}}\n' + jsonl([{"body": {"text": "x" * 100}}]), status=422)
    assert refused["errors"] == [{"message": "The line is longer than 64 bytes.", "line_number": 2}]


@pytest.mark.parametrize("purpose", ["ocr", "fine-tune"])
def test_other_purposes_take_any_content(tmp_path: Path, purpose: str) -> None:
    content = b"\x00\x01 not JSON"
    with serving(tmp_path) as client:
        made = client.upload(content, purpose=purpose, filename="scan.pdf")
        assert client.call("GET", f"/v1/files/{made['id']}/content").content == content
    assert (made["num_lines"], made["purpose"]) == (None, purpose)


@pytest.mark.parametrize("field", [{"purpose": "holiday"}, {"visibility": "nobody"}, {"expiry": "soon"}])
def test_a_bad_field_of_an_upload_is_named(tmp_path: Path, field: dict[str, str]) -> None:
    with serving(tmp_path) as client:
        refused = client.json(
            "POST", "/v1/files", status=422, files={"file": ("a", b"x")}, data={"purpose": "ocr", **field}
        )
    assert refused["detail"][0]["loc"] == ["body", *field]


def test_an_upload_without_its_file_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        refused = client.json("POST", "/v1/files", status=422, files={"other": ("a", b"x")}, data={"purpose": "ocr"})
        assert refused["detail"][0]["loc"] == ["body", "file"]
        client.json("POST", "/v1/files", status=422, json={"purpose": "batch"})
    assert not list((tmp_path / "files").iterdir())


def test_a_file_above_the_limit_is_refused_before_and_while_it_is_read(tmp_path: Path) -> None:
    with serving(tmp_path, max_file_bytes=1000) as client:
        client.upload(b"x" * 1001, purpose="ocr", status=413)
        client.upload(b"x" * 3_000_000, purpose="ocr", status=413)
        assert client.upload(b"x" * 1000, purpose="ocr")["bytes"] == 1000
    assert len(list((tmp_path / "files").iterdir())) == 1


def test_files_are_listed_newest_first_page_by_page(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        names = [client.upload(chat_lines(1), filename=f"{n}.jsonl")["filename"] for n in range(5)]
        pages = [client.json("GET", "/v1/files", params={"page": page, "page_size": 2}) for page in range(4)]
    assert [[file["filename"] for file in page["data"]] for page in pages] == [
        names[:2:-1],
        names[2:0:-1],
        names[:1],
        [],
    ]
    assert {page["total"] for page in pages} == {5}


def test_files_are_filtered_by_search_purpose_source_and_sample_type(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.upload(b"text", purpose="ocr", filename="Scan.pdf")
        job = client.run(jsonl([{"body": {}}]) + chat_lines(1))

        def found(**params: object) -> set[str]:
            return {file["filename"] for file in client.json("GET", "/v1/files", params=params)["data"]}

        output, error = f"{job['id']}_output.jsonl", f"{job['id']}_error.jsonl"
        assert found(search="scan") == {"Scan.pdf"}
        assert found(search="100%") == set()
        assert found(purpose="ocr") == {"Scan.pdf"}
        assert found(source="mistral") == {output, error}
        assert found(sample_type=["batch_error", "batch_request"]) == {error, "batch.jsonl"}
        assert client.json("GET", "/v1/files", params={"include_total": "false"})["total"] is None


@pytest.mark.parametrize(
    "query", ["page=-1", "page=x", "page_size=0", "purpose=no", "source=no", "sample_type=no", "include_total=maybe"]
)
def test_a_bad_parameter_of_a_list_is_named(tmp_path: Path, query: str) -> None:
    with serving(tmp_path) as client:
        refused = client.json("GET", f"/v1/files?{query}", status=422)
    assert refused["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_a_deleted_file_is_gone(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        assert client.json("DELETE", f"/v1/files/{file_id}") == {"id": file_id, "object": "file", "deleted": True}
        for path in (f"/v1/files/{file_id}", f"/v1/files/{file_id}/content", f"/v1/files/{file_id}/url"):
            client.json("GET", path, status=404)
        client.json("DELETE", f"/v1/files/{file_id}", status=404)
        assert client.json("GET", "/v1/files")["data"] == []
    assert not list((tmp_path / "files").iterdir())


def test_a_signed_url_needs_no_key_and_no_other_one_is_taken(tmp_path: Path) -> None:
    with serving(tmp_path, key="the-key") as client:
        file_id, other = (client.upload(chat_lines(n))["id"] for n in (1, 2))
        url = client.json("GET", f"/v1/files/{file_id}/url", params={"expiry": 2})["url"]
        assert requests.get(url, timeout=60).content == chat_lines(1)
        assert requests.get(url.replace(file_id, other), timeout=60).status_code == 403
        assert requests.get(url[:-1], timeout=60).status_code == 403
        client.json("GET", f"/v1/files/{file_id}/url", params={"expiry": 169}, status=422)


def test_a_signed_url_expires(tmp_path: Path) -> None:
    with serving(tmp_path, hour_seconds=0) as client:
        url = client.json("GET", f"/v1/files/{client.upload(chat_lines(1))['id']}/url")["url"]
        time.sleep(0.01)
        assert requests.get(url, timeout=60).json() == {"detail": "The URL has expired."}


def test_a_signed_url_outlives_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        file_id = client.upload(chat_lines(1))["id"]
        old = client.json("GET", f"/v1/files/{file_id}/url")["url"].removeprefix(client.url)
    with serving(tmp_path) as client:
        assert client.call("GET", old).content == chat_lines(1)
