"""Laws of rendering by the column: the requests, the findings and their order are those of rendering row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.model import InputRow
from batchspec.core.rendered import RenderedRow
from batchspec.core.rendering import SpecRenderer
from batchspec.core.row_blocks import ListedRows, RowBlock, TableRows
from batchspec.core.source import load_source
from batchspec.core.spec import build_spec
from batchspec.project.files import RootedFiles
from batchspec.project.packaged import packaged_schema

_HEAD = """
version: 1
name: n
endpoint: /v1/chat/completions
inputs: t.jsonl
"""
_SPECS = {
    "text alone": _HEAD + 'model: m\nprompt: "{{ row.a }} and {{ row.b }}"\n',
    "a column alone": _HEAD + 'model: m\ncustom_id: "{{ row.b }}"\nprompt: "{{ row.a }}"\n',
    "a template that runs": _HEAD + 'model: m\ncustom_id: "{{ row.b }}"\nprompt: "{{ row.a | upper }}"\n',
    "a leaf that is no text": _HEAD + 'model: m\nprompt: x\nbody: {temperature: "{{ row.a }}", seed: "{{ row.b }}"}\n',
    "a leaf with choices": _HEAD + 'model: m\nprompt: "{{ row.b }}"\nbody: {tool_choice: "{{ row.a }}"}\n',
    "an unknown key": _HEAD + 'model: m\nprompt: "{{ row.b }}"\nbody: {unheard_of: "{{ row.a }}"}\n',
    "a matrix": _HEAD
    + 'model: m\nmatrix: {tone: [calm, loud], own: ["{{ row.a }}", x]}\nprompt: "{{ matrix.tone }} {{ row.b }}"\n',
    "a plain matrix": _HEAD + 'model: m\nmatrix: {tone: [calm, loud]}\nprompt: "{{ matrix.tone }} {{ row.b }}"\n',
    "replicates": _HEAD + 'model: m\nreplicates: 2\nprompt: "{{ replicate }} {{ row.b }}"\n',
    "nothing of the row": _HEAD + 'model: m\ncustom_id: "{{ row.a }}"\nprompt: the same\n',
}
_CHAT = packaged_schema("chat-completions.schema.json")
_FILES = RootedFiles(Path(__file__).parent)
_PLAIN = st.sampled_from(["a", "auto", "none", "7", "é", "😀", '"', "\n x"])
_TEXT = st.one_of(*[_PLAIN] * 4, st.sampled_from(["", " ", "\ud800", "x" * 513]))
_VALUE = (
    _PLAIN | _TEXT | st.none() | st.booleans() | st.integers(-3, 3) | st.just(0.5) | st.lists(st.just("x"), max_size=2)
)


def _renderer(name: str) -> SpecRenderer:
    return SpecRenderer(build_spec(load_source(_SPECS[name], "t.batchspec.yaml"), _FILES, {}), _FILES, _CHAT)


def _one_by_one(name: str, rows: Sequence[InputRow]) -> tuple[list[RenderedRow], list[Diagnostic]]:
    found: list[Diagnostic] = []
    return list(_renderer(name).render(rows, found.append)), found


def _parts(rows: Sequence[RenderedRow]) -> list[tuple[object, ...]]:
    return [(row.row, row.custom_id, row.body, row.digest, row.form.key) for row in rows]


def _hold_to_rows(name: str, blocks: Sequence[RowBlock]) -> None:
    expected, expected_findings = _one_by_one(name, [row for block in blocks for row in block])
    renderer, found = _renderer(name), list[Diagnostic]()
    made = [renderer.render_block(block, found.append) for block in blocks]
    assert _parts([row for each in made for row in each]) == _parts(expected)
    assert found == expected_findings
    for each in made:
        assert _parts([each[index] for index in range(len(each))]) == _parts([*each])
        assert each.places() == [(row.row.path, row.row.line) for row in each]
        for form, part in each.by_form():
            assert _parts([*part]) == _parts([row for row in each if row.form is form])


@pytest.mark.parametrize("name", _SPECS)
@settings(max_examples=40)
@given(
    rows=st.lists(st.fixed_dictionaries({"a": _VALUE}, optional={"b": _VALUE, "c": _VALUE}), max_size=6),
    cut=st.integers(0, 6),
)
def test_listed_rows_render_as_one_by_one(name: str, rows: Sequence[Mapping[str, object]], cut: int) -> None:
    listed = [InputRow(values, "t.jsonl", line) for line, values in enumerate(rows, 1)]
    _hold_to_rows(name, [ListedRows(listed[:cut]), ListedRows(listed[cut:])])


@pytest.mark.parametrize("name", _SPECS)
@settings(max_examples=40)
@given(
    columns=st.sampled_from([("a", "b"), ("b", "a"), ("a", "x"), ("b",), ("a", "b", "c")]),
    data=st.data(),
)
def test_a_table_renders_as_one_by_one(name: str, columns: tuple[str, ...], data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.tuples(*[_TEXT] * len(columns)), max_size=6))
    lines = [2 * line for line in range(1, len(cells) + 1)]
    table = TableRows("t.csv", columns, cells, lines)
    assert [*table] == [
        InputRow(dict(zip(columns, row, strict=True)), "t.csv", line) for row, line in zip(cells, lines, strict=True)
    ]
    _hold_to_rows(name, [table])


@pytest.mark.parametrize("name", _SPECS)
@settings(max_examples=40)
@given(cells=st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=5))
def test_a_table_renders_as_the_same_rows_listed(name: str, cells: Sequence[tuple[str, str]]) -> None:
    table = TableRows("t.csv", ("a", "b"), cells, range(2, len(cells) + 2))
    one, other = (_renderer(name).render_block(block, lambda _: None) for block in (table, ListedRows([*table])))
    assert _parts([*one]) == _parts([*other])
    assert one.asked() == other.asked()
