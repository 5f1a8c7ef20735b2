"""The key goes to the base URL's host in one header, and nowhere else: no text, no log, no chain of exceptions."""

from __future__ import annotations

import gc
import logging
import ssl
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from mistral_server import (
    FILE_ID,
    JOB_ID,
    JSON,
    KEY,
    Behaviour,
    Recorder,
    answer,
    closed_port,
    cut_body,
    garbage,
    hang_up,
    job,
    page,
    provider,
    reset,
    say_nothing,
    scripted,
    text_answer,
    trickle_head,
    write,
)

from batchspec.core.errors import (
    AccessError,
    BatchspecError,
    ProviderUnavailableError,
)
from batchspec.core.model import JobRequest
from batchspec.mistral.base_url import parse_base_url
from batchspec.mistral.client import MistralProvider
from batchspec.mistral.exchange import Timing
from batchspec.mistral.key import ApiKey
from batchspec.mistral.session import new_session

REQUEST = JobRequest(endpoint="/v1/embeddings", model="mistral-embed", input_files=(FILE_ID,), metadata={})
ECHO = {"detail": f"bad key {KEY}", "request_id": KEY, "errors": [{"message": f"in {KEY}", "line_number": 1}]}

CALLS: dict[str, Callable[[MistralProvider, Path], object]] = {
    "upload": lambda mistral, folder: mistral.upload(write(folder, b"{}\n"), "a.jsonl", Recorder()),
    "find_files": lambda mistral, _: mistral.find_files("a.jsonl"),
    "create_job": lambda mistral, _: mistral.create_job(REQUEST),
    "get_job": lambda mistral, _: mistral.get_job(JOB_ID),
    "list_jobs": lambda mistral, _: list(mistral.list_jobs()),
    "cancel_job": lambda mistral, _: mistral.cancel_job(JOB_ID),
    "download": lambda mistral, folder: mistral.download(FILE_ID, folder / "out", Recorder()),
}

FAILURES: dict[str, Behaviour] = {
    **{f"{status} that quotes the key": answer(status, ECHO, x_request_id=KEY) for status in (400, 401, 403, 422, 500)},
    "a split key": answer(429, {"message": f"{KEY[:5]}\x00{KEY[5:]} {KEY}\x1b[0m"}, Retry_After="0"),
    "plain text": text_answer(418, f"key {KEY}".encode(), "text/plain"),
    "redirect": answer(302, {}, Location=f"https://{KEY}.example/?k={KEY}"),
    "page": page(200),
    "502 page": page(502),
    "hang up": hang_up,
    "reset": reset,
    "garbage": garbage,
    "cut": cut_body(b'{"id": "', 1000, JSON),
    "wrong type": answer(200, job(id=[KEY], data={KEY: KEY}), x_request_id=f"{KEY}\x1b[1m"),
}


def everything_said(error: BaseException) -> str:
    """Every text of an exception and of all that it drags along."""
    said: list[str] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        layer = waiting.pop()
        if layer is not None:
            said += [str(layer), repr(layer), repr(layer.args), repr(vars(layer))]
            waiting += [layer.__cause__, layer.__context__]
    return "\n".join([*said, *traceback.format_exception(error)])


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_shows_the_key(call: str, failure: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []
    caplog.set_level(logging.DEBUG)
    with scripted(*[FAILURES[failure]] * 6) as server, provider(server.url, on_wait=notes.append) as mistral:
        try:
            CALLS[call](mistral, tmp_path)
        except BatchspecError as error:
            raised = error
        else:
            # Only a download takes any bytes for what they are.
            assert call == "download"
            return
    assert KEY in server.seen[0].headers["Authorization"]
    assert KEY not in everything_said(raised)
    assert KEY not in "".join(notes) + caplog.text
    assert raised.__cause__ is None
    assert raised.__context__ is None


@pytest.mark.parametrize("behaviour", [say_nothing, trickle_head])
def test_no_timeout_shows_the_key(behaviour: Behaviour, tmp_path: Path) -> None:
    timing = Timing(connect=5.0, read=0.2, whole=0.3)
    with (
        scripted(behaviour) as server,
        provider(server.url, timing=timing) as mistral,
        pytest.raises(BatchspecError) as raised,
    ):
        mistral.create_job(REQUEST)
    assert KEY not in everything_said(raised.value)


@pytest.mark.parametrize("call", CALLS)
def test_no_failure_to_connect_shows_the_key(call: str, tmp_path: Path) -> None:
    with provider(f"http://127.0.0.1:{closed_port()}") as mistral, pytest.raises(ProviderUnavailableError) as raised:
        CALLS[call](mistral, tmp_path)
    assert KEY not in everything_said(raised.value)


def test_an_error_keeps_no_request_alive() -> None:
    with provider(f"http://127.0.0.1:{closed_port()}") as mistral, pytest.raises(ProviderUnavailableError) as raised:
        mistral.create_job(REQUEST)
    reached, waiting = set[int](), [raised.value.__dict__]
    while waiting:
        for found in gc.get_referents(waiting.pop()):
            assert not isinstance(found, requests.PreparedRequest | requests.RequestException)
            if id(found) not in reached and isinstance(found, dict | list | tuple | BaseException):
                reached.add(id(found))
                waiting.append(found)  # type: ignore[arg-type]


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login me password from-netrc\ndefault login me password from-netrc\n")
    monkeypatch.setenv("NETRC", str(file))


@pytest.mark.usefixtures("netrc")
def test_netrc_does_not_replace_the_key_on_loopback() -> None:
    with scripted(answer(200, job())) as server, provider(server.url) as mistral:
        mistral.get_job(JOB_ID)
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.usefixtures("netrc")
def test_netrc_does_not_replace_the_key_where_the_environment_is_heeded() -> None:
    with new_session(parse_base_url("https://127.0.0.1:1"), ApiKey(KEY)) as session:
        assert session.trust_env
        prepared = session.prepare_request(requests.Request("GET", "https://127.0.0.1:1/v1/files"))
    assert prepared.headers["Authorization"] == f"Bearer {KEY}"


def test_a_proxy_is_not_shown_the_key_on_its_way_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted() as proxy, scripted(answer(200, job())) as server, provider(server.url) as mistral:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        mistral.get_job(JOB_ID)
    assert proxy.seen == []
    assert len(server.seen) == 1


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for this machine, made on the spot, so that no private key is kept anywhere."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    extension = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run([*command, *extension], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("needs an openssl that makes certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


@pytest.mark.usefixtures("netrc")
def test_over_tls_the_key_arrives_and_the_deadline_holds(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls[1]))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    timing = Timing(connect=5.0, read=0.2, whole=0.4)
    with (
        scripted(trickle_head, answer(200, job()), tls=tls[0]) as server,
        provider(server.url, timing=timing) as mistral,
    ):
        assert mistral.get_job(JOB_ID) is not None
    assert [request.headers["Authorization"] for request in server.seen] == [f"Bearer {KEY}"] * 2


def test_a_certificate_that_nobody_vouches_for_gets_no_key_and_no_second_try(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    notes: list[str] = []
    with scripted(tls=tls[0]) as server, provider(server.url, on_wait=notes.append) as mistral:
        with pytest.raises(ProviderUnavailableError, match="certificate cannot be trusted"):
            mistral.get_job(JOB_ID)
        with pytest.raises(ProviderUnavailableError) as raised:
            mistral.create_job(REQUEST)
    assert raised.value.why == "nothing was sent"
    assert server.seen == []
    assert notes == []


def test_a_key_that_is_refused_is_not_shown_either(tmp_path: Path) -> None:
    with (
        scripted(answer(401, {"detail": f"Invalid key {KEY}"})) as server,
        provider(server.url) as mistral,
        pytest.raises(AccessError, match=r"Invalid key \*\*\*"),
    ):
        mistral.get_job(JOB_ID)
