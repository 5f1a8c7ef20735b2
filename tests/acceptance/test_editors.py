"""What an editor shows of a spec, asked of yaml-language-server: completions, hovers, and errors at their places.

It is skipped where Node or the package is missing. Editors with other YAML servers read the same schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from driving import Project
from git_ops import ROOT, node_package
from language_server import Completion, LanguageServer, Problem

from batchspec.core.model import ENDPOINTS

pytestmark = pytest.mark.editor

SETTINGS = {
    "yaml": {
        "validate": True,
        "hover": True,
        "completion": True,
        # Nothing of a network: the schema is the one that the first line names.
        "schemaStore": {"enable": False, "url": ""},
        "schemas": {},
    }
}
MODELINE = f"# yaml-language-server: $schema={ROOT / 'schemas/editor.schema.json'}\n"
HEAD = "batchspec: 1\nname: x\n"
_EXAMPLES = sorted((ROOT / "examples").rglob("*.batchspec.yaml"))
_PLACEHOLDER = re.compile(r"\$\{\d+:([^}]*)\}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    program = node_package("yaml-language-server") / "out/server/src/server.js"
    with LanguageServer(["node", str(program), "--stdio"], tmp_path_factory.mktemp("editor"), SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A path that was not opened before, each time."""
    folder = tmp_path_factory.mktemp("specs")
    return (folder / f"{number}.batchspec.yaml" for number in count())


def offered(server: LanguageServer, paths: Iterator[Path], text: str) -> dict[str, Completion]:
    return server.completions(next(paths), MODELINE + text)


def amiss(server: LanguageServer, paths: Iterator[Path], text: str) -> list[tuple[int, int]]:
    """Return the lines and columns of what is amiss, the first line of a text being 1."""
    return [(each.line - 1, each.column) for each in server.problems(next(paths), MODELINE + text)]


def test_the_keys_of_a_spec_are_offered_with_what_they_are_for(server: LanguageServer, paths: Iterator[Path]) -> None:
    found = offered(server, paths, HEAD + "|")
    assert {"endpoint", "model", "models", "inputs", "prompt", "body", "matrix", "response", "limits"} <= set(found)
    assert "name" not in found
    assert found["timeout_hours"].told.startswith("Hours after which")
    assert found["retry"].inserts.startswith("retry:")


def test_every_endpoint_is_offered_as_a_value(server: LanguageServer, paths: Iterator[Path]) -> None:
    assert list(offered(server, paths, HEAD + "endpoint: |")) == list(ENDPOINTS)
    assert list(offered(server, paths, HEAD + "response:\n  on_invalid: |")) == ["fail", "retry", "keep"]


@pytest.mark.parametrize(
    ("said", "there", "not_there"),
    [
        ("", {"temperature", "max_tokens", "response_format", "tools"}, {"document", "model", "stream"}),
        ("endpoint: /v1/chat/completions\n", {"temperature"}, {"document"}),
        ("endpoint: /v1/ocr\n", {"document", "pages", "table_format"}, {"temperature", "messages"}),
        ("endpoint: /v1/embeddings\n", {"input", "output_dimension"}, {"temperature", "messages"}),
        ("endpoint: /v1/audio/transcriptions\n", {"file_url", "language"}, {"messages", "document"}),
    ],
)
def test_a_body_is_offered_the_keys_of_its_endpoint_alone(
    server: LanguageServer, paths: Iterator[Path], said: str, there: set[str], not_there: set[str]
) -> None:
    found = offered(server, paths, f"{HEAD}{said}body:\n  |")
    assert there <= set(found)
    assert not not_there & set(found)
    assert all(found[name].told for name in there)
    assert all(found[name].inserts.startswith(f"{name}:") for name in there)


def test_keys_and_values_are_offered_further_down(server: LanguageServer, paths: Iterator[Path]) -> None:
    formats = offered(server, paths, HEAD + "body:\n  response_format:\n    type: |")
    assert list(formats) == ["text", "json_object", "json_schema"]
    assert {"role", "content"} <= set(offered(server, paths, HEAD + "body:\n  messages:\n    - |"))
    assert {"system", "user", "assistant", "file"} <= set(offered(server, paths, HEAD + "prompt:\n  |"))
    assert {"path", "files", "sql", "spec", "where"} <= set(offered(server, paths, HEAD + "inputs:\n  |"))
    assert "endpoint" in offered(server, paths, HEAD + "environments:\n  dev:\n    |")
    assert "pages" in offered(server, paths, HEAD + "endpoint: /v1/ocr\nenvironments:\n  dev:\n    body:\n      |")
    built_in = offered(server, paths, HEAD + "inputs: {path: rows.data, format: |}")
    assert {"csv", "jsonl", "parquet"} <= set(built_in)
    assert amiss(server, paths, HEAD + "inputs: {path: talk.txt, format: srt}\nprompt: a\n") == []
    found = offered(server, paths, HEAD + "custom_id: |")
    assert list(found) == ['"{{ row.ticket_id }}"']


def test_a_new_file_is_offered_whole_specs_that_are_valid(
    server: LanguageServer, paths: Iterator[Path], tmp_path: Path
) -> None:
    found = offered(server, paths, "|")
    whole = {label: item for label, item in found.items() if label.startswith("spec: ")}
    assert len(whole) == 3
    project = Project(tmp_path)
    project.write("data/rows.csv", "id,text,url\na,b,https://example.org/a.pdf\n")
    for item in whole.values():
        assert item.told
        text = _PLACEHOLDER.sub(r"\1", item.inserts)
        assert amiss(server, paths, text) == []
        project.write("snippet.batchspec.yaml", text)
        assert project.run("validate", "--json").document["diagnostics"] == [], text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("endpo|int: /v1/ocr\n", "The API's endpoint that every request goes to."),
        ("prom|pt: a\n", "A short way to write the messages of a body"),
        ("prompt:\n  sys|tem: a\n", "Template of the system message."),
        ("retry: {max_att|empts: 2}\n", "How often one request is sent at most"),
        ("body: {temper|ature: 0}\n", "How freely the model chooses its words"),
        ("bo|dy: {}\n", "`{file: path}` may stand for any value"),
        ("endpoint: /v1/ocr\nbody:\n  table_for|mat: html\n", "How tables are written"),
        ("body:\n  messages:\n    - role: user\n      cont|ent: a\n", "Text, or a list of chunks."),
    ],
)
def test_a_key_is_explained_under_the_cursor(
    server: LanguageServer, paths: Iterator[Path], text: str, told: str
) -> None:
    assert told in server.hover(next(paths), MODELINE + HEAD + text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("modle: m\n", (3, 1)),
        ("endpoint: /v1/completions\n", (3, 11)),
        ("retry: {max_attempts: 0}\n", (3, 23)),
        ("inputs: {pth: a.csv}\n", (3, 10)),
        ("prompt: {sytem: a}\n", (3, 10)),
        ("output: 3\n", (3, 9)),
        ("matrix: {a: 1}\n", (3, 13)),
        ("metadata: {page: a}\n", (3, 12)),
        ("body:\n  temperature: hot\n", (4, 16)),
        ("body: {tempreature: 0}\n", (3, 8)),
        ("body: {model: m}\n", (3, 15)),
        ("endpoint: /v1/ocr\nbody: {temperature: 0}\n", (4, 8)),
        ("body:\n  response_format:\n    type: jsn\n", (5, 11)),
        ("environments: {dev: {modle: m}}\n", (3, 22)),
        ("environments: {dev: {body: {top_q: 1}}}\n", (3, 29)),
    ],
)
def test_one_thing_wrong_is_one_error_at_its_place(
    server: LanguageServer, paths: Iterator[Path], text: str, place: tuple[int, int]
) -> None:
    assert amiss(server, paths, HEAD + text) == [place]


def test_what_is_wrong_is_said_in_the_programs_words(server: LanguageServer, paths: Iterator[Path]) -> None:
    found = server.problems(next(paths), f"{MODELINE}batchspec: 2\nname: A B\n")
    assert [(each.line, each.message) for each in found] == [
        (2, "write `batchspec: 1`"),
        (3, "use lower-case letters, digits, `.`, `_` and `-`, at most 64, beginning with a letter or a digit"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'body: {temperature: "{{ row.t }}", max_tokens: "{% if row.l %}9{% else %}99{% endif %}"}\n',
        "body: {messages: {file: m.yaml}, tools: {file: t.yaml}}\n",
        'body:\n  messages:\n    - {role: "{{ row.role }}", content: "{{ row.text }}"}\n',
        "extends: base.yaml\nbody: {document: {document_url: a}}\n",
        "endpoint: /v1/ocr\nbody: {pages: [0, 1]}\n",
        "environments: {dev: {endpoint: /v1/ocr, body: {pages: [0]}}}\n",
        "prompt: {file: p.md.j2}\ncustom_id: {file: id.j2}\nx-note: {temperature: hot}\n",
        "inputs: [{a: 1}]\noutput: {path: r.csv, columns: {a: '{{ json.a }}'}}\n",
        "matrix: {prompt: [a, {file: b}], exclude: [{prompt: a}]}\n",
    ],
)
def test_nothing_is_said_of_templates_files_and_what_may_come_from_elsewhere(
    server: LanguageServer, paths: Iterator[Path], text: str
) -> None:
    assert amiss(server, paths, HEAD + text) == []


@pytest.mark.parametrize("path", _EXAMPLES, ids=lambda path: path.name)
def test_nothing_is_amiss_in_an_example(server: LanguageServer, path: Path) -> None:
    assert server.problems(path, path.read_text("utf-8")) == []


def test_a_new_project_names_a_schema_that_completes_it(server: LanguageServer, tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.run("init").code == 0
    (path,) = tmp_path.glob("*.batchspec.yaml")
    text = path.read_text("utf-8")
    assert server.problems(path, text) == []
    found = server.completions(tmp_path / "other.batchspec.yaml", re.sub(r"max_tokens: \d+", "|", text))
    assert "top_p" in found
    wrong = text.replace("temperature: 0", "temperature: hot")
    place = wrong[: wrong.index("hot")].count("\n") + 1
    assert [each.line for each in server.problems(tmp_path / "third.batchspec.yaml", wrong)] == [place]


def test_a_file_without_the_line_is_left_alone(server: LanguageServer, paths: Iterator[Path]) -> None:
    assert server.problems(next(paths), "modle: 1\n") == list[Problem]()
