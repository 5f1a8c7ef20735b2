"""From a spec and its rows to requests: bytes, ids, and a place for everything that is wrong with a row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from building_specs import PATH, Folder, start

from batchspec.core.canonical import body_digest
from batchspec.core.diagnostics import Diagnostic, Severity
from batchspec.core.errors import InvalidInputError
from batchspec.core.model import InputRow
from batchspec.core.rendered import RenderedRow
from batchspec.core.rendering import SpecRenderer
from batchspec.project.packaged import packaged_schema

HEAD = "batchspec: 1\nname: triage\nmodel: m\n"
CHAT = packaged_schema("chat-completions.schema.json")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def renderer(folder: Folder, text: str, schema: Mapping[str, object] | None = CHAT) -> SpecRenderer:
    return SpecRenderer(folder.spec(HEAD + text), folder.files, schema)


def input_rows(*values: Mapping[str, object]) -> list[InputRow]:
    return [InputRow(row, "data/t.csv", line) for line, row in enumerate(values, 2)]


def rendered(
    folder: Folder, text: str, *values: Mapping[str, object], schema: Mapping[str, object] | None = CHAT
) -> tuple[Sequence[RenderedRow], list[Diagnostic]]:
    found: list[Diagnostic] = []
    rows = list(renderer(folder, text, schema).render(input_rows(*values), found.append))
    return rows, found


def uncompiled(folder: Folder, text: str) -> Diagnostic:
    with pytest.raises(InvalidInputError) as caught:
        renderer(folder, text)
    [found] = caught.value.diagnostics
    return found


def test_every_row_becomes_a_request_in_order(folder: Folder) -> None:
    text = "prompt: 'Hi {{ row.name }}'\nbody: {temperature: 0.0}\ncustom_id: 'T-{{ row.id }}'\n"
    rows, found = rendered(folder, text, {"id": 2, "name": "Zoë"}, {"id": 1, "name": "x"})
    assert found == []
    assert [(row.custom_id, row.body) for row in rows] == [
        ("T-2", '{"messages":[{"content":"Hi Zoë","role":"user"}],"temperature":0}'.encode()),
        ("T-1", b'{"messages":[{"content":"Hi x","role":"user"}],"temperature":0}'),
    ]
    assert all(row.digest == body_digest(row.body) for row in rows)
    assert [row.row.place for row in rows] == ["data/t.csv:2", "data/t.csv:3"]


def test_without_a_custom_id_the_body_makes_one(folder: Folder) -> None:
    rows, _ = rendered(folder, "prompt: '{{ row.name }}!'\n", {"name": "a"}, {"name": "b"}, {"name": "a"})
    assert [row.custom_id for row in rows] == [row.digest.hex()[:24] for row in rows]
    assert rows[0].custom_id == rows[2].custom_id != rows[1].custom_id
    assert not renderer(folder, "prompt: '{{ row.name }}'\n").names_its_ids


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (7, "7"), (2**70, str(2**70)), (" a ", " a "), ("\u2028", None), ("é" * 512, "é" * 512)],
)
def test_a_custom_id_is_text_or_a_number(folder: Folder, value: object, expected: str | None) -> None:
    rows, found = rendered(folder, "prompt: hi\ncustom_id: '{{ row.id }}'\n", {"id": value})
    assert [row.custom_id for row in rows] == ([] if expected is None else [expected])
    assert len(found) == (expected is None)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "came out empty"),
        (" \t", "came out empty"),
        ("x" * 513, "longer than 512 characters"),
        (None, "came out as null, not text"),
        (True, "came out as true, not text"),
        (1.5, "came out as the number 1.5, not text"),
        (["a"], "came out as a list, not text"),
        ("\ud800", "is not Unicode"),
    ],
)
def test_an_odd_custom_id_is_refused_with_its_row(folder: Folder, value: object, words: str) -> None:
    rows, found = rendered(folder, "prompt: hi\ncustom_id: '{{ row.id }}'\n", {"id": value}, {"id": "fine"})
    assert [row.custom_id for row in rows] == ["fine"]
    [one] = found
    assert (one.code, one.severity, one.row) == ("custom-id", Severity.ERROR, "data/t.csv:2")
    assert words in one.summary
    assert "data/t.csv:2" in (one.hint or "")
    assert start(one) == (PATH, 5, 12)


def test_a_custom_id_that_is_the_same_for_every_row_is_refused_at_once(folder: Folder) -> None:
    for written in ("{{ spec.name }}", "{{ 1 + 1 }}", "{% set x = 1 %}{{ x }}"):
        found = uncompiled(folder, f"prompt: hi\ncustom_id: '{written}'\n")
        assert (found.code, found.summary) == ("custom-id", "`custom_id` is the same for every row")
        assert found.location.path == PATH


def test_a_row_that_fails_is_told_and_the_others_go_on(folder: Folder) -> None:
    text = "prompt: |\n  first line\n    {{ row.name }} {{ row.age }}\n"
    rows, found = rendered(folder, text, {"name": "a", "age": 1}, {"name": "b"}, {"name": "c", "age": 3})
    assert [row.row.line for row in rows] == [2, 4]
    [one] = found
    assert (one.code, one.summary, one.row) == ("undefined-name", "`age` is not defined in this row", "data/t.csv:3")
    assert start(one) == (PATH, 6, 27)
    assert one.source_line == "    {{ row.name }} {{ row.age }}"
    assert one.hint


def test_a_fault_in_a_file_is_placed_in_that_file(folder: Folder) -> None:
    folder.write(user_md="hello\n{% include 'parts/a.md' %}\n", parts__a_md="x\n  {{ row.nmae }}\n")
    _, found = rendered(folder, "prompt: {file: user.md}\n", {"name": "x"})
    assert [start(one) for one in found] == [("specs/parts/a.md", 2, 10)]
    assert found[0].hint == "did you mean `name`?"


def test_includes_are_relative_to_the_spec_wherever_the_template_stands(folder: Folder) -> None:
    folder.write(deep__user_md="{% include 'parts/a.md' %}", parts__a_md="{{ row.name }} of {{ spec.name }}\n")
    rows, found = rendered(folder, "prompt: {file: deep/user.md}\n", {"name": "x"})
    assert found == []
    assert b'"x of triage"' in rows[0].body


@pytest.mark.parametrize("path", ["../../secret.md", "/etc/passwd", "absent.md"])
def test_an_include_cannot_leave_the_project(folder: Folder, path: str) -> None:
    found = uncompiled(folder, f"prompt: |\n  x\n  {{% include '{path}' %}}\n")
    assert (found.code, start(found)[:2]) == ("include", (PATH, 6))
    _, rows_found = rendered(folder, "prompt: '{% include row.p %}'\n", {"p": path})
    assert [one.code for one in rows_found] == ["include"]


def test_every_template_that_does_not_compile_is_told_at_once(folder: Folder) -> None:
    text = "prompt: {system: '{{ rwo.x }}', user: '{% if %}'}\ncustom_id: '{{ row.id | uper }}'\n"
    with pytest.raises(InvalidInputError) as caught:
        renderer(folder, text)
    assert sorted(found.code for found in caught.value.diagnostics) == [
        "template-syntax",
        "template-syntax",
        "undefined-name",
    ]
    assert all(found.location.span for found in caught.value.diagnostics)


def test_a_body_that_does_not_fit_its_endpoint_is_refused_at_its_place(folder: Folder) -> None:
    text = "prompt: hi\nbody:\n  temperature: '{{ row.t }}'\n"
    rows, found = rendered(folder, text, {"t": 0.5}, {"t": "0.5"}, {"t": 9})
    assert [row.row.line for row in rows] == [2]
    assert [(one.code, one.row, start(one)) for one in found] == [
        ("wrong-type", "data/t.csv:3", (PATH, 6, 16)),
        ("out-of-range", "data/t.csv:4", (PATH, 6, 16)),
    ]
    assert "/v1/chat/completions" in (found[0].detail or "")


def test_a_fault_in_the_constant_part_is_told_for_the_row_that_met_it(folder: Folder) -> None:
    _, found = rendered(folder, "prompt: '{{ row.x }}'\nbody: {max_tokens: -1}\n", {"x": "a"})
    assert [(one.code, start(one)) for one in found] == [("out-of-range", (PATH, 5, 20))]


def test_a_key_that_the_schema_does_not_know_is_a_warning_told_once(folder: Folder) -> None:
    rows, found = rendered(folder, "prompt: '{{ row.x }}'\nbody: {top_q: 5}\n", {"x": "a"}, {"x": "b"})
    assert len(rows) == 2
    [one] = found
    assert (one.severity, one.code, start(one), one.row) == (Severity.WARNING, "unknown-key", (PATH, 5, 8), None)


def test_a_value_that_json_lacks_is_refused_with_its_row(folder: Folder) -> None:
    text = "prompt: hi\nbody: {x: ['{{ row.x }}']}\n"
    rows, found = rendered(folder, text, {"x": float("nan")}, {"x": "\ud800"}, {"x": 1}, schema=None)
    assert [row.row.line for row in rows] == [4]
    assert [(one.code, one.row, start(one)) for one in found] == [
        ("not-json", "data/t.csv:2", (PATH, 5, 12)),
        ("not-json", "data/t.csv:3", (PATH, 5, 12)),
    ]


def test_a_constant_that_json_lacks_is_refused_at_once(folder: Folder) -> None:
    found = uncompiled(folder, "prompt: hi\nbody: {x: .inf}\n")
    assert (found.code, start(found)) == ("not-json", (PATH, 5, 11))


def test_a_bomb_in_one_row_names_that_row_and_the_others_go_on(folder: Folder) -> None:
    text = "prompt: '{{ \"x\" * row.n }}!'\n"
    rows, found = rendered(folder, text, {"n": 3}, {"n": 10**12}, {"n": 2})
    assert [row.row.line for row in rows] == [2, 4]
    assert [(one.code, one.row) for one in found] == [("template-refused", "data/t.csv:3")]


def test_the_inputs_can_be_rendered_again_with_the_same_bytes(folder: Folder) -> None:
    spec = renderer(folder, "prompt: '{% set v = row.x %}{{ v }} {{ row | tojson }}'\n")
    values = [{"x": str(number), "y": [number, {"b": 1, "a": 2}]} for number in range(50)]
    found: list[Diagnostic] = []
    first = [row.body for row in spec.render(input_rows(*values), found.append)]
    again = [row.body for row in spec.render(input_rows(*values), found.append)]
    other = [row.body for row in spec.render(input_rows(*reversed(values)), found.append)]
    assert found == []
    assert first == again == other[::-1]
    assert json.loads(first[7])["messages"][0]["content"].startswith("7 {")
