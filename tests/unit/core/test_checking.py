"""A row is judged by its shape, and the verdict is that of a full check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.body import CompiledBody, compile_body
from batchspec.core.checking import BodyChecker
from batchspec.core.json_text import parse
from batchspec.core.origin import FileOrigin, TemplateText
from batchspec.core.schema import SchemaChecker, SchemaProblem
from batchspec.core.template import TemplateCompiler

SCHEMAS = Path(__file__).parents[3] / "schemas"
CHAT: Mapping[str, object] = json.loads((SCHEMAS / "chat-completions.schema.json").read_text(encoding="utf-8"))
FREE = {"type": "object", "properties": {"t": {"type": "string"}}}


def template(text: str) -> TemplateText:
    return TemplateText(text=text, origin=FileOrigin(path="t", text=text))


def compiled(tree: object) -> CompiledBody:
    return compile_body(tree, TemplateCompiler(lambda path: ("", path), {"row": None}), {})


def verdicts(
    schema: Mapping[str, object], body: CompiledBody, checker: BodyChecker, row: Mapping[str, object]
) -> tuple[tuple[SchemaProblem, ...], tuple[SchemaProblem, ...]]:
    values = body.values({"row": row})
    return checker.check(values), tuple(SchemaChecker(schema).check(parse(body.encode(values))))


def test_free_text_is_judged_once_and_for_all() -> None:
    body = compiled({"t": template("{{ row.t }}")})
    checker = BodyChecker(FREE, body)
    assert [checker.check([text]) for text in ("a", "", "text", "b")] == [()] * 4
    assert [problem.pointer for problem in checker.check([5])] == [("t",)]
    assert checker.check(["a"]) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"t": {"enum": ["text", "b"]}}},
        {"type": "object", "properties": {"t": {"type": "string", "maxLength": 4}}},
        {"type": "object", "properties": {"t": {"type": "string", "pattern": "^text$"}}},
        {"type": "object", "properties": {"t": {"anyOf": [{"const": "text"}, {"type": "integer"}]}}},
        {"type": "object", "properties": {"t": {"not": {"const": "longer text"}}}},
        {"type": "object", "additionalProperties": {"$ref": "#/$defs/x"}, "$defs": {"x": {"minLength": 5}}},
        {"type": "object", "patternProperties": {"^t": {"maxLength": 4}}},
        {"type": "object", "enum": [{"t": "text"}]},
        {"if": {"properties": {"t": {"const": "text"}}}, "then": {"required": ["u"]}},
    ],
)
def test_text_that_the_schema_looks_at_is_judged_as_it_is(schema: Mapping[str, object]) -> None:
    body = compiled({"t": template("{{ row.t }}")})
    checker = BodyChecker(schema, body)
    told = set()
    for text in ("text", "longer text", "b"):
        shaped, full = verdicts(schema, body, checker, {"t": text})
        assert shaped == full
        told.add(bool(full))
    assert told == {True, False}


def test_equal_texts_in_one_list_are_seen_where_the_schema_forbids_them() -> None:
    schema: dict[str, object] = {
        "properties": {"l": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}}
    }
    body = compiled({"l": [template("{{ row.a }}"), template("{{ row.b }}")]})
    checker = BodyChecker(schema, body)
    assert checker.check(["a", "b"]) == ()
    assert checker.check(["a", "a"]) != ()


def test_a_refused_row_is_told_in_its_own_words() -> None:
    schema: dict[str, object] = {"properties": {"l": {"type": "array"}}}
    body = compiled({"l": template("{{ row.l }}")})
    checker = BodyChecker(schema, body)
    assert [checker.check([text])[0].hint for text in ("one", "two")] == ["write a list: [one]", "write a list: [two]"]


def test_a_million_refused_rows_are_not_explained_one_by_one() -> None:
    schema: dict[str, object] = {"properties": {"l": {"type": "array"}}}
    checker = BodyChecker(schema, compiled({"l": template("{{ row.l }}")}))
    told = [checker.check([str(n)]) for n in range(1_500)]
    assert all(problems[0].pointer == ("l",) for problems in told)
    assert len({problems[0].hint for problems in told}) == 1_001


def test_more_shapes_than_are_remembered_are_still_judged_right() -> None:
    schema: dict[str, object] = {"properties": {"n": {"type": "integer", "maximum": 10_050}}}
    body = compiled({"n": template("{{ row.n }}")})
    checker = BodyChecker(schema, body)
    wrong = [n for n in range(10_100) if checker.check([n])]
    assert wrong == list(range(10_051, 10_100))
    assert [bool(checker.check([n])) for n in (0, 10_060, 10_050)] == [False, True, False]


TREE = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": template("{{ row.role }}"), "content": template("{{ row.content }}")},
        {"role": "user", "content": [{"type": "text", "text": template("{{ row.part }}")}]},
    ],
    "temperature": template("{{ row.temperature }}"),
    "max_tokens": template("{{ row.max_tokens }}"),
    "stop": template("{{ row.stop }}"),
    "reasoning_effort": template("{{ row.effort }}"),
    "response_format": {"type": template("{{ row.format }}")},
    "tools": template("{{ row.tools }}"),
}

TEXT = st.text(max_size=6) | st.sampled_from(["text", "user", "high"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 200_000) | st.floats(-2, 3, allow_nan=False) | TEXT
CHUNKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "file", "odd"])},
    optional={"text": SCALARS, "image_url": SCALARS, "extra": SCALARS},
)
TOOLS = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "odd"])},
    optional={
        "function": st.fixed_dictionaries(
            {"name": SCALARS}, optional={"parameters": st.dictionaries(TEXT, SCALARS, max_size=3), "strict": SCALARS}
        )
    },
)
ROWS = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "tool", "usr"]) | SCALARS,
        "content": SCALARS | st.lists(CHUNKS, max_size=3),
        "part": SCALARS,
        "temperature": st.none() | st.floats(-1, 3) | SCALARS,
        "max_tokens": SCALARS,
        "stop": SCALARS | st.lists(SCALARS, max_size=3),
        "effort": st.sampled_from(["high", "none", "hgh"]) | SCALARS,
        "format": st.sampled_from(["text", "json_object", "json_schema", "jsn"]) | SCALARS,
        "tools": st.none() | st.lists(TOOLS, max_size=2) | SCALARS,
    }
)
BODY = compiled(TREE)
# One checker for every example: what it remembers of earlier rows must not change what it says of later ones.
CHECKER = BodyChecker(CHAT, BODY)


@given(row=ROWS)
def test_the_verdict_is_that_of_a_full_check_of_every_row(row: dict[str, object]) -> None:
    shaped, full = verdicts(CHAT, BODY, CHECKER, row)
    assert shaped == full
