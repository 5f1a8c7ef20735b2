from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from mistral_server import (
    FILE_ID,
    JOB_ID,
    JSON,
    KEY,
    Behaviour,
    FakeClock,
    Recorder,
    answer,
    as_port,
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
    then_close_silently,
    trickle_body,
    trickle_head,
)

from batchspec.core.errors import (
    AccessError,
    BatchspecError,
    InvalidInputError,
    ProviderError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from batchspec.core.model import BatchJobStatus
from batchspec.mistral.client import MistralProvider, connect
from batchspec.mistral.exchange import Timing

IMPATIENT = Timing(connect=5.0, read=0.2, whole=0.3)


def test_connect_takes_key_and_address_from_the_mapping_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "not-this-one")
    monkeypatch.setenv("MISTRAL_BASE_URL", "https://not-this-one.invalid")
    with (
        scripted(answer(200, job())) as server,
        connect({"MISTRAL_API_KEY": KEY, "MISTRAL_BASE_URL": server.url}, FakeClock()) as mistral,
    ):
        mistral.get_job(JOB_ID)
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"
    with pytest.raises(AccessError):
        connect({"MISTRAL_BASE_URL": server.url}, FakeClock())
    with pytest.raises(InvalidInputError):
        connect({"MISTRAL_API_KEY": KEY, "MISTRAL_BASE_URL": "http://example.org"}, FakeClock())


def test_the_client_fills_the_port_that_the_commands_know() -> None:
    with scripted(answer(200, job())) as server, provider(server.url) as mistral:
        assert as_port(mistral).get_job(JOB_ID) is not None


def test_models_are_listed_by_one_call_and_a_glance_is_made_once() -> None:
    busy = answer(503, {"message": "busy"})
    models = answer(200, {"object": "list", "data": [{"id": "m-2506"}]})
    with scripted(busy, models, busy) as server, provider(server.url) as mistral:
        assert [card.id for card in mistral.models()] == ["m-2506"]
        with pytest.raises(ProviderUnavailableError):
            mistral.models(patient=False)
    assert server.lines == ["GET /v1/models"] * 3


def test_a_prefix_of_the_address_is_kept() -> None:
    with scripted(answer(200, job())) as server, provider(f"{server.url}/gateway/eu") as mistral:
        mistral.get_job(JOB_ID)
    assert server.lines == [f"GET /gateway/eu/v1/batch/jobs/{JOB_ID}"]


def test_a_job_is_read_with_a_status_that_nobody_knew() -> None:
    with scripted(answer(200, job(status="PAUSED"))) as server, provider(server.url) as mistral:
        found = mistral.get_job(JOB_ID)
    assert found is not None
    assert (found.status, found.status_text) == (BatchJobStatus.UNKNOWN, "PAUSED")


def test_a_job_that_is_not_known_yet_is_none() -> None:
    just_created = answer(404, {"detail": "No batch job matches the given query."})
    with scripted(just_created) as server, provider(server.url) as mistral:
        assert mistral.get_job(JOB_ID) is None


@pytest.mark.parametrize(
    "elsewhere",
    [
        page(404),
        answer(404, {"message": "no Route matched with those values", "request_id": "r"}),
        text_answer(404, b"404 page not found\n", "text/plain"),
        text_answer(404, b"", "text/plain"),
    ],
)
def test_a_404_from_something_else_than_the_api_is_no_statement_about_the_job(elsewhere: Behaviour) -> None:
    with (
        scripted(elsewhere) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderRefusedError) as raised,
    ):
        mistral.get_job(JOB_ID)
    assert raised.value.status == 404


@pytest.mark.parametrize("identifier", ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\nb", "é", "x" * 201])
def test_an_id_that_could_lead_elsewhere_is_refused_unsent(identifier: str, tmp_path: Path) -> None:
    with scripted() as server, provider(server.url) as mistral:
        with pytest.raises(InvalidInputError):
            mistral.get_job(identifier)
        with pytest.raises(InvalidInputError):
            mistral.cancel_job(identifier)
        with pytest.raises(InvalidInputError):
            mistral.download(identifier, tmp_path / "x", Recorder())
    assert server.seen == []


def test_a_cancel_is_repeated_until_it_is_answered() -> None:
    cancelled = answer(200, job(status="CANCELLATION_REQUESTED"))
    with scripted(hang_up, answer(503, {}), cancelled) as server, provider(server.url) as mistral:
        assert mistral.cancel_job(JOB_ID).status is BatchJobStatus.CANCELLATION_REQUESTED
    assert server.lines == [f"POST /v1/batch/jobs/{JOB_ID}/cancel"] * 3


def test_every_page_of_jobs_is_listed_from_the_moment_on() -> None:
    first = [job(id=f"j{number}", created_at=1_700_000_000 + number) for number in range(100)]
    second = [job(id="j99"), job(id="old", created_at=1_600_000_000), job(id="last", created_at=1_700_000_500)]
    with (
        scripted(answer(200, {"data": first, "total": 102}), answer(200, {"data": second, "total": 102})) as server,
        provider(server.url) as mistral,
    ):
        found = [listed.id for listed in mistral.list_jobs(created_after=1_700_000_000.7)]
    assert found == [*(f"j{number}" for number in range(100)), "last"]
    queries = [parse_qs(urlsplit(request.path).query) for request in server.seen]
    assert queries == [
        {
            "order_by": ["created"],
            "created_after": ["2023-11-14T22:13:19Z"],
            "page": [str(number)],
            "page_size": ["100"],
        }
        for number in range(2)
    ]


def test_without_a_moment_every_job_is_listed() -> None:
    with scripted(answer(200, {"data": [job(created_at=1)], "total": 1})) as server, provider(server.url) as mistral:
        assert [listed.created_at for listed in mistral.list_jobs()] == [1]
    assert "created_after" not in server.seen[0].path


def test_a_list_that_is_none_is_an_error_and_not_an_empty_list() -> None:
    with (
        scripted(answer(200, {"status": "ok"})) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderError, match="`data` is missing"),
    ):
        list(mistral.list_jobs())


def test_files_are_found_by_their_exact_name_and_purpose() -> None:
    def file(number: int, filename: str, purpose: str | None = "batch") -> dict[str, object]:
        return {"id": f"f{number}", "filename": filename, "purpose": purpose, "bytes": None}

    name = "bspec-ab&cd é.jsonl"
    first = [file(number, f"{name}.{number}") for number in range(99)] + [file(100, name)]
    second = [file(200, name.upper()), file(201, name, "ocr"), file(202, name, None), file(203, f"x{name}")]
    with (
        scripted(answer(200, {"data": first}), answer(200, {"data": second})) as server,
        provider(server.url) as mistral,
    ):
        assert [found.id for found in mistral.find_files(name)] == ["f100", "f202"]
    query = parse_qs(urlsplit(server.seen[1].path).query)
    assert query == {"purpose": ["batch"], "search": [name], "page": ["1"], "page_size": ["100"]}


PASSING: list[Behaviour] = [
    *(answer(status, {"detail": "passing"}) for status in (408, 425, 429, 500, 502, 503, 504, 520, 524)),
    page(502),
    page(429),
    hang_up,
    reset,
    garbage,
    cut_body(b'{"id": "', 1000, JSON),
    cut_body(b'{"id": "', None, JSON),
    then_close_silently(answer(503, {})),
]


@pytest.mark.parametrize("failing", PASSING)
def test_what_may_pass_is_tried_again(failing: Behaviour) -> None:
    clock = FakeClock()
    with scripted(failing, failing, answer(200, job())) as server, provider(server.url, clock) as mistral:
        assert mistral.get_job(JOB_ID) is not None
    assert len(server.seen) == 3
    assert sum(clock.slept) == 3.0


@pytest.mark.parametrize("failing", [say_nothing, trickle_head, trickle_body])
def test_a_server_that_is_silent_or_too_slow_is_asked_again(failing: Behaviour) -> None:
    with (
        scripted(failing, answer(200, job())) as server,
        provider(server.url, timing=IMPATIENT) as mistral,
    ):
        assert mistral.get_job(JOB_ID) is not None
    assert len(server.seen) == 2


def test_after_the_last_try_the_provider_is_unavailable() -> None:
    notes: list[str] = []
    clock = FakeClock()
    busy = answer(503, {"message": "overloaded\x1b[2J", "request_id": "req-9"}, Retry_After="0.5")
    with (
        scripted(*[busy] * 9) as server,
        provider(server.url, clock, on_wait=notes.append) as mistral,
        pytest.raises(ProviderUnavailableError) as raised,
    ):
        mistral.get_job(JOB_ID)
    error = raised.value
    assert len(server.seen) == 6
    assert (error.status, error.request_id) == (503, "req-9")
    assert error.summary.endswith("(HTTP 503): overloaded")
    assert error.why is not None
    assert "req-9" in error.why
    assert error.hint
    assert notes[0] == f"{error.summary}; try 2 of 6 in 1 s"
    assert sum(clock.slept) == 31.0


@pytest.mark.parametrize("asked", ["21600", "Tue, 14 Nov 2033 22:13:50 GMT"])
def test_a_long_retry_after_is_capped(asked: str) -> None:
    clock = FakeClock()
    with (
        scripted(answer(429, {"detail": "slow down"}, Retry_After=asked), answer(200, job())) as server,
        provider(server.url, clock) as mistral,
    ):
        mistral.get_job(JOB_ID)
    assert sum(clock.slept) == 120.0


@pytest.mark.parametrize("status", [501, 505])
def test_a_failure_that_will_not_pass_is_not_tried_again(status: int) -> None:
    with (
        scripted(answer(status, {"detail": "never"})) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderUnavailableError, match="never"),
    ):
        mistral.get_job(JOB_ID)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "message"),
        (402, "batch billing is off"),
        (404, "workspace"),
        (413, "bytes_per_file"),
        (422, "mend what the provider names"),
    ],
)
def test_a_refusal_says_what_and_how_to_mend_it(status: int, advice: str) -> None:
    refused = answer(status, {"detail": "because"}, **{"mistral-correlation-id": "corr-1"})
    with (
        scripted(refused) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderRefusedError) as raised,
    ):
        mistral.cancel_job(JOB_ID)
    error = raised.value
    assert error.summary == f"{server.url[7:]} refused to cancel job {JOB_ID}: because (HTTP {status})"
    assert (error.status, error.request_id, error.why) == (status, "corr-1", "the provider's request id is corr-1")
    assert error.hint is not None
    assert advice in error.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_an_access_error(status: int) -> None:
    with (
        scripted(answer(status, {"message": "no", "request_id": "r-1"})) as server,
        provider(server.url) as mistral,
        pytest.raises(AccessError) as raised,
    ):
        mistral.get_job(JOB_ID)
    assert raised.value.hint is not None
    assert "MISTRAL_API_KEY" in raised.value.hint
    assert raised.value.why == "the provider's request id is r-1"


@pytest.mark.parametrize(
    "foreign", [page(200), text_answer(200, b"<html>", JSON), text_answer(200, b"", "text/html"), page(403), page(401)]
)
def test_a_page_for_people_points_to_the_address(foreign: Behaviour) -> None:
    with (
        scripted(foreign) as server,
        provider(server.url) as mistral,
        pytest.raises(BatchspecError) as raised,
    ):
        mistral.get_job(JOB_ID)
    assert raised.value.hint is not None
    assert "MISTRAL_BASE_URL" in raised.value.hint
    assert "DOCTYPE" not in raised.value.summary
    assert len(server.seen) == 1


def test_text_that_never_becomes_json_ends_in_an_error() -> None:
    with (
        scripted(*[text_answer(200, b"OK", "text/plain")] * 6) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderError, match="not the API's JSON"),
    ):
        mistral.get_job(JOB_ID)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["{other}/v1/batch/jobs?sig=secret", "/login", "http://[bad", "//", "", "\x7f"])
def test_no_redirect_is_followed(status: int, location: str) -> None:
    with scripted() as other, scripted() as server, provider(server.url) as mistral:
        server.script.append(answer(status, {}, Location=location.format(other=other.url)))
        with pytest.raises(ProviderError, match="redirects") as raised:
            mistral.get_job(JOB_ID)
    assert other.seen == []
    assert len(server.seen) == 1
    assert "secret" not in raised.value.summary


def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The true bound would take an answer of many megabytes.
    monkeypatch.setattr("batchspec.mistral.exchange.LARGEST_ANSWER", 1000)
    with (
        scripted(answer(200, job(agent_id="x" * 2000))) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderUnavailableError, match="larger than any"),
    ):
        mistral.get_job(JOB_ID)


def test_a_host_that_takes_no_connection_is_named() -> None:
    with (
        provider(f"http://127.0.0.1:{closed_port()}") as mistral,
        pytest.raises(ProviderUnavailableError, match=r"127\.0\.0\.1:[0-9]+: it takes no connection"),
    ):
        mistral.get_job(JOB_ID)


def test_a_name_that_cannot_be_resolved_is_named() -> None:
    with (
        provider("https://nowhere.invalid") as mistral,
        pytest.raises(ProviderUnavailableError, match=r"nowhere\.invalid: its name cannot be resolved"),
    ):
        mistral.get_job(JOB_ID)


@pytest.mark.parametrize("proxy", ["http://", "nonsense://proxy.invalid", "http://[::1"])
def test_a_malformed_proxy_is_an_error_in_plain_words(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with provider("https://nowhere.invalid") as mistral, pytest.raises(ProviderUnavailableError) as raised:
        mistral.get_job(JOB_ID)
    assert raised.value.hint


def test_a_missing_certificate_bundle_is_an_error_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    with provider("https://127.0.0.1:1") as mistral, pytest.raises(ProviderUnavailableError) as raised:
        mistral.get_job(JOB_ID)
    assert raised.value.hint is not None
    assert "REQUESTS_CA_BUNDLE" in raised.value.hint


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    with (
        scripted(then_close_silently(answer(200, job())), answer(200, job())) as server,
        provider(server.url) as mistral,
    ):
        assert mistral.get_job(JOB_ID) == mistral.get_job(JOB_ID)


def test_an_interrupted_wait_leaves_at_once() -> None:
    class Interrupting(FakeClock):
        """Raises from its first sleep, as the program's clock does when a signal asks to stop."""

        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    with (
        scripted(answer(503, {})) as server,
        provider(server.url, Interrupting()) as mistral,
        pytest.raises(KeyboardInterrupt),
    ):
        mistral.get_job(JOB_ID)
    assert len(server.seen) == 1


def test_what_is_asked_says_who_asks_and_wants_nothing_compressed() -> None:
    with scripted(answer(200, job())) as server, provider(server.url) as mistral:
        mistral.get_job(JOB_ID)
    headers = server.seen[0].headers
    assert headers["User-Agent"].startswith("batchspec/")
    assert headers["Accept-Encoding"] == "identity"


METHODS: dict[str, Callable[[MistralProvider, Path], object]] = {
    "find_files": lambda mistral, _: mistral.find_files("a.jsonl"),
    "get_job": lambda mistral, _: mistral.get_job(JOB_ID),
    "list_jobs": lambda mistral, _: list(mistral.list_jobs()),
    "cancel_job": lambda mistral, _: mistral.cancel_job(JOB_ID),
    "download": lambda mistral, folder: mistral.download(FILE_ID, folder / "out", Recorder()),
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_meets_a_refused_key_and_a_dead_server_alike(method: str, tmp_path: Path) -> None:
    with scripted(answer(401, {"detail": "no"}), *[hang_up] * 6) as server, provider(server.url) as mistral:
        with pytest.raises(AccessError):
            METHODS[method](mistral, tmp_path)
        with pytest.raises(ProviderUnavailableError):
            METHODS[method](mistral, tmp_path)
    assert len(server.seen) == 7
    assert json.dumps(server.lines[1:]) == json.dumps([server.lines[0]] * 6)
    assert list(tmp_path.iterdir()) == []
