"""The body schemas and the examples' bodies, held to the API's own OpenAPI document where it is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_facts import REQUESTS, ROOT, TAGS, Fact, facts, openapi, request_schema

from batchspec.commands.loading import SpecLoader
from batchspec.core.diagnostics import Diagnostic
from batchspec.core.endpoints import endpoint_at
from batchspec.core.json_text import parse
from batchspec.core.model import ENDPOINTS
from batchspec.inputs import open_rows
from batchspec.project.files import RootedFiles
from batchspec.project.packaged import packaged_schema
from batchspec.project.settings import load_settings

# The example of queries needs an extra, and its bodies are of the commonest kind.
EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").glob("*/*.batchspec.yaml")
    if path.parent.name != "sql" or find_spec("duckdb") is not None
    # What goes on from another spec has no bodies before that was answered.
    if "inputs: {spec:" not in path.read_text(encoding="utf-8")
)


def said(place: str, keyword: str, *values: object) -> set[Fact]:
    return {Fact(place, keyword, value) for value in values}


ONLY_OURS = {
    "/v1/chat/completions": {
        # Newer clients know these, and the document lacks them.
        *said("", "property", "top_k", "min_tokens", "logprobs"),
        *said(".top_k", "type", "integer", "null"),
        *said(".top_k", "minimum", 0),
        *said(".min_tokens", "type", "integer", "null"),
        *said(".min_tokens", "minimum", 0),
        *said(".logprobs", "type", "boolean", "integer", "null"),
        *said(".reasoning_effort", "enum", "max"),
        # A batch cannot stream.
        *said(".stream", "const", False),
    },
    "/v1/fim/completions": said(".stream", "const", False),
    "/v1/conversations": {
        # An unknown key is worth a warning here too.
        *said("", "closed", True),
        *said(".completion_args.reasoning_effort", "enum", "max"),
    },
    "/v1/audio/transcriptions": {
        *said("", "closed", True),
        # The document cannot say that one of the three is there.
        *said("", "required", "file_url", "file_id"),
    },
}
"""What our schemas say beyond the document, on purpose."""

AUDIO_TEXT = ".content[]<input_audio>.input_audio"
ONLY_THEIRS = {
    "/v1/audio/transcriptions": {
        # A line of a batch carries no file.
        *said(".file", "type", "string", "null"),
        *said(".file", "format", "binary"),
    },
}
"""What the document says and our schemas do not, on purpose."""


def meant_everywhere(fact: Fact) -> bool:
    """Tell whether a fact is a difference that is meant at every endpoint."""
    return (
        # The document gives tags a default, and yet tells alternatives apart by them: ours must be written.
        (fact.keyword == "required" and fact.value in TAGS)
        # The job names the model, and a body's own is refused.
        or fact == Fact("", "required", "model")
        or (fact.place, fact.keyword) == (".model", "type")
        # Audio in JSON is base64 or an address, both of them text.
        or (fact.place.endswith(AUDIO_TEXT) and fact.keyword == "format")
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_body_schema_says_what_the_api_says(endpoint: str) -> None:
    document = openapi()
    ours = packaged_schema(endpoint_at(endpoint).schema)
    here = {fact for fact in facts(ours, ours) if not meant_everywhere(fact)}
    there = {fact for fact in facts(request_schema(endpoint, document), document) if not meant_everywhere(fact)}
    assert len(there) >= 9
    assert here - there == ONLY_OURS.get(endpoint, set())
    assert there - here == ONLY_THEIRS.get(endpoint, set())


def test_the_document_has_the_endpoints_that_we_have() -> None:
    document = openapi()
    paths = document["paths"]
    assert isinstance(paths, dict)
    for endpoint in ENDPOINTS:
        (content,) = paths[endpoint]["post"]["requestBody"]["content"].values()
        assert content["schema"] == {"$ref": f"#/components/schemas/{REQUESTS[endpoint]}"}


def rendered(path: Path) -> Iterator[tuple[str, object]]:
    files = RootedFiles(path.parent)
    settings = load_settings(files)
    loader = SpecLoader(
        files=files,
        defaults=settings.defaults,
        default_places=settings.default_places,
        output_dir=settings.output_dir,
        schema=packaged_schema,
        open_rows=partial(open_rows, root=path.parent),
    )
    findings: list[Diagnostic] = []
    (loaded,) = loader.load([path.name])
    for row in loaded.renderer.render(loaded.rows.rows(findings.append), findings.append):
        yield loaded.spec.endpoint, parse(row.body)
    assert findings == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_examples_bodies_fit_the_apis_own_schema(path: Path) -> None:
    document = openapi()
    bodies = list(rendered(path))
    assert bodies
    for endpoint, body in bodies:
        assert isinstance(body, dict)
        # The job's model is the model of every line.
        errors = Draft202012Validator(request_schema(endpoint, document)).iter_errors({**body, "model": "m"})
        assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_every_endpoint_has_an_example() -> None:
    assert {endpoint for path in EXAMPLES for endpoint, _ in rendered(path)} == set(ENDPOINTS)
