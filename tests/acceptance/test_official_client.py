"""The official Python client, unchanged, against the emulator: what works here is written for the real service."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchspec.emulator.server import EmulatorOptions, EmulatorServer

try:
    from mistralai.client import Mistral, errors
except ImportError:
    pytest.skip("needs mistralai 2 or newer: pip install 'batchspec[test]'", allow_module_level=True)

ENDED = {"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"}
LINES = b"".join(
    json.dumps({"custom_id": f"row-{n}", "body": {"messages": [{"role": "user", "content": f"hello {n}"}]}}).encode()
    + b"\n"
    for n in range(20)
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path, options=EmulatorOptions(key="a-key", line_seconds=0.001)) as served:
        yield served


@pytest.fixture
def client(server: EmulatorServer) -> Iterator[Any]:
    with Mistral(api_key="a-key", server_url=server.url) as opened:
        yield opened


def upload(client: Any, content: bytes = LINES) -> Any:
    return client.files.upload(file={"file_name": "tickets.jsonl", "content": content}, purpose="batch")


def ended(client: Any, job_id: str) -> Any:
    deadline = time.monotonic() + 30
    while (job := client.batch.jobs.get(job_id=job_id)).status not in ENDED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return job


def test_a_batch_from_upload_to_download(client: Any) -> None:
    file = upload(client)
    assert (file.filename, file.purpose, file.num_lines, file.size_bytes) == ("tickets.jsonl", "batch", 20, len(LINES))
    made = client.batch.jobs.create(
        input_files=[file.id],
        model="mistral-small-latest",
        endpoint="/v1/chat/completions",
        metadata={"team": "blue"},
        timeout_hours=2,
    )
    assert (made.status, made.total_requests) == ("QUEUED", 0)
    job = ended(client, made.id)
    assert (job.status, job.succeeded_requests, job.failed_requests) == ("SUCCESS", 20, 0)
    assert (job.metadata, job.error_file) == ({"team": "blue"}, None)
    lines = [json.loads(line) for line in client.files.download(file_id=job.output_file).read().splitlines()]
    assert sorted(line["custom_id"] for line in lines) == sorted(f"row-{n}" for n in range(20))
    inline = client.batch.jobs.get(job_id=job.id, inline=True)
    assert sorted(map(str, inline.outputs)) == sorted(map(str, lines))


def test_jobs_are_listed_by_the_clients_filters(client: Any) -> None:
    file = upload(client)
    for team in ("blue", "red"):
        job = client.batch.jobs.create(
            input_files=[file.id], model=f"model-{team}", endpoint="/v1/chat/completions", metadata={"team": team}
        )
        ended(client, job.id)

    def listed(**filters: Any) -> list[str]:
        page = client.batch.jobs.list(**filters)
        assert page.total == len(page.data)
        return [job.metadata["team"] for job in page.data]

    assert listed() == ["red", "blue"]
    assert listed(order_by="created") == ["blue", "red"]
    assert listed(metadata={"team": "blue"}) == ["blue"]
    assert listed(model="model-red") == ["red"]
    assert listed(status=["SUCCESS"], created_by_me=True) == ["red", "blue"]
    assert listed(status=["RUNNING", "QUEUED"]) == []
    assert listed(created_after=datetime.now(UTC) - timedelta(hours=1)) == ["red", "blue"]
    assert listed(created_after=datetime.now(UTC) + timedelta(hours=1)) == []


def test_a_running_job_is_cancelled_and_deleted(client: Any) -> None:
    job = client.batch.jobs.create(
        input_files=[upload(client, LINES * 1000).id], model="m", endpoint="/v1/chat/completions"
    )
    assert client.batch.jobs.cancel(job_id=job.id).status in {"CANCELLED", "CANCELLATION_REQUESTED"}
    assert ended(client, job.id).status == "CANCELLED"
    assert client.batch.jobs.delete(job_id=job.id).deleted
    with pytest.raises(errors.SDKError) as refused:
        client.batch.jobs.get(job_id=job.id)
    assert refused.value.status_code == 404


def test_inline_requests_and_embeddings(client: Any) -> None:
    job = client.batch.jobs.create(
        requests=[{"custom_id": "a", "body": {"input": "some text"}}], model="mistral-embed", endpoint="/v1/embeddings"
    )
    ended(client, job.id)
    (output,) = client.batch.jobs.get(job_id=job.id, inline=True).outputs
    assert len(output["response"]["body"]["data"][0]["embedding"]) == 1024


def test_files_are_listed_signed_and_deleted(client: Any) -> None:
    file = upload(client)
    assert [found.id for found in client.files.list(purpose="batch", search="tick", source=["upload"]).data] == [
        file.id
    ]
    assert client.files.list(sample_type=["batch_result", "batch_error"]).total == 0
    assert client.files.retrieve(file_id=file.id).deleted is False
    assert client.files.get_signed_url(file_id=file.id, expiry=1).url.startswith("http://127.0.0.1:")
    assert client.files.delete(file_id=file.id).deleted
    assert client.files.list().data == []


def test_models_are_listed(client: Any) -> None:
    names = {model.id for model in client.models.list().data}
    assert "mistral-small-latest" in names
    assert client.models.retrieve(model_id="mistral-embed").id == "mistral-embed"


def test_a_wrong_key_is_refused(server: EmulatorServer) -> None:
    with Mistral(api_key="another", server_url=server.url) as stranger, pytest.raises(errors.SDKError) as refused:
        stranger.files.list()
    assert refused.value.status_code == 401
