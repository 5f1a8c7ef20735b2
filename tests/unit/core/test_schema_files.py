"""The schemas that are shipped: complete, valid, and the same as the API's where they should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchspec.core.endpoints import endpoint_at
from batchspec.core.model import ENDPOINTS
from batchspec.core.schema import SchemaChecker, document_diagnostics, is_valid_schema
from batchspec.core.source import load_source
from batchspec.project.packaged import packaged_schema

ROOT = Path(__file__).parents[3]
Schema = dict[str, object]


SPEC = packaged_schema("batchspec.schema.json")
OURS = {path.name: packaged_schema(path.name) for path in sorted((ROOT / "schemas").glob("*.schema.json"))}

EVERY_KEY = """\
# yaml-language-server: $schema=.batchspec/batchspec.schema.json
batchspec: 1
name: ticket-triage
description: Route support tickets to a queue.
extends: [../base.yaml]
tags: [nightly]
endpoint: /v1/chat/completions
models: [mistral-small-latest, ministral-8b-latest]
inputs:
  path: data/*.csv
  format: csv
  encoding: cp1252
  delimiter: ";"
  columns: {n: integer}
  where: row.n > 3
  limit: 10
custom_id: "{{ row.ticket_id }}"
prompt:
  system: {file: prompts/triage.system.md.j2}
  user: "{{ row.text }}"
  assistant: "{"
body:
  temperature: 0
  response_format: {type: json_schema, json_schema: {name: t, schema: {file: schemas/triage.json}}}
vars: {language: French, notes: {file: notes.json}}
metadata: {owner: support-data}
timeout_hours: 168
limits: {max_requests: 1, requests_per_job: 1000000, bytes_per_file: 512000000}
submit: auto
matrix: {tone: [a, {file: b.md}], exclude: [{tone: a}]}
replicates: 2
response: {json_schema: {file: said.json}, on_invalid: keep}
revision: 1
retry: {max_attempts: 100}
output: {path: results/triage.jsonl}
environments:
  dev: {inputs: {limit: 10}, tags: [eval]}
x-anchors: &anchors {anything: [1]}
"""


def mappings(node: object) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from mappings(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from mappings(inner)


@pytest.mark.parametrize("name", OURS)
def test_our_schemas_are_valid_and_have_no_address(name: str) -> None:
    assert is_valid_schema(OURS[name]) == []
    assert str(OURS[name]["$id"]).startswith("urn:batchspec:schema:")


def test_the_urn_of_a_bodys_schema_ends_with_its_files_name() -> None:
    bodies = {endpoint_at(path).schema for path in ENDPOINTS} | {"parts.schema.json"}
    urns = {name: str(read["$id"]) for name, read in OURS.items() if name in bodies}
    assert len(urns) == len(ENDPOINTS) + 1
    assert urns == {name: f"urn:batchspec:schema:body:{name.removesuffix('.schema.json')}" for name in urns}


def test_every_key_of_the_language_has_a_title_a_description_and_examples() -> None:
    keys = [
        (key, described)
        for part in mappings(SPEC)
        for holder in ("properties", "patternProperties", "$defs")
        for key, described in (part.get(holder) or {}).items()  # type: ignore[attr-defined]
    ]
    assert len(keys) > 25
    for key, described in keys:
        # What is another key once more is described there.
        for wanted in ("title", "description", "examples"):
            assert described.get(wanted) or described.keys() == {"$ref"}, f"{key} has no {wanted}"


def test_every_example_fits_its_own_schema() -> None:
    for part in mappings(SPEC):
        examples = part.get("examples")
        if isinstance(examples, list) and "title" in part:
            # A part of the schema may refer to the whole one's definitions and keys.
            keys = {**SPEC["properties"], "x-part": part}  # type: ignore[dict-item]
            checker = SchemaChecker({"$id": "urn:example", "$defs": SPEC["$defs"], "properties": keys})
            found = [checker.check({"x-part": example}) for example in examples]
            assert found == [[]] * len(examples), part["title"]


def test_a_spec_with_every_key_fits() -> None:
    assert document_diagnostics(load_source(EVERY_KEY, "s.yaml"), SchemaChecker(SPEC)) == []
    used = {line.split(":")[0] for line in EVERY_KEY.splitlines() if line[0].isalpha()}
    properties = SPEC["properties"]
    assert isinstance(properties, dict)
    assert set(properties) - used == {"model", "agent_id"}


@pytest.mark.parametrize(
    "text",
    [
        "model: mistral-small-latest",
        "inputs: data/tickets.csv",
        "inputs: [{a: 1}, {}]",
        "prompt: '{{ row.text }}'",
        "prompt: {file: p.md}",
        "prompt: {user: x}",
        "custom_id: {file: id.j2}",
        "body: {file: body.json}",
        "output: out.jsonl",
        "metadata: {}",
    ],
)
def test_short_forms_fit(text: str) -> None:
    document = load_source(f"batchspec: 1\nname: a.b_c-9\n{text}\n", "s.yaml")
    assert document_diagnostics(document, SchemaChecker(SPEC)) == []


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", ".a", "a/b", "ä", "a" * 65, "a\n"])
def test_names_that_would_not_make_a_file_are_refused(name: str) -> None:
    assert [each.pointer for each in SchemaChecker(SPEC).check({"batchspec": 1, "name": name})] == [("name",)]


def test_the_schema_knows_every_endpoint() -> None:
    properties = SPEC["properties"]
    assert isinstance(properties, dict)
    assert properties["endpoint"]["enum"] == list(ENDPOINTS)


def test_what_belongs_under_body_is_known_for_every_endpoint() -> None:
    bodies = [OURS[endpoint_at(path).schema]["properties"] for path in ENDPOINTS]
    of_bodies = {key for properties in bodies if isinstance(properties, dict) for key in properties}
    own = SPEC["properties"]
    assert isinstance(own, dict)
    # `input` is more often a slip for `inputs`.
    assert SPEC["x-batchspec-elsewhere"] == {"body": sorted(of_bodies - own.keys() - {"input", "inputs"})}
