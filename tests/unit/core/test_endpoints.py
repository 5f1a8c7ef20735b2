"""What is known of each endpoint: its schema is there, and `prompt` goes where its API wants it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from building_specs import PATH, Folder, start

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.endpoints import endpoint_at
from batchspec.core.model import ENDPOINTS, InputRow
from batchspec.core.rendering import SpecRenderer
from batchspec.core.schema import SchemaChecker
from batchspec.project.packaged import packaged_schema

ROW = {"text": "Hello"}
NO_PROMPT = {
    "/v1/embeddings": "body.input",
    "/v1/moderations": "body.input",
    "/v1/classifications": "body.input",
    "/v1/ocr": "body.document",
    "/v1/audio/transcriptions": "body.file_url",
}
TEXT = "'{{ row.text }}!'"
ROLES = f"{{assistant: Well, user: {TEXT}, system: Be brief.}}"
SYSTEM, USER, ASSISTANT = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello!"},
    {"role": "assistant", "content": "Well"},
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def head(endpoint: str) -> str:
    return f"batchspec: 1\nname: triage\nmodel: m\nendpoint: {endpoint}\n"


def rendered(folder: Folder, endpoint: str, rest: str) -> tuple[list[object], list[Diagnostic]]:
    schema = packaged_schema(endpoint_at(endpoint).schema)
    found: list[Diagnostic] = []
    renderer = SpecRenderer(folder.spec(head(endpoint) + rest), folder.files, schema)
    return [json.loads(row.body) for row in renderer.render([InputRow(ROW, PATH, 1)], found.append)], found


def test_every_endpoint_of_the_api_is_known() -> None:
    assert [endpoint_at(path).path for path in ENDPOINTS] == list(ENDPOINTS)
    assert len({endpoint_at(path).schema for path in ENDPOINTS}) == len(ENDPOINTS)


@pytest.mark.parametrize(
    ("endpoint", "prompt", "body"),
    [
        ("/v1/chat/completions", TEXT, {"messages": [USER]}),
        ("/v1/chat/completions", ROLES, {"messages": [SYSTEM, USER, {**ASSISTANT, "prefix": True}]}),
        ("/v1/fim/completions", TEXT, {"prompt": "Hello!"}),
        ("/v1/fim/completions", f"{{user: {TEXT}}}", {"prompt": "Hello!"}),
        ("/v1/chat/moderations", TEXT, {"input": [USER]}),
        ("/v1/chat/moderations", ROLES, {"input": [SYSTEM, USER, ASSISTANT]}),
        ("/v1/chat/classifications", TEXT, {"input": {"messages": [USER]}}),
        ("/v1/chat/classifications", ROLES, {"input": {"messages": [SYSTEM, USER, ASSISTANT]}}),
        ("/v1/conversations", TEXT, {"inputs": "Hello!"}),
        (
            "/v1/conversations",
            f"{{system: Be brief., user: {TEXT}}}",
            {"inputs": "Hello!", "instructions": "Be brief."},
        ),
        (
            "/v1/conversations",
            ROLES,
            {
                "instructions": "Be brief.",
                "inputs": [
                    {"type": "message.input", **USER},
                    {"type": "message.input", **ASSISTANT, "prefix": True},
                ],
            },
        ),
    ],
)
def test_a_prompt_goes_where_the_endpoint_wants_it(
    folder: Folder, endpoint: str, prompt: str, body: dict[str, object]
) -> None:
    assert rendered(folder, endpoint, f"prompt: {prompt}\n") == ([body], [])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_prompt_is_taken_or_refused_with_the_place_where_its_text_belongs(folder: Folder, endpoint: str) -> None:
    if endpoint not in NO_PROMPT:
        assert rendered(folder, endpoint, "prompt: hi\n")[1] == []
        return
    found = folder.finding(head(endpoint) + "prompt: hi\n")
    assert (found.code, found.summary) == ("prompt-endpoint", f"{endpoint} takes no `prompt`")
    assert found.hint == f"write what it is about as `{NO_PROMPT[endpoint]}`"
    key = NO_PROMPT[endpoint].removeprefix("body.")
    properties = packaged_schema(endpoint_at(endpoint).schema)["properties"]
    assert isinstance(properties, dict)
    assert key in properties


@pytest.mark.parametrize(
    ("endpoint", "prompt", "taken"),
    [
        ("/v1/chat/completions", "hi", "messages"),
        ("/v1/fim/completions", "hi", "prompt"),
        ("/v1/chat/moderations", "hi", "input"),
        ("/v1/chat/classifications", "hi", "input"),
        ("/v1/conversations", "hi", "inputs"),
        ("/v1/conversations", "{system: hi, user: hi}", "instructions"),
    ],
)
def test_what_a_prompt_fills_in_cannot_be_given_too(folder: Folder, endpoint: str, prompt: str, taken: str) -> None:
    found = folder.finding(head(endpoint) + f"prompt: {prompt}\nbody: {{{taken}: x}}\n")
    assert (found.code, found.summary) == ("two-prompts", f"`prompt` and `body.{taken}` are both given")
    assert start(found) == (PATH, 5, 1)


def test_the_instructions_may_stand_in_the_body_where_the_prompt_has_none(folder: Folder) -> None:
    bodies, found = rendered(folder, "/v1/conversations", "prompt: hi\nbody: {instructions: Be brief.}\n")
    assert (bodies, found) == ([{"inputs": "hi", "instructions": "Be brief."}], [])


def test_an_endpoint_of_one_text_has_no_other_roles(folder: Folder) -> None:
    text = head("/v1/fim/completions") + "prompt:\n  system: a\n  user: b\n  assistant: c\n"
    found = folder.findings(text)
    assert [(each.code, start(each)) for each in found] == [
        ("prompt-endpoint", (PATH, 6, 3)),
        ("prompt-endpoint", (PATH, 8, 3)),
    ]


@pytest.mark.parametrize(
    ("endpoint", "prompt", "line"),
    [
        ("/v1/chat/completions", "prompt:\n  user: '{{ [1] }}'\n", 6),
        ("/v1/chat/moderations", "prompt:\n  system: a\n  user: '{{ [1] }}'\n", 7),
        ("/v1/chat/classifications", "prompt:\n  user: '{{ [1] }}'\n", 6),
        ("/v1/fim/completions", "prompt: '{{ [1] }}'\n", 5),
        ("/v1/conversations", "prompt:\n  system: '{{ [1] }}'\n  user: hi\n", 6),
        ("/v1/conversations", "prompt:\n  user: '{{ 3 }}'\n", 6),
        ("/v1/conversations", "prompt:\n  user: hi\n  assistant: '{{ [1] }}'\n", 7),
    ],
)
def test_a_prompts_fault_is_told_where_it_was_written(folder: Folder, endpoint: str, prompt: str, line: int) -> None:
    bodies, [found] = rendered(folder, endpoint, prompt)
    assert bodies == []
    assert (found.code, start(found)[:2]) == ("wrong-type", (PATH, line))


def test_a_conversation_of_instructions_alone_lacks_its_inputs(folder: Folder) -> None:
    bodies, [found] = rendered(folder, "/v1/conversations", "prompt: {system: Be brief.}\n")
    assert bodies == []
    assert (found.code, found.summary) == ("missing-key", "`inputs` is missing")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_refuses_a_model_in_its_body(endpoint: str) -> None:
    problems = SchemaChecker(packaged_schema(endpoint_at(endpoint).schema)).check({"model": "m"})
    (problem,) = [each for each in problems if each.key == "model"]
    assert (problem.kind, problem.pointer, problem.on_key) == ("not-allowed-key", ("model",), True)
    assert "the job's model wins" in (problem.hint or "")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_tells_an_unknown_key(endpoint: str) -> None:
    problems = SchemaChecker(packaged_schema(endpoint_at(endpoint).schema)).check({"metadatum": 1})
    assert [each.pointer for each in problems if each.kind == "unknown-key"] == [("metadatum",)]


@pytest.mark.parametrize(
    ("path", "key", "hint"),
    [
        ("/v1/chat/completions", "messages", "write a `prompt:`, or `messages:` under `body:`"),
        ("/v1/fim/completions", "prompt", "write a `prompt:`, or `prompt:` under `body:`"),
        ("/v1/chat/moderations", "input", "write a `prompt:`, or `input:` under `body:`"),
        ("/v1/embeddings", "input", "write `input:` under `body:`"),
        ("/v1/ocr", "document", "write `document:` under `body:`"),
    ],
)
def test_a_body_that_lacks_what_is_required_is_led_to_where_it_is_written(path: str, key: str, hint: str) -> None:
    assert endpoint_at(path).hint_for_missing(key) == hint
