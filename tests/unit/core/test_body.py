"""Bodies compiled to fragments and leaves: the bytes of a row are the canonical form of the tree it fills."""

from __future__ import annotations

import pytest

from batchspec.core.body import CompiledBody, TemplateProblems, Tree, compile_body
from batchspec.core.canonical import CanonicalError
from batchspec.core.origin import FileOrigin, TemplateText
from batchspec.core.template import TemplateCompiler


def template(text: str) -> TemplateText:
    return TemplateText(text=text, origin=FileOrigin(path="t", text=text))


def compiler() -> TemplateCompiler:
    return TemplateCompiler(lambda path: ("", path), {"row": None, "spec": None})


def compiled(tree: Tree) -> CompiledBody:
    return compile_body(tree, compiler(), {"spec": {"name": "triage"}})


def encoded(tree: Tree, **row: object) -> bytes:
    body = compiled(tree)
    names = {**compiler().globals, "row": row, "spec": {"name": "triage"}}
    return body.encode(body.values(names))


def test_a_row_fills_the_leaves_and_keys_are_sorted_around_them() -> None:
    tree = {"temperature": 0.0, "messages": [{"role": "user", "content": template("Hi {{ row.name }}")}]}
    assert (
        encoded(tree, name="Zoë\n") == '{"messages":[{"content":"Hi Zoë\\n","role":"user"}],"temperature":0}'.encode()
    )


def test_what_no_row_changes_is_folded_into_one_fragment() -> None:
    tree = {"a": template("{{ spec.name }}!"), "b": [1, {"c": template("{{ 1 + 1 }}")}], "d": "{ not } a template"}
    body = compiled(tree)
    assert body.leaves == ()
    assert body.fragments == (b'{"a":"triage!","b":[1,{"c":2}],"d":"{ not } a template"}',)


def test_fragments_and_leaves_interleave_in_the_order_of_the_bytes() -> None:
    body = compiled({"b": template("{{ row.y }}"), "a": [template("{{ row.x }}"), template("{{ row.z }}")], "c": 1})
    assert [leaf.pointer for leaf in body.leaves] == [("a", 0), ("a", 1), ("b",)]
    assert body.fragments == (b'{"a":[', b",", b'],"b":', b',"c":1}')


def test_a_body_that_is_a_template_itself_is_one_leaf() -> None:
    body = compiled(template("{{ row.body }}"))
    assert [leaf.pointer for leaf in body.leaves] == [()]
    assert encoded(template("{{ row.body }}"), body={"b": 1.0, "a": [True]}) == b'{"a":[true],"b":1}'


def test_a_leafs_value_is_canonical_where_it_stands() -> None:
    value = {"z": 1, "a": 2.0}
    tree = {
        "free": template("{{ row.v }}"),
        "response_format": {"json_schema": {"schema": template("{{ row.v }}"), "name": template("{{ row.v }}")}},
        "tools": [{"function": {"parameters": {"properties": template("{{ row.v }}")}}}],
    }
    assert encoded(tree, v=value) == (
        b'{"free":{"a":2,"z":1},"response_format":{"json_schema":{"name":{"a":2,"z":1},"schema":{"z":1,"a":2}}},'
        b'"tools":[{"function":{"parameters":{"properties":{"z":1,"a":2}}}}]}'
    )


def test_key_order_is_kept_inside_a_response_schema_and_nowhere_else() -> None:
    schema = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": template("{{ row.t }}")}}}
    tree = {"response_format": {"type": "json_schema", "json_schema": {"schema": schema, "name": "n"}}}
    assert encoded(tree, t="null") == (
        b'{"response_format":{"json_schema":{"name":"n","schema":{"type":"object","properties":'
        b'{"z":{"type":"string"},"a":{"type":"null"}}}},"type":"json_schema"}}'
    )


@pytest.mark.parametrize(
    ("tree", "row", "pointer", "words"),
    [
        ({"a": [template("{{ row.x }}")]}, {"x": float("nan")}, ("a", 0), "nan is not"),
        ({"a": template("{{ row.x }}")}, {"x": {"b": [float("inf")]}}, ("a", "b", 0), "inf is not"),
        ({"a": template("{{ row.x }}")}, {"x": "\ud800"}, ("a",), "lone surrogate"),
        ({"a": template("x{{ row.x }}")}, {"x": "\ud800"}, ("a",), "lone surrogate"),
        ({"a": template("{{ row.x }}")}, {"x": {1: 2}}, ("a",), "the key 1 is not text"),
    ],
)
def test_a_value_that_json_lacks_is_refused_at_its_place(
    tree: Tree, row: dict[str, object], pointer: tuple[object, ...], words: str
) -> None:
    with pytest.raises(CanonicalError, match=words) as caught:
        encoded(tree, **row)
    assert caught.value.pointer == pointer


def test_a_constant_that_json_lacks_is_refused_when_the_body_is_compiled() -> None:
    with pytest.raises(CanonicalError) as caught:
        compiled({"a": {"b": float("nan"), "c": template("{{ row.x }}")}})
    assert caught.value.pointer == ("a", "b")


def test_every_template_that_does_not_compile_is_told_with_its_place() -> None:
    tree = {"a": template("{{ rwo.x }}"), "b": [1, template("{% if %}"), template("{{ row.fine }}")]}
    with pytest.raises(TemplateProblems) as caught:
        compiled(tree)
    assert [(pointer, problem.code) for pointer, problem in caught.value.problems] == [
        (("a",), "undefined-name"),
        (("b", 1), "template-syntax"),
    ]


def test_a_constant_that_fails_is_told_when_the_body_is_compiled() -> None:
    with pytest.raises(TemplateProblems) as caught:
        compiled({"a": template("{{ spec.nmae }}"), "b": template("x{{ 1 // 0 }}")})
    assert [problem.code for _, problem in caught.value.problems] == ["undefined-name", "template-failed"]
