"""One job's whole life by the official client, for each endpoint: run as a program, in any environment that has one.

    python client_life.py URL

It imports nothing of batchspec, so that a release of the client can be tried in an environment of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from typing import Any


def client_class() -> Any:
    """Return the client, which lives in `mistralai.client` since release 2 and in `mistralai` before."""
    for home in ("mistralai.client", "mistralai"):
        with contextlib.suppress(ImportError, AttributeError):
            return importlib.import_module(home).Mistral
    raise SystemExit("there is no official client in this environment")


USER = [{"role": "user", "content": "hello"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": USER, "max_tokens": 20},
    "/v1/embeddings": {"input": "hello"},
    "/v1/fim/completions": {"prompt": "def add(a, b):", "suffix": "return c"},
    "/v1/moderations": {"input": "hello"},
    "/v1/chat/moderations": {"input": USER},
    "/v1/ocr": {"document": {"type": "document_url", "document_url": "https://example.com/a.pdf"}},
    "/v1/classifications": {"input": "hello"},
    "/v1/chat/classifications": {"input": {"messages": USER}},
    "/v1/conversations": {"inputs": "hello"},
    "/v1/audio/transcriptions": {"file_url": "https://example.com/a.mp3"},
}
ENDED = {"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"}


def live_through(client: Any, endpoint: str, body: dict[str, Any]) -> None:
    """Upload, create, list, wait, download, cancel and delete."""
    content = b"".join(json.dumps({"custom_id": f"r{n}", "body": body}).encode() + b"\n" for n in range(3))
    file = client.files.upload(file={"file_name": "lines.jsonl", "content": content}, purpose="batch")
    made = client.batch.jobs.create(
        input_files=[file.id], model="any-model", endpoint=endpoint, metadata={"life": endpoint.replace("/", "-")}
    )
    job = client.batch.jobs.get(job_id=made.id)
    deadline = time.monotonic() + 60
    while str(job.status) not in ENDED:
        assert time.monotonic() < deadline, job.status
        time.sleep(0.02)
        job = client.batch.jobs.get(job_id=made.id)
    assert (str(job.status), job.succeeded_requests, job.failed_requests) == ("SUCCESS", 3, 0), job
    assert made.id in [listed.id for listed in client.batch.jobs.list(page_size=100).data]
    lines = [json.loads(line) for line in client.files.download(file_id=job.output_file).read().splitlines()]
    assert sorted(line["custom_id"] for line in lines) == ["r0", "r1", "r2"]
    assert all(line["response"]["status_code"] == 200 for line in lines)
    assert str(client.batch.jobs.cancel(job_id=made.id).status) == "SUCCESS"
    assert client.files.delete(file_id=file.id).deleted


def main(url: str) -> None:
    """Go through every endpoint."""
    with client_class()(api_key="a-key", server_url=url) as client:
        for endpoint, body in BODIES.items():
            live_through(client, endpoint, body)
            print(endpoint, "lived")


if __name__ == "__main__":
    main(sys.argv[1])
