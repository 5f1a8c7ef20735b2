"""The laws of merging: what stands above counts, nothing is made up, and every value knows where it is written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.extending import in_environment
from batchspec.core.json_text import encode
from batchspec.core.source import MergeRules, Pointer, SourceDocument, load_source, merged, narrowed

PLAIN = MergeRules(lambda *_places: (), lambda _pointer: None, lambda _pointer: False)
KEYS = st.sampled_from(["a", "b", "c", "d"])
LEAVES = st.integers(0, 9) | st.text("xyz", max_size=2) | st.none() | st.booleans()
VALUES = st.recursive(
    LEAVES | st.lists(LEAVES, max_size=2) | st.just({"file": "p.md"}),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=4)


def written(value: object, path: str) -> SourceDocument:
    """Read a document that JSON spells out, each key on a line of its own where that is easy to tell."""
    return load_source(encode(value).decode("utf-8").replace(",", ",\n"), path)


def expected(below: object, above: object) -> object:
    both = isinstance(below, dict) and isinstance(above, dict)
    if not both or _is_file(below) or _is_file(above):
        return above
    assert isinstance(below, dict)
    assert isinstance(above, dict)
    return below | {key: expected(below[key], value) if key in below else value for key, value in above.items()}


def _is_file(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"file"}


def places(value: object, pointer: Pointer = ()) -> Iterator[Pointer]:
    yield pointer
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*pointer, key))


@given(MAPPINGS, MAPPINGS)
def test_mappings_merge_key_by_key_and_all_else_is_replaced(below: object, above: object) -> None:
    whole = merged(written(below, "below.yaml"), written(above, "above.yaml"), PLAIN)
    assert whole.value == expected(below, above)
    assert whole.path == "above.yaml"


@given(MAPPINGS)
def test_a_document_over_itself_or_over_nothing_or_under_nothing_is_itself(value: object) -> None:
    document, nothing = written(value, "a.yaml"), written({}, "b.yaml")
    for below, above in [(document, document), (document, nothing), (nothing, document)]:
        assert merged(below, above, PLAIN).value == value


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_every_value_has_the_place_where_it_is_written(first: object, second: object, third: object) -> None:
    documents = {
        path: written(value, path) for path, value in [("a.yaml", first), ("b.yaml", second), ("c.yaml", third)]
    }
    whole = merged(merged(documents["a.yaml"], documents["b.yaml"], PLAIN), documents["c.yaml"], PLAIN)
    for pointer in places(whole.value):
        home = documents[whole.path_at(pointer)]
        assert home.has(pointer)
        assert whole.value_span(pointer) == home.value_span(pointer)
        assert whole.key_span(pointer) == home.key_span(pointer)
        assert whole.source_text(pointer) == home.source_text(pointer)
        if not isinstance(whole.value_at(pointer), dict):
            assert whole.value_at(pointer) == home.value_at(pointer)


@given(MAPPINGS, MAPPINGS)
def test_size_and_height_are_those_of_the_value(below: object, above: object) -> None:
    whole = merged(written(below, "below.yaml"), written(above, "above.yaml"), PLAIN)
    again = written(whole.value, "again.yaml")
    assert (whole.root.size, whole.root.height) == (again.root.size, again.root.height)


@given(MAPPINGS, MAPPINGS)
def test_an_environment_stands_over_the_keys_as_a_file_would(keys: dict[str, object], overlay: object) -> None:
    spec = written(keys | {"environments": {"dev": overlay}}, "spec.yaml")
    value = in_environment(spec, "dev").value
    assert isinstance(value, dict)
    assert {key: value[key] for key in value if key != "environments"} == expected(keys, overlay)
    assert in_environment(spec, "other") is spec


@pytest.mark.parametrize(
    ("below", "above", "whole"),
    [
        ("model: a", "models: [b, c]", {"models": ["b", "c"]}),
        ("models: [b, c]", "agent_id: d", {"agent_id": "d"}),
        ("inputs: a.csv", "inputs: {limit: 3}", {"inputs": {"path": "a.csv", "limit": 3}}),
        ("inputs: {path: a.csv, limit: 3}", "inputs: b.csv", {"inputs": "b.csv"}),
        ("inputs: {path: a.csv, format: csv, limit: 3}", "inputs: {spec: x}", {"inputs": {"limit": 3, "spec": "x"}}),
        ("inputs: {path: a, format: csv}", "inputs: {path: b}", {"inputs": {"path": "b", "format": "csv"}}),
        ("output: a.csv", "output: {columns: {a: b}}", {"output": {"path": "a.csv", "columns": {"a": "b"}}}),
        ("prompt: {system: a, user: b}", "prompt: {user: c}", {"prompt": {"system": "a", "user": "c"}}),
        ("prompt: {system: a, user: b}", "prompt: {file: c}", {"prompt": {"file": "c"}}),
        ("body: {stop: [a, b]}", "body: {stop: [c]}", {"body": {"stop": ["c"]}}),
        ("body: {seed: 1}", "body: {seed: null}", {"body": {"seed": None}}),
        ("x: &x {a: 1}\nbody: *x", "body: {b: 2}", {"x": {"a": 1}, "body": {"a": 1, "b": 2}}),
    ],
)
def test_what_cannot_stand_side_by_side_makes_way(below: str, above: str, whole: object) -> None:
    spec = load_source(f"{below}\nenvironments:\n  dev:\n    " + above.replace("\n", "\n    "), "spec.yaml")
    value = in_environment(spec, "dev").value
    assert isinstance(value, dict)
    assert {key: value[key] for key in value if key != "environments"} == whole


def test_a_part_of_a_document_keeps_its_places() -> None:
    document = load_source("a:\n  b: 1\n  c: 2\n", "a.yaml")
    part = narrowed(document, ("a",), without=lambda key: key == "b")
    assert part.value == {"c": 2}
    assert part.value_span(("c",)) == document.value_span(("a", "c"))
    assert part.path_at(("c",)) == "a.yaml"
