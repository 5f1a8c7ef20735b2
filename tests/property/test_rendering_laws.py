"""Laws of rendering: pure in the row, blind to order and to what no template reads, canonical in its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from batchspec.core.body import compile_body
from batchspec.core.canonical import canonical
from batchspec.core.diagnostics import Diagnostic
from batchspec.core.model import InputRow
from batchspec.core.origin import FileOrigin, TemplateText
from batchspec.core.rendered import RenderedRow
from batchspec.core.rendering import SpecRenderer
from batchspec.core.source import load_source
from batchspec.core.spec import build_spec
from batchspec.core.template import TemplateCompiler
from batchspec.project.files import RootedFiles
from batchspec.project.packaged import packaged_schema

TEXT = st.text(max_size=10) | st.sampled_from(["{{ row.a }}", "{% if %}", "\u2028", "<b>", "0", "\x00"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
COLUMN = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=4), SCALARS, max_size=3)

# Trees with templates in them

TEMPLATES = st.sampled_from(
    [
        "{{ row.a }}",
        "{{ row['b'] }}",
        "{{ row.items }}",
        "{{ row.a }} and {{ row.b }}",
        " {{ row.a }}",
        "{{ row }}",
        "{{ row | tojson }}!",
        "{{ [row.a, {'z': row.b, 'a': 1}] }}",
        "{% for key in row %}{{ loop.index }}{{ key }};{% endfor %}",
        "{% set x = row.a %}{{ x }}{{ x is none }}",
        "{{ row.a ~ row.b }}",
        "{{ row.missing is defined }}",
        "{{ spec.name }}",
        "{{ {'b': 1.0, 'a': [none]} }}",
        "{{ 1 + 1 }}",
        "{# nothing #}",
    ]
)
KEYS = st.text(max_size=4) | st.sampled_from(
    ["tools", "function", "parameters", "response_format", "json_schema", "schema", "messages"]
)


def template(text: str) -> TemplateText:
    return TemplateText(text=text, origin=FileOrigin(path="t", text=text))


TREES = st.recursive(
    SCALARS | TEMPLATES.map(template),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
ORDERED = st.dictionaries(KEYS, TREES, max_size=4).map(
    lambda schema: {
        "response_format": {"json_schema": {"schema": schema}},
        "tools": [{"function": {"parameters": schema}}],
    }
)
ROWS = st.fixed_dictionaries({"a": COLUMN, "b": COLUMN, "items": COLUMN})


def compiler() -> TemplateCompiler:
    return TemplateCompiler(lambda path: ("", path), {"row": None, "spec": None})


def plainly(tree: object, names: dict[str, object]) -> object:
    """Render every template of a tree by itself, and put its value where it stood."""
    if isinstance(tree, TemplateText):
        return compiler().compile(tree).render(names)
    if isinstance(tree, dict):
        return {key: plainly(item, names) for key, item in tree.items()}
    return [plainly(item, names) for item in tree] if isinstance(tree, list) else tree


@given(tree=TREES | ORDERED, rows=st.lists(ROWS, min_size=1, max_size=3))
def test_a_compiled_bodys_bytes_are_the_canonical_form_of_its_tree(tree: object, rows: list[dict[str, object]]) -> None:
    body = compile_body(tree, compiler(), {"spec": {"name": "triage"}})
    names: dict[str, object] = {**compiler().globals, "spec": {"name": "triage"}}
    for row in rows:
        names["row"] = row
        assert body.encode(body.values(names)) == canonical(plainly(tree, {**names}))


# Whole specs

SPEC = """
batchspec: 1
name: triage
model: m
custom_id: "{{ row.id }}"
prompt:
  system: You answer in one word.
  user: |
    {% for tag in row.tags %}{{ tag }}, {% endfor %}{{ row.text }}
body:
  temperature: "{{ row.temperature }}"
  stop: "{{ row.tags }}"
  response_format:
    type: json_schema
    json_schema: {name: n, schema: {type: object, properties: {z: {}, a: {const: "{{ row.text }}"}}}}
"""
CHAT = packaged_schema("chat-completions.schema.json")
FILES = RootedFiles(Path(__file__).parent)
READ = {
    "text": TEXT,
    "tags": st.lists(TEXT, max_size=3),
    "temperature": st.floats(0, 1.5) | st.integers(0, 1) | st.none(),
}
SPEC_ROWS = st.lists(
    st.fixed_dictionaries({**READ, "unread": COLUMN}, optional={"another": COLUMN}), min_size=1, max_size=5
)


def spec_renderer(text: str = SPEC) -> SpecRenderer:
    return SpecRenderer(build_spec(load_source(text, "t.batchspec.yaml"), FILES, {}), FILES, CHAT)


# Shared by all examples: what an earlier example has left in it must not show.
RENDERER = spec_renderer()


def rendered(renderer: SpecRenderer, rows: Sequence[Mapping[str, object]], ids: Sequence[str]) -> list[RenderedRow]:
    found: list[Diagnostic] = []
    values = [InputRow({**row, "id": custom_id}, "t.jsonl", 1) for row, custom_id in zip(rows, ids, strict=True)]
    requests = list(renderer.render(values, found.append))
    assert found == []
    return requests


def names(count: int, prefix: str = "T-") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


@given(rows=SPEC_ROWS, data=st.data())
def test_permuting_rows_permutes_requests_and_changes_none(rows: list[dict[str, object]], data: st.DataObject) -> None:
    before = rendered(RENDERER, rows, names(len(rows)))
    order = data.draw(st.permutations(range(len(rows))))
    after = rendered(RENDERER, [rows[index] for index in order], [f"T-{index}" for index in order])
    assert [(row.custom_id, row.body, row.digest) for row in after] == [
        (before[index].custom_id, before[index].body, before[index].digest) for index in order
    ]


@given(rows=SPEC_ROWS)
def test_renaming_custom_ids_changes_no_digest(rows: list[dict[str, object]]) -> None:
    before = rendered(RENDERER, rows, names(len(rows)))
    after = rendered(RENDERER, rows, names(len(rows), "renamed "))
    assert [row.digest for row in after] == [row.digest for row in before]
    assert [row.custom_id for row in after] == names(len(rows), "renamed ")


@given(rows=SPEC_ROWS, value=COLUMN)
def test_a_column_that_no_template_reads_changes_nothing(rows: list[dict[str, object]], value: object) -> None:
    before = rendered(RENDERER, rows, names(len(rows)))
    changed = [{"new": value, **row, "unread": value} for row in rows]
    after = rendered(RENDERER, [dict(reversed(row.items())) for row in changed], names(len(rows)))
    assert [(row.custom_id, row.body) for row in after] == [(row.custom_id, row.body) for row in before]


@given(rows=SPEC_ROWS)
def test_a_spec_read_anew_renders_the_same_bytes(rows: list[dict[str, object]]) -> None:
    ids = names(len(rows))
    assert [row.body for row in rendered(spec_renderer(), rows, ids)] == [
        row.body for row in rendered(RENDERER, rows, ids)
    ]


@given(rows=SPEC_ROWS)
def test_what_is_not_in_the_request_costs_nothing_to_change(rows: list[dict[str, object]]) -> None:
    more = "description: new\nmetadata: {owner: x}\ntimeout_hours: 3\nlimits: {max_requests: 5}\noutput: o.jsonl\n"
    reworded = SPEC.replace('{"{{ row.text }}"}', '{ "{{row.text}}" }') + more
    ids = names(len(rows))
    assert [row.digest for row in rendered(spec_renderer(reworded), rows, ids)] == [
        row.digest for row in rendered(RENDERER, rows, ids)
    ]


@given(rows=SPEC_ROWS, column=st.sampled_from(sorted(READ)))
def test_a_column_that_is_read_changes_the_rows_that_it_changes(rows: list[dict[str, object]], column: str) -> None:
    other: dict[str, object] = {"text": "quite another text", "tags": ["another"], "temperature": 0.123}
    ids = names(len(rows))
    before = rendered(RENDERER, rows, ids)
    after = rendered(RENDERER, [{**row, column: other[column]} for row in rows], ids)
    for row, old, new in zip(rows, before, after, strict=True):
        assert (old.digest == new.digest) is (row[column] == other[column])
