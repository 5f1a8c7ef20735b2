"""Schemas that refer to each other become schemas that stand by themselves and say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012, SchemaRegistry

from batchspec.core.schema import SchemaChecker, bundled, is_valid_schema
from batchspec.project.packaged import packaged_schema, schema_text

SCHEMAS = Path(__file__).parents[3] / "schemas"
NAMES = sorted(path.name for path in SCHEMAS.glob("*.schema.json"))
PARTS: dict[str, object] = {
    "$id": "urn:t:parts",
    "$defs": {
        "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "leaf": {"$ref": "#/$defs/leaf"}}},
        "leaf": {"type": "integer", "maximum": 3},
        "unused": {"type": "null"},
        "far": {"$ref": "urn:t:more#/$defs/more"},
    },
}
MORE: dict[str, object] = {"$id": "urn:t:more", "$defs": {"more": {"$ref": "urn:t:parts#/$defs/leaf"}, "x": True}}


def read(urn: str) -> dict[str, object]:
    return {"urn:t:parts": PARTS, "urn:t:more": MORE}[urn]


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_what_is_reached_is_copied_and_nothing_else() -> None:
    schema = {"$id": "urn:t:main", "properties": {"a": {"description": "A tree.", "$ref": "urn:t:parts#/$defs/tree"}}}
    made = bundled(schema, read)
    definitions = PARTS["$defs"]
    assert isinstance(definitions, dict)
    assert made == {
        "$id": "urn:t:main",
        "properties": {"a": {"description": "A tree.", "$ref": "#/$defs/tree"}},
        "$defs": {"tree": definitions["tree"], "leaf": definitions["leaf"]},
    }
    (problem,) = SchemaChecker(made).check({"a": {"left": {"left": {"leaf": 4}}}})
    assert problem.pointer == ("a", "left", "left", "leaf")


def test_a_reference_may_lead_from_one_schema_through_another() -> None:
    made = bundled({"$ref": "urn:t:parts#/$defs/far"}, read)
    assert set(references(made)) == {"#/$defs/far", "#/$defs/more", "#/$defs/leaf"}
    assert [problem.kind for problem in SchemaChecker(made).check(4)] == ["out-of-range"]


def test_a_schema_that_refers_only_to_itself_stays_as_it_is() -> None:
    assert bundled(PARTS | {"$defs": {"a": {"$ref": "#/$defs/a"}}}, read)["$defs"] == {"a": {"$ref": "#/$defs/a"}}
    assert bundled({"type": "object"}, read) == {"type": "object"}
    keys = {"properties": {"a": {"type": "null"}, "b": {"items": {"$ref": "#/properties/a"}}}}
    assert bundled(keys, read) == keys


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "urn:t:parts#/$defs/nope"}, "urn:t:parts#/$defs/nope names no definition"),
        ({"$ref": "urn:t:parts"}, "urn:t:parts names no definition"),
        ({"$ref": "#/$defs/nope"}, "#/$defs/nope names no definition"),
        ({"$ref": "#/properties/nope", "properties": {"a": {}}}, "#/properties/nope names no key"),
        (
            {"$id": "urn:t:main", "$defs": {"leaf": {}}, "$ref": "urn:t:parts#/$defs/leaf"},
            "urn:t:parts and urn:t:main both define leaf",
        ),
    ],
)
def test_what_cannot_be_put_together_is_named(schema: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why.replace('$', '.')}$"):
        bundled(schema, read)


@pytest.mark.parametrize("name", NAMES)
def test_a_packaged_schema_stands_by_itself_and_is_printed_so(name: str) -> None:
    schema = packaged_schema(name)
    assert all(reference.startswith(("#/$defs/", "#/properties/")) for reference in references(schema))
    assert is_valid_schema(schema) == []
    assert json.loads(schema_text(name)) == schema


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chat-completions", {"messages": [{"role": "user", "content": [{"type": "text", "txt": 1}]}], "stop": 3}),
        ("ocr", {"document": {"type": "file"}, "document_annotation_format": {"type": "x"}}),
        ("conversations", {"inputs": [{"role": "user", "content": 1}], "tools": [{"type": "x"}], "model": "m"}),
        ("transcriptions", {"file_url": "", "stream": True}),
    ],
)
def test_it_finds_what_the_schemas_find_that_it_is_made_of(name: str, body: dict[str, object]) -> None:
    apart = {path: json.loads((SCHEMAS / path).read_text(encoding="utf-8")) for path in NAMES}
    registry: SchemaRegistry = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema, default_specification=DRAFT202012)) for schema in apart.values()
    )
    whole = Draft202012Validator(packaged_schema(f"{name}.schema.json"))
    parted = Draft202012Validator(apart[f"{name}.schema.json"], registry=registry)

    def found(checker: Draft202012Validator) -> list[tuple[str, str]]:
        return sorted((error.json_path, error.message) for error in checker.iter_errors(body))

    assert found(whole) == found(parted)
    assert found(whole)


# Editors' is made of the others, and says of what it has besides, such as a template in a value's place, there.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "editor.schema.json"])
def test_every_key_of_a_body_says_what_it_is_for(name: str) -> None:
    def silent(node: object, place: str) -> Iterator[str]:
        if isinstance(node, dict):
            for key, inner in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
                if not inner.keys() & {"description", "$ref", "const"} and inner != {"enum": ["function"]}:
                    yield f"{place}.{key}"
            for key, inner in node.items():
                yield from silent(inner, f"{place}/{key}")
        elif isinstance(node, list):
            for index, inner in enumerate(node):
                yield from silent(inner, f"{place}/{index}")

    schema = packaged_schema(name)
    assert [place for place in silent(schema, "") if "/anyOf/" not in place] == []
    definitions = schema.get("$defs", {})
    assert isinstance(definitions, dict)
    assert [key for key, part in definitions.items() if not part.get("description")] == []
