from __future__ import annotations

import errno
import gzip
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from mistral_server import (
    FILE_ID,
    Behaviour,
    FakeClock,
    Recorder,
    answer,
    cut_body,
    cut_chunks,
    hang_up,
    page,
    provider,
    reset,
    scripted,
    send_slowly,
    text_answer,
    trickle_body,
)

from batchspec.core.errors import (
    BatchspecError,
    ProviderError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from batchspec.mistral.exchange import BLOCK, Timing

CONTENT = '{"custom_id": "1", "text": "\u2028"}\n'.encode() * 30_000
BYTES = "application/octet-stream"
WHOLE = text_answer(200, CONTENT, BYTES)


def test_a_file_arrives_whole_private_and_alone(tmp_path: Path) -> None:
    destination, progress = tmp_path / "out.jsonl", Recorder()
    with scripted(WHOLE) as server, provider(server.url) as mistral:
        assert mistral.download(FILE_ID, destination, progress) == len(CONTENT)
    assert server.lines == [f"GET /v1/files/{FILE_ID}/content"]
    assert destination.read_bytes() == CONTENT
    assert stat.S_IMODE(destination.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [destination]
    assert progress.phases == [("download", len(CONTENT), "bytes")]
    assert (progress.counted, progress.finished) == (len(CONTENT), 1)


def test_an_empty_file_arrives(tmp_path: Path) -> None:
    with scripted(text_answer(200, b"", BYTES)) as server, provider(server.url) as mistral:
        assert mistral.download(FILE_ID, tmp_path / "out", Recorder()) == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_a_file_without_an_announced_length_is_taken_to_its_end(tmp_path: Path) -> None:
    progress = Recorder()
    with scripted(cut_body(CONTENT, None)) as server, provider(server.url) as mistral:
        assert mistral.download(FILE_ID, tmp_path / "out", progress) == len(CONTENT)
    assert progress.phases == [("download", None, "bytes")]


def test_an_earlier_file_is_replaced_and_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"untouched")
    destination = tmp_path / "out"
    destination.symlink_to(elsewhere)
    with scripted(WHOLE) as server, provider(server.url) as mistral:
        mistral.download(FILE_ID, destination, Recorder())
    assert not destination.is_symlink()
    assert destination.read_bytes() == CONTENT
    assert elsewhere.read_bytes() == b"untouched"


def test_a_server_that_compresses_all_the_same_is_understood(tmp_path: Path) -> None:
    packed = text_answer(200, gzip.compress(CONTENT), BYTES, Content_Encoding="gzip")
    with scripted(packed) as server, provider(server.url) as mistral:
        assert mistral.download(FILE_ID, tmp_path / "out", Recorder()) == len(CONTENT)
    assert (tmp_path / "out").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "failing",
    [
        cut_body(CONTENT[:700_000], len(CONTENT)),
        cut_body(b"", len(CONTENT)),
        cut_chunks(CONTENT[:1000]),
        text_answer(200, b"this is not gzip", BYTES, Content_Encoding="gzip"),
        hang_up,
        reset,
        answer(503, {}),
        page(502),
    ],
)
def test_a_download_that_breaks_off_begins_again_from_nothing(failing: Behaviour, tmp_path: Path) -> None:
    destination, progress, clock = tmp_path / "out", Recorder(), FakeClock()
    with scripted(failing, failing, WHOLE) as server, provider(server.url, clock) as mistral:
        assert mistral.download(FILE_ID, destination, progress) == len(CONTENT)
    assert len(server.seen) == 3
    assert "Range" not in server.seen[2].headers
    assert destination.read_bytes() == CONTENT
    assert (progress.counted, progress.finished) == (len(CONTENT), 1)
    assert list(tmp_path.iterdir()) == [destination]


def test_a_longer_try_that_failed_leaves_nothing_in_a_shorter_one(tmp_path: Path) -> None:
    longer = cut_body(b"x" * 900_000, 1_000_000)
    with scripted(longer, text_answer(200, b"{}\n", BYTES)) as server, provider(server.url) as mistral:
        assert mistral.download(FILE_ID, tmp_path / "out", Recorder()) == 3
    assert (tmp_path / "out").read_bytes() == b"{}\n"


def test_waits_are_told_to_the_progress_of_the_download_alone(tmp_path: Path) -> None:
    progress, beside = Recorder(), list[str]()
    script = (hang_up, cut_body(b"x", 10), WHOLE)
    with scripted(*script) as server, provider(server.url, on_wait=beside.append) as mistral:
        mistral.download(FILE_ID, tmp_path / "out", progress)
    assert beside == []
    waits = ["try 2 of 6 in 1 s", "try 3 of 6 in 2 s", "try 3 of 6 in 1 s"]
    assert [note.split("; ")[1] for note in progress.notes] == waits


def test_a_download_that_always_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    destination = tmp_path / "out"
    destination.write_bytes(b"earlier")
    with (
        scripted(*[cut_body(CONTENT[:10], len(CONTENT))] * 6) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderUnavailableError, match="cut short"),
    ):
        mistral.download(FILE_ID, destination, Recorder())
    assert len(server.seen) == 6
    assert destination.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [destination]


def test_a_download_that_trickles_is_given_up(tmp_path: Path) -> None:
    timing = Timing(connect=5.0, read=0.2, whole=0.3)
    with (
        scripted(trickle_body, WHOLE) as server,
        provider(server.url, timing=timing) as mistral,
    ):
        mistral.download(FILE_ID, tmp_path / "out", Recorder())
    assert len(server.seen) == 2
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_a_slow_download_that_moves_may_take_longer_than_a_whole_answer(tmp_path: Path) -> None:
    content = b"x" * (6 * BLOCK)
    timing = Timing(connect=5.0, read=5.0, whole=0.6)
    with (
        scripted(send_slowly(content, 6, 0.2)) as server,
        provider(server.url, timing=timing) as mistral,
    ):
        assert mistral.download(FILE_ID, tmp_path / "out", Recorder()) == len(content)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "foreign",
    [
        page(200),
        text_answer(200, b"", "text/html"),
        text_answer(200, b"\n<!doctype html><p>sign in", BYTES),
        answer(302, {}, Location="https://signed.example/file?sig=secret"),
    ],
)
def test_a_page_or_a_redirect_is_no_file(foreign: Behaviour, tmp_path: Path) -> None:
    with (
        scripted(foreign) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderError) as raised,
    ):
        mistral.download(FILE_ID, tmp_path / "out", Recorder())
    assert raised.value.hint is not None
    assert "MISTRAL_BASE_URL" in raised.value.hint
    assert "secret" not in raised.value.summary
    assert list(tmp_path.iterdir()) == []
    assert len(server.seen) == 1


def test_a_file_that_is_gone_is_a_refusal(tmp_path: Path) -> None:
    with (
        scripted(answer(404, {"detail": "File not found"})) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderRefusedError, match="File not found") as raised,
    ):
        mistral.download(FILE_ID, tmp_path / "out", Recorder())
    assert raised.value.status == 404
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    with (
        scripted() as server,
        provider(server.url) as mistral,
        pytest.raises(BatchspecError, match="cannot write"),
    ):
        mistral.download(FILE_ID, tmp_path / "missing" / "out", Recorder())
    assert server.seen == []


@pytest.fixture
def files_end_at_500_kb() -> Iterator[None]:
    """Let the operating system itself refuse to write on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("files_end_at_500_kb")
def test_a_disk_that_takes_no_more_is_no_fault_of_the_network(tmp_path: Path) -> None:
    with (
        scripted(WHOLE) as server,
        provider(server.url) as mistral,
        pytest.raises(BatchspecError, match="cannot write") as raised,
    ):
        mistral.download(FILE_ID, tmp_path / "out", Recorder())
    assert raised.value.why == "File too large"
    assert list(tmp_path.iterdir()) == []
    assert len(server.seen) == 1


def test_a_file_that_cannot_be_made_durable_is_not_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # A fake, because no real disk fails at this moment and not before.
    monkeypatch.setattr("os.fsync", full)
    with (
        scripted(WHOLE) as server,
        provider(server.url) as mistral,
        pytest.raises(BatchspecError, match="cannot write") as raised,
    ):
        mistral.download(FILE_ID, tmp_path / "out", Recorder())
    assert raised.value.why == "No space left on device"
    assert list(tmp_path.iterdir()) == []
