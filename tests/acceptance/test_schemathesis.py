"""The API's own document drives the emulator: whatever it can draw, no server error, and no answer off its schema."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from batchspec.emulator.server import EmulatorServer

HEADERS = {"Authorization": "Bearer a-key"}
CALLS = [
    ("/v1/files", "POST"),
    ("/v1/files", "GET"),
    ("/v1/files/{file_id}", "GET"),
    ("/v1/files/{file_id}", "DELETE"),
    ("/v1/files/{file_id}/content", "GET"),
    ("/v1/files/{file_id}/url", "GET"),
    ("/v1/batch/jobs", "GET"),
    ("/v1/batch/jobs", "POST"),
    ("/v1/batch/jobs/{job_id}", "GET"),
    ("/v1/batch/jobs/{job_id}", "DELETE"),
    ("/v1/batch/jobs/{job_id}/cancel", "POST"),
]


def document() -> dict[str, Any]:
    """The provider's OpenAPI document, which is not a part of this project."""
    named = os.environ.get("MISTRAL_OPENAPI")
    beside = next(iter(Path(__file__).parents[3].glob("*/reference/mistral-openapi.json")), None)
    path = Path(named) if named else beside
    if path is None:
        pytest.skip("the API's OpenAPI document is not at hand (MISTRAL_OPENAPI names it)")
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    wanted = {path for path, _ in CALLS}
    read["paths"] = {path: calls for path, calls in read["paths"].items() if path in wanted}
    return read


@pytest.fixture(scope="module")
def schema() -> Any:
    return schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path_factory.mktemp("emulator")) as server:
        yield server


def ids(server: EmulatorServer) -> dict[str, str]:
    """A file and a job that are there, since what is drawn never is."""
    line = b'{"custom_id":"a","body":{"messages":[{"role":"user","content":"hi"}]}}\n'
    file = requests.post(
        f"{server.url}/v1/files",
        files={"file": ("a.jsonl", line)},
        data={"purpose": "batch"},
        headers=HEADERS,
        timeout=60,
    ).json()
    job = requests.post(
        f"{server.url}/v1/batch/jobs",
        json={"endpoint": "/v1/chat/completions", "model": "m", "input_files": [file["id"]]},
        headers=HEADERS,
        timeout=60,
    ).json()
    return {"file_id": file["id"], "job_id": job["id"]}


def hold(schema: Any, server: EmulatorServer, call: tuple[str, str], examples: int) -> None:
    path, method = call
    operation = schema[path][method]
    drawn = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    there = ids(server)

    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=drawn, real=st.booleans())
    def holds(case: Any, real: bool) -> None:
        if real and case.path_parameters:
            case.path_parameters = {name: there[name] for name in case.path_parameters}
        if real and path == "/v1/batch/jobs" and isinstance(case.body, dict):
            case.body = {"model": "m", **case.body, "input_files": [there["file_id"]], "requests": None}
        response = case.call(base_url=server.url, headers={**(case.headers or {}), **HEADERS})
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
        statuses.add(response.status_code)
        if response.status_code >= 400:
            assert_refusal(response.json())

    statuses: set[int] = set()
    holds()
    # Nothing would be held if all that is drawn were refused.
    assert 200 in statuses
    assert statuses <= {200, 404, 405, 413, 422}


def assert_refusal(told: Any) -> None:
    """A refusal has one of the shapes that the service's have."""
    detail = told.get("detail", told.get("message"))
    if isinstance(detail, str):
        assert detail
    else:
        assert all({"loc", "msg", "type"} <= found.keys() for found in detail)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[1]} {call[0]}")
def test_nothing_drawn_breaks_the_server_or_its_schema(
    schema: Any, server: EmulatorServer, call: tuple[str, str]
) -> None:
    hold(schema, server, call, 40)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[1]} {call[0]}")
def test_nothing_of_much_more_breaks_it_either(schema: Any, server: EmulatorServer, call: tuple[str, str]) -> None:
    hold(schema, server, call, 1000)
