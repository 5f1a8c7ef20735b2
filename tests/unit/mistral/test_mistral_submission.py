from __future__ import annotations

import json

import pytest
from mistral_server import (
    FILE_ID,
    JOB_ID,
    JSON,
    Behaviour,
    FakeClock,
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
    then_close_silently,
    trickle_body,
    trickle_head,
)

from batchspec.core.errors import (
    AccessError,
    ProviderRefusedError,
    ProviderUnavailableError,
    SubmissionUnknownError,
)
from batchspec.core.model import BatchJobStatus, JobRequest
from batchspec.mistral.exchange import Timing

REQUEST = JobRequest(
    endpoint="/v1/chat/completions",
    model="mistral-small-latest",
    input_files=(FILE_ID,),
    metadata={"bspec_shard": "ab", "bspec_note": "é"},
    timeout_hours=48,
)
IMPATIENT = Timing(connect=5.0, read=0.2, whole=0.3)


def test_a_job_is_created_with_one_post() -> None:
    with scripted(answer(200, job())) as server, provider(server.url) as mistral:
        created = mistral.create_job(REQUEST)
    assert (created.id, created.status, created.total_requests) == (JOB_ID, BatchJobStatus.QUEUED, 0)
    assert server.lines == ["POST /v1/batch/jobs"]
    assert server.seen[0].headers["Content-Type"] == JSON
    assert json.loads(server.seen[0].body) == {
        "endpoint": "/v1/chat/completions",
        "model": "mistral-small-latest",
        "input_files": [FILE_ID],
        "metadata": {"bspec_shard": "ab", "bspec_note": "é"},
        "timeout_hours": 48,
    }


def test_a_created_job_of_an_unknown_status_is_created() -> None:
    with scripted(answer(201, job(status="VALIDATING"))) as server, provider(server.url) as mistral:
        assert mistral.create_job(REQUEST).status is BatchJobStatus.UNKNOWN


UNKNOWN: dict[str, Behaviour] = {
    "hang up": hang_up,
    "reset": reset,
    "garbage": garbage,
    "408": answer(408, {"detail": "timeout"}),
    "500": answer(500, {"detail": "x"}),
    "501": answer(501, {"detail": "x"}),
    "502 page": page(502),
    "503 with Retry-After": answer(503, {"detail": "x"}, Retry_After="0"),
    "504": answer(504, {}),
    "524": answer(524, {}),
    "page": page(200),
    "no JSON": text_answer(200, b"OK", "text/plain"),
    "empty": text_answer(204, b"", JSON),
    "no id": answer(200, {"status": "QUEUED"}),
    "wrong type": answer(200, job(total_requests="many")),
    "unreadable with an id": answer(200, job(id=7), x_request_id="req-1"),
    "not an object": answer(200, [job()]),
    "cut": cut_body(b'{"id": "', 1000, JSON),
    "cut without length": cut_body(b'{"id": "', None, JSON),
    "redirect": answer(307, {}, Location="/v1/batch/jobs"),
    "see other": answer(303, {}, Location="/v1/batch/jobs"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_answer_that_settles_nothing_is_unknown_and_never_repeated(name: str) -> None:
    clock = FakeClock()
    with (
        scripted(UNKNOWN[name], answer(200, job())) as server,
        provider(server.url, clock) as mistral,
        pytest.raises(SubmissionUnknownError) as raised,
    ):
        mistral.create_job(REQUEST)
    assert server.posts() == 1
    assert clock.slept == []
    assert raised.value.hint is not None
    assert "run again" in raised.value.hint


@pytest.mark.parametrize("behaviour", [say_nothing, trickle_head, trickle_body])
def test_a_silent_or_endless_answer_is_unknown_and_never_repeated(behaviour: Behaviour) -> None:
    with (
        scripted(behaviour, answer(200, job())) as server,
        provider(server.url, timing=IMPATIENT) as mistral,
        pytest.raises(SubmissionUnknownError),
    ):
        mistral.create_job(REQUEST)
    assert server.posts() == 1


@pytest.mark.parametrize("status", [400, 402, 404, 405, 409, 413, 415, 422, 425, 429])
def test_a_definite_refusal_is_no_question_and_never_repeated(status: int) -> None:
    with (
        scripted(answer(status, {"detail": "because"}, x_request_id="req-1"), answer(200, job())) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderRefusedError, match="because") as raised,
    ):
        mistral.create_job(REQUEST)
    assert (raised.value.status, raised.value.request_id) == (status, "req-1")
    assert server.posts() == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_definite_refusal(status: int) -> None:
    with (
        scripted(answer(status, {"detail": "no"}), answer(200, job())) as server,
        provider(server.url) as mistral,
        pytest.raises(AccessError),
    ):
        mistral.create_job(REQUEST)
    assert server.posts() == 1


def test_a_429_says_how_long_the_provider_asks_to_wait() -> None:
    with (
        scripted(answer(429, {"detail": "busy"}, Retry_After="90")) as server,
        provider(server.url) as mistral,
        pytest.raises(ProviderRefusedError) as raised,
    ):
        mistral.create_job(REQUEST)
    assert raised.value.hint is not None
    assert raised.value.hint.endswith("the provider asks to wait 90 s")


def test_a_refused_connection_is_provably_unsent() -> None:
    with (
        provider(f"http://127.0.0.1:{closed_port()}") as mistral,
        pytest.raises(ProviderUnavailableError) as raised,
    ):
        mistral.create_job(REQUEST)
    assert raised.value.why == "nothing was sent"


def test_a_name_that_cannot_be_resolved_is_provably_unsent() -> None:
    with provider("https://nowhere.invalid") as mistral, pytest.raises(ProviderUnavailableError) as raised:
        mistral.create_job(REQUEST)
    assert raised.value.why == "nothing was sent"


def test_a_tls_handshake_that_fails_is_provably_unsent() -> None:
    with (
        scripted(answer(200, job())) as server,
        provider(server.url.replace("http:", "https:")) as mistral,
        pytest.raises(ProviderUnavailableError) as raised,
    ):
        mistral.create_job(REQUEST)
    assert raised.value.why == "nothing was sent"
    assert server.posts() == 0


def test_a_creation_has_a_connection_of_its_own_and_leaves_the_kept_one_alone() -> None:
    script = (answer(200, job()), answer(200, job()), answer(200, job()))
    with scripted(*script) as server, provider(server.url) as mistral:
        mistral.get_job(JOB_ID)
        mistral.create_job(REQUEST)
        mistral.get_job(JOB_ID)
    before, creation, after = (request.connection for request in server.seen)
    assert creation != before
    assert after == before


def test_a_kept_connection_that_died_meanwhile_raises_no_question() -> None:
    dying = then_close_silently(answer(200, job()))
    with scripted(dying, answer(200, job())) as server, provider(server.url) as mistral:
        mistral.get_job(JOB_ID)
        assert mistral.create_job(REQUEST).id == JOB_ID
    assert server.posts() == 1


def test_a_404_just_after_the_creation_is_none_and_later_the_job() -> None:
    script = (
        answer(200, job()),
        answer(404, {"detail": "No batch job matches the given query."}),
        answer(200, job(status="RUNNING")),
    )
    with scripted(*script) as server, provider(server.url) as mistral:
        created = mistral.create_job(REQUEST)
        assert mistral.get_job(created.id) is None
        found = mistral.get_job(created.id)
    assert found is not None
    assert found.status is BatchJobStatus.RUNNING
