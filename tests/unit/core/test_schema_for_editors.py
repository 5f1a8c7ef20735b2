"""Editors' schema: the program's own keys, each endpoint's body, and never an error where a spec is right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from batchspec.core.endpoints import endpoint_at
from batchspec.core.model import ENDPOINTS
from batchspec.core.schema.for_editors import schema_for_editors
from batchspec.core.source import load_source

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "schemas"


def read(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


SPEC: Mapping[str, Any] = read("batchspec.schema.json")
MADE: Mapping[str, Any] = read("editor.schema.json")
VALIDATOR = Draft202012Validator(MADE, registry=Registry())
HEAD = {"batchspec": 1, "name": "x"}


def wrong(**more: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(HEAD | more)]


def test_it_has_the_programs_keys_and_nothing_of_the_programs_own_words() -> None:
    assert list(MADE["properties"]) == list(SPEC["properties"])
    assert "x-batchspec" not in json.dumps(MADE)
    for name, key in MADE["properties"].items():
        assert key["markdownDescription"] == key["description"] == SPEC["properties"][name]["description"]


def test_each_endpoints_body_is_there_with_its_keys() -> None:
    for path in ENDPOINTS:
        body = MADE["$defs"]["body" + path.removeprefix("/v1").replace("/", "-")]
        assert list(body["properties"]) == list(read(endpoint_at(path).schema)["properties"])
        assert "required" not in body


def specs() -> Iterator[Any]:
    for path in sorted((ROOT / "examples").rglob("*.batchspec.yaml")):
        yield pytest.param(load_source(path.read_text("utf-8"), path.name).value, id=path.name)


@pytest.mark.parametrize("spec", [*specs()])
def test_every_example_fits(spec: Any) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(spec)] == []


@pytest.mark.parametrize(
    ("key", "value"), [(name, each) for name, key in SPEC["properties"].items() for each in key["examples"]]
)
def test_what_the_program_gives_as_an_example_fits(key: str, value: object) -> None:
    # `extends` says that the endpoint may come from elsewhere, so that no body is held to one.
    assert wrong(extends="base.yaml", **{key: value} if key not in {*HEAD, "extends"} else {}) == []


def keys_of(endpoint: str) -> list[str]:
    body = read(endpoint_at(endpoint).schema)
    return [name for name in body["properties"] if name not in {"model", "stream"}]


@given(st.data())
def test_a_template_or_a_file_may_stand_for_any_value_of_a_body(data: st.DataObject) -> None:
    endpoint = data.draw(st.sampled_from(ENDPOINTS))
    keys = data.draw(st.lists(st.sampled_from(keys_of(endpoint)), unique=True))
    free = st.sampled_from(["{{ row.a }}", "a {% if b %}c{% endif %}", {"file": "a.yaml"}])
    assert wrong(endpoint=endpoint, body={key: data.draw(free) for key in keys}) == []


@pytest.mark.parametrize(
    "more",
    [
        {"modle": "m"},
        {"inputs": {"pth": "a"}},
        {"inputs": 3},
        {"prompt": {"sytem": "a"}},
        {"custom_id": ["a"]},
        {"response": {"json_schema": True}},
        {"body": {"temperature": "hot"}},
        {"body": {"model": "m"}},
        {"endpoint": "/v1/ocr", "body": {"messages": []}},
        {"body": {"messages": [{"role": "nobody", "content": "a"}]}},
    ],
)
def test_what_is_wrong_is_found(more: dict[str, object]) -> None:
    assert wrong(**more)


def test_two_definitions_of_one_name_are_refused() -> None:
    def body(kind: str) -> dict[str, Any]:
        part = {"$ref": "#/$defs/part"}
        return {"$id": kind, "type": "object", "properties": {"a": part}, "$defs": {"part": {"type": kind}}}

    bodies = {"/v1/one": body("string"), "/v1/two": body("number")}
    with pytest.raises(ValueError, match="part is defined in two ways"):
        schema_for_editors(SPEC, bodies, read)
