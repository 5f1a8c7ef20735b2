from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistral_server import (
    BATCH_FILE,
    FILE_ID,
    Behaviour,
    FakeClock,
    Handler,
    Recorder,
    answer,
    garbage,
    hang_up,
    page,
    provider,
    reset,
    scripted,
    sha256,
    uploaded_file,
    write,
)

from batchspec.core.errors import (
    AccessError,
    BatchspecError,
    ProviderError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from batchspec.mistral.upload import UploadBody

CONTENT = b'{"custom_id": "1", "body": {}}\n' * 40_000
STORED = answer(200, BATCH_FILE)


def test_a_file_is_uploaded_whole_with_its_name_and_purpose(tmp_path: Path) -> None:
    path, progress = write(tmp_path, CONTENT), Recorder()
    with scripted(STORED) as server, provider(server.url) as mistral:
        stored = mistral.upload(path, 'bspec "é".jsonl', progress, hashed=True)
    request = server.seen[0]
    assert server.lines == ["POST /v1/files"]
    assert uploaded_file(request) == CONTENT
    assert 'filename="bspec %22é%22.jsonl"'.encode() in request.body
    assert (stored.id, stored.size, stored.purpose) == (FILE_ID, 10, "batch")
    assert stored.sha256 == sha256(CONTENT)
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert progress.phases == [("upload", len(CONTENT), "bytes")]
    assert (progress.counted, progress.finished) == (len(CONTENT), 1)


def test_what_nobody_wants_the_digest_of_is_not_hashed(tmp_path: Path) -> None:
    with scripted(STORED) as server, provider(server.url) as mistral:
        assert mistral.upload(write(tmp_path, CONTENT), "a.jsonl", Recorder()).sha256 is None
    assert uploaded_file(server.seen[0]) == CONTENT


def test_an_empty_file_is_uploaded(tmp_path: Path) -> None:
    with scripted(STORED) as server, provider(server.url) as mistral:
        assert mistral.upload(write(tmp_path, b""), "a.jsonl", Recorder(), hashed=True).sha256 == sha256(b"")
    assert uploaded_file(server.seen[0]) == b""


def half_read(then: Behaviour) -> Behaviour:
    """Read only a part of the body, then go on."""

    def behave(handler: Handler) -> None:
        handler.rfile.read(300_000)
        then(handler)

    behave.before_the_body = True  # type: ignore[attr-defined]
    return behave


@pytest.mark.parametrize(
    "failing",
    [answer(502, {}), answer(429, {}, Retry_After="0"), page(503), hang_up, reset, garbage, half_read(reset)],
)
def test_each_try_sends_the_whole_file_again(failing: Behaviour, tmp_path: Path) -> None:
    path, progress, clock = write(tmp_path, CONTENT), Recorder(), FakeClock()
    with scripted(failing, failing, STORED) as server, provider(server.url, clock) as mistral:
        stored = mistral.upload(path, "a.jsonl", progress, hashed=True)
    whole = [uploaded_file(request) for request in server.seen if request.body]
    assert len(server.seen) == 3
    assert {sha256(content) for content in whole} == {stored.sha256} == {sha256(CONTENT)}
    assert (progress.counted, progress.finished) == (len(CONTENT), 1)
    assert any("try 3 of 6 in" in note for note in progress.notes)


def test_a_refused_file_names_its_lines_and_is_not_sent_again(tmp_path: Path) -> None:
    refused = {
        "detail": "Invalid file format.",
        "description": "Found 2 errors in this file.",
        "errors": [{"message": "no `body`", "line_number": 4}, {"message": "not JSON", "line_number": 9}],
    }
    with (
        scripted(answer(422, refused)) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderRefusedError, match=r"Invalid file format\. Found 2 errors") as raised,
    ):
        mistral.upload(write(tmp_path, CONTENT), "a.jsonl", Recorder())
    assert raised.value.line_errors == ((4, "no `body`"), (9, "not JSON"))
    assert raised.value.status == 422
    assert len(server.seen) == 1


def test_a_refusal_that_comes_before_the_file_was_read_is_heard(tmp_path: Path) -> None:
    early = half_read(answer(413, {"detail": "too large"}))
    progress = Recorder()
    with (
        scripted(early) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderRefusedError, match="too large"),
    ):
        mistral.upload(write(tmp_path, b"x" * 600_000), "a.jsonl", progress)
    assert progress.finished == 1
    assert len(server.seen) == 1


def test_a_slow_upload_that_moves_may_take_longer_than_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(handler: Handler) -> None:
        left = int(handler.headers["Content-Length"])
        while left > 0:
            handler.owner.over.wait(0.1)
            left -= len(handler.rfile.read(min(left, 1_000_000)))
        STORED(handler)

    read_slowly.before_the_body = True  # type: ignore[attr-defined]
    # The true time is minutes. Less than the four seconds that it is read for, and far more than between two reads.
    monkeypatch.setattr("batchspec.mistral.client._UPLOAD_ANSWER_SECONDS", 3.0)
    with scripted(read_slowly) as server, provider(server.url) as mistral:
        mistral.upload(write(tmp_path, b"x" * 40_000_000), "a.jsonl", Recorder())
    assert len(server.seen) == 1


def test_an_answer_that_comes_before_the_file_was_sent_is_no_upload(tmp_path: Path) -> None:
    def answer_early(handler: Handler) -> None:
        STORED(handler)
        handler.close_connection = True

    answer_early.before_the_body = True  # type: ignore[attr-defined]
    with (
        scripted(answer_early) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderError, match=r"answered before a\.jsonl was sent whole"),
    ):
        mistral.upload(write(tmp_path, b"x" * 40_000_000), "a.jsonl", Recorder())


def test_an_upload_without_permission_is_an_access_error(tmp_path: Path) -> None:
    with scripted(answer(401, {})) as server, provider(server.url) as mistral, pytest.raises(AccessError):
        mistral.upload(write(tmp_path, CONTENT), "a.jsonl", Recorder())


def test_an_upload_that_nobody_answers_is_given_up(tmp_path: Path) -> None:
    with (
        scripted(*[hang_up] * 6) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderUnavailableError, match=r"upload a\.jsonl"),
    ):
        mistral.upload(write(tmp_path, CONTENT), "a.jsonl", Recorder())
    assert len(server.seen) == 6


@pytest.mark.parametrize("value", [{}, {"id": 7}, [], None])
def test_an_answer_without_a_file_is_an_error(value: object, tmp_path: Path) -> None:
    with scripted(answer(200, value)) as server, provider(server.url) as mistral, pytest.raises(ProviderError):
        mistral.upload(write(tmp_path, CONTENT), "a.jsonl", Recorder())


def test_a_file_that_is_missing_or_none_is_named_unsent(tmp_path: Path) -> None:
    with scripted() as server, provider(server.url) as mistral:
        for path in (tmp_path / "missing", tmp_path):
            with pytest.raises(BatchspecError, match="cannot upload") as raised:
                mistral.upload(path, "a.jsonl", Recorder())
            assert raised.value.why
    assert server.seen == []


def test_a_file_that_shrinks_while_it_is_sent_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, b"x" * 3_000_000)
    with UploadBody(path, "a.jsonl", Recorder()) as body:
        blocks = iter(body)
        next(blocks)
        next(blocks)
        os.truncate(path, 300_000)
        with pytest.raises(BatchspecError) as raised:
            list(blocks)
        assert raised.value.why == "it became shorter while it was uploaded"
        assert not body.whole


def test_a_file_that_grows_while_it_is_sent_is_sent_at_the_length_that_was_announced(tmp_path: Path) -> None:
    path = write(tmp_path, b"x" * 3_000)
    with UploadBody(path, "a.jsonl", Recorder(), hashed=True) as body:
        with path.open("ab") as file:
            file.write(b"more")
        assert len(b"".join(body)) == len(body)
        assert body.sha256 == sha256(b"x" * 3_000)


@given(st.integers(0, 600_000), st.integers(0, 5))
def test_a_body_begins_anew_after_any_number_of_blocks(size: int, taken: int) -> None:
    content = bytes(index % 251 for index in range(1000)) * (size // 1000 + 1)
    with tempfile.NamedTemporaryFile() as file:
        file.write(content[:size])
        file.flush()
        with UploadBody(Path(file.name), "a.jsonl", Recorder(), hashed=True) as body:
            for _ in zip(range(taken), body, strict=False):
                pass
            first = b"".join(body)
            next(iter(body))
            assert body.sha256 is None
            assert not body.whole
            second = b"".join(body)
            assert first == second
            assert len(first) == len(body)
            assert content[:size] in first
            assert body.sha256 == hashlib.sha256(content[:size]).hexdigest()


MEASURE = """
import resource, sys
from pathlib import Path
from mistral_server import Recorder, provider

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with provider(sys.argv[1]) as mistral:
    mistral.upload(Path(sys.argv[3]), "warm.jsonl", Recorder())
    before = peak()
    stored = mistral.upload(Path(sys.argv[2]), "big.jsonl", Recorder(), hashed=True)
    print((peak() - before) // 1024, stored.sha256)
"""


def swallow(handler: Handler) -> None:
    """Take a body without keeping it."""
    left = int(handler.headers["Content-Length"])
    while left > 0:
        left -= len(handler.rfile.read(min(left, 1 << 20)))
    STORED(handler)


swallow.before_the_body = True  # type: ignore[attr-defined]


def test_a_file_of_300_mb_is_never_in_memory(tmp_path: Path) -> None:
    big = tmp_path / "big.jsonl"
    with big.open("wb") as file:
        file.truncate(300_000_000)
    small = write(tmp_path, CONTENT)
    with scripted(STORED, swallow) as server:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, server.url, str(big), str(small)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
    grown, digest = done.stdout.split()
    assert int(grown) < 10
    with big.open("rb") as sent:
        assert digest == hashlib.file_digest(sent, "sha256").hexdigest()
