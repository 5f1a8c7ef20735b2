"""The schemas are themselves valid, say what every key is for, and accept every spec that is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from batchspec.core.source import load_source

ROOT = Path(__file__).parents[2]
SCHEMAS = sorted((ROOT / "schemas").glob("*.schema.json"))
SPECS = sorted((ROOT / "examples").rglob("*.batchspec.yaml"))
SPEC_SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas/batchspec.schema.json").read_text(encoding="utf-8"))
_APPLICATORS = ("anyOf", "allOf", "oneOf")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_schema_is_valid_2020_12_and_refers_to_no_network(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    assert [ref for ref in _references(schema) if not ref.startswith(("#/", "urn:batchspec:"))] == []


def test_every_key_of_a_spec_says_what_it_is_for_and_shows_an_example() -> None:
    keys = dict(_keys(SPEC_SCHEMA, "spec"))
    assert len(keys) > 20
    assert [name for name, schema in keys.items() if not schema.get("description")] == []
    assert [name for name, schema in keys.items() if not schema.get("examples")] == []


def test_every_example_in_the_schema_fits_where_it_stands() -> None:
    misfits = [
        f"{name}: {example}: {error.message}"
        for name, schema in [("spec", SPEC_SCHEMA), *_keys(SPEC_SCHEMA, "spec")]
        for example in schema.get("examples", ())
        for error in _validator(schema).iter_errors({"x-part": example})
    ]
    assert misfits == []


def test_every_default_in_the_schema_fits_where_it_stands() -> None:
    defaults = [(name, schema) for name, schema in _keys(SPEC_SCHEMA, "spec") if "default" in schema]
    assert len(defaults) > 4
    assert [name for name, schema in defaults if not _validator(schema).is_valid({"x-part": schema["default"]})] == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_every_example_spec_fits_the_schema_and_tells_editors_where_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    whole = Draft202012Validator(SPEC_SCHEMA, registry=Registry())
    errors = [error.message for error in whole.iter_errors(load_source(text, path.name).value)]
    assert errors == []
    mode_line = text.splitlines()[0]
    assert mode_line.startswith("# yaml-language-server: $schema=")
    assert (path.parent / mode_line.partition("=")[2]).resolve() == ROOT / "schemas/editor.schema.json"


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Return a validator of a mapping in which `x-part` is held to a part of the schema."""
    # The part may refer to the whole one's definitions and keys.
    whole = {"$defs": SPEC_SCHEMA["$defs"], "properties": {**SPEC_SCHEMA["properties"], "x-part": schema}}
    return Draft202012Validator(whole, registry=Registry())


def _keys(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every key that a spec may have, at any depth, with its schema."""
    for group in ("properties", "patternProperties", "$defs"):
        for name, inner in schema.get(group, {}).items():
            # What is another key once more is described there.
            if inner.keys() != {"$ref"}:
                yield f"{path}.{name}", inner
            yield from _keys(inner, f"{path}.{name}")
    for group in ("items", "additionalProperties"):
        if isinstance(schema.get(group), dict):
            yield f"{path}.*", schema[group]
            yield from _keys(schema[group], f"{path}.*")
    for group in _APPLICATORS:
        for number, inner in enumerate(schema.get(group, ())):
            yield from _keys(inner, f"{path}({number})")


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from _references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _references(inner)
