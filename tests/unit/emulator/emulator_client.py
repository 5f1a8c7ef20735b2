"""A plain client of a served emulator, for the tests beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorOptions, EmulatorServer

CHAT = "/v1/chat/completions"
ENDED = {"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"}
PATIENCE = 30.0


def chat_body(text: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}]}


def chat_lines(count: int, first: int = 0) -> bytes:
    return jsonl({"custom_id": f"row-{n}", "body": chat_body(f"hello {n}")} for n in range(first, first + count))


def jsonl(values: Iterable[object]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


class Client:
    def __init__(self, url: str, key: str = "a-key") -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=PATIENCE, **more)

    def json(self, method: str, path: str, *, status: int = 200, **more: Any) -> Any:
        response = self.call(method, path, **more)
        assert response.status_code == status, response.text
        return response.json()

    def upload(
        self, content: bytes, *, filename: str = "batch.jsonl", purpose: str = "batch", status: int = 200, **form: str
    ) -> Any:
        return self.json(
            "POST", "/v1/files", status=status, files={"file": (filename, content)}, data={"purpose": purpose, **form}
        )

    def create(self, *file_ids: str, status: int = 200, **more: Any) -> Any:
        body = {"input_files": list(file_ids), "endpoint": CHAT, "model": "mistral-small-latest", **more}
        return self.json("POST", "/v1/batch/jobs", json=body, status=status)

    def run(self, content: bytes, **more: Any) -> Any:
        return self.ended(self.create(self.upload(content)["id"], **more)["id"])

    def job(self, job_id: str) -> Any:
        return self.json("GET", f"/v1/batch/jobs/{job_id}")

    def ended(self, job_id: str) -> Any:
        return self.until(job_id, lambda job: job["status"] in ENDED)

    def until(self, job_id: str, holds: Any) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not holds(job := self.job(job_id)):
            assert time.monotonic() < deadline, job
            time.sleep(0.005)
        return job

    def lines(self, file_id: str | None) -> list[Any]:
        if file_id is None:
            return []
        response = self.call("GET", f"/v1/files/{file_id}/content")
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.content.splitlines()]

    def ledger(self) -> Mapping[str, int]:
        found: Mapping[str, int] = self.json("GET", "/emulator/ledger")
        return found

    def set_faults(self, **faults: object) -> None:
        self.json("PUT", "/emulator/faults", json=faults)


@contextmanager
def serving(data: Path, *, faults: Faults | None = None, **options: Any) -> Iterator[Client]:
    chosen = EmulatorOptions(faults=faults or Faults(), **options)
    with EmulatorServer(data, options=chosen) as server:
        client = Client(server.url, key=chosen.key or "a-key")
        try:
            yield client
        finally:
            client.session.close()


def custom_ids(lines: Sequence[Any]) -> list[str]:
    return [line["custom_id"] for line in lines]
