"""A schema that a spec hands on is held to the metaschema, at the place where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from building_specs import Folder, start

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.user_schemas import schema_findings

HEAD = "batchspec: 1\nname: triage\nmodel: m\nprompt: x\n"


def findings(tmp_path: Path, body: str, **files: str) -> list[Diagnostic]:
    return list(schema_findings(Folder(tmp_path).write(**files).spec(HEAD + body)))


def formatted(schema: str) -> str:
    return f"body:\n  response_format: {{type: json_schema, json_schema: {{name: t, schema: {schema}}}}}\n"


@pytest.mark.parametrize(
    ("schema", "words", "column"),
    [
        ("{type: 5}", "`type`", 78),
        ("{properties: [a]}", "`properties`", 84),
        ('{type: string, pattern: "("}', "is not a valid regular expression", 95),
        ('{$ref: "https://evil.example/x"}', "which is not in it", 71),
        ('{$ref: "#/$defs/none"}', "which is not in it", 71),
        ("{$schema: https://json-schema.org/draft/1999}", "is no draft of JSON Schema", 81),
        ("[]", "a JSON Schema is a mapping", 71),
    ],
)
def test_what_is_no_schema_is_told_at_its_place(tmp_path: Path, schema: str, words: str, column: int) -> None:
    [found] = findings(tmp_path, formatted(schema))
    assert words in found.summary
    assert start(found)[:2] == ("specs/triage.batchspec.yaml", 6)
    assert start(found)[2] == column
    assert found.detail


def test_schemas_of_tools_and_of_files_are_held_to_it_too(tmp_path: Path) -> None:
    tools = "body:\n  tools:\n    - {type: function, function: {name: f, parameters: {type: objekt}}}\n"
    [found] = findings(tmp_path, tools)
    assert start(found)[1] == 7
    [found] = findings(tmp_path, formatted("{file: bad.json}"), bad_json='{"required": "a"}')
    assert start(found)[1] == 6


@pytest.mark.parametrize(
    "schema",
    ["{type: object, properties: {a: {$ref: '#/$defs/b'}}, $defs: {b: {type: [string, 'null']}}}", "true", "{}"],
)
def test_what_is_a_schema_passes(tmp_path: Path, schema: str) -> None:
    assert findings(tmp_path, formatted(schema)) == []


def test_a_schema_that_is_made_per_row_is_left_alone(tmp_path: Path) -> None:
    assert findings(tmp_path, formatted('{type: "{{ row.type }}"}')) == []
