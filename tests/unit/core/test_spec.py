"""A spec built from its document: files resolved, defaults filled in, and every fault at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from building_specs import PATH, Folder, start

from batchspec.core.model import FileList, InlineRows, InputFiles
from batchspec.core.origin import TemplateText
from batchspec.core.spec import Limits, Submit

HEAD = "batchspec: 1\nname: triage\n"
LEAST = HEAD + "model: m\n"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def texts(tree: object) -> object:
    """Return a tree with its templates as plain text."""
    if isinstance(tree, TemplateText):
        return tree.text
    if isinstance(tree, dict):
        return {key: texts(value) for key, value in tree.items()}
    return [texts(value) for value in tree] if isinstance(tree, list) else tree


def test_the_least_spec_has_the_documented_defaults(folder: Folder) -> None:
    spec = folder.spec(LEAST)
    assert (spec.name, spec.path, spec.endpoint, spec.models) == ("triage", PATH, "/v1/chat/completions", ("m",))
    assert (spec.body, spec.custom_id, spec.metadata, spec.description) == ({}, None, {}, None)
    assert (spec.timeout_hours, spec.max_attempts, spec.limits, spec.submit) == (24, 3, Limits(), Submit.FILE)
    assert spec.output_path == "specs/results/triage.jsonl"
    assert isinstance(spec.inputs, InlineRows)
    assert [row.values for row in spec.inputs.rows] == [{}]


def test_everything_that_a_spec_says_is_kept(folder: Folder) -> None:
    spec = folder.spec(
        HEAD + "description: Route tickets.\n"
        "models: [a, b]\n"
        "metadata: {owner: data, wave: '3'}\n"
        "timeout_hours: 48\n"
        "retry: {max_attempts: 5}\n"
        "limits: {max_requests: 10, requests_per_job: 20, bytes_per_file: 3000}\n"
        "submit: auto\n"
        "output: {path: ../out/here.jsonl}\n"
        "x-anchors: {ignored: '{{ nonsense'}\n"
    )
    assert spec.models == ("a", "b")
    assert spec.description == "Route tickets."
    assert spec.metadata == {"owner": "data", "wave": "3"}
    assert (spec.timeout_hours, spec.max_attempts, spec.submit) == (48, 5, Submit.AUTO)
    assert spec.limits == Limits(10, 20, 3000)
    assert spec.output_path == "out/here.jsonl"


# Models


def test_a_model_comes_from_the_defaults_only_where_the_spec_names_none(folder: Folder) -> None:
    assert folder.spec(HEAD, {"model": "d"}).models == ("d",)
    assert folder.spec(HEAD, {"models": ["d", "e"]}).models == ("d", "e")
    assert folder.spec(LEAST, {"models": ["d"]}).models == ("m",)
    assert folder.spec(HEAD + "models: [m]\n", {"model": "d"}).models == ("m",)
    assert folder.spec(HEAD + "agent_id: ag:1\n", {"model": "d"}).models == ("agent:ag:1",)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        (HEAD, "missing-key", 1, 1),
        (HEAD + "model: a\nmodels: [b]\n", "two-models", 4, 1),
        (HEAD + "model: a\nagent_id: ag:1\n", "two-models", 3, 1),
        (HEAD + "model: agent:1\n", "agent-as-model", 3, 8),
    ],
)
def test_a_model_is_named_once(folder: Folder, text: str, code: str, line: int, column: int) -> None:
    found = folder.finding(text)
    assert (found.code, start(found)) == (code, (PATH, line, column))
    assert found.hint


# Defaults


def test_mappings_are_filled_up_key_by_key_and_other_values_are_taken_whole(folder: Folder) -> None:
    defaults: dict[str, object] = {
        "metadata": {"owner": "all", "team": "nlp"},
        "limits": {"max_requests": 5, "requests_per_job": 7},
        "timeout_hours": 2,
        "endpoint": "/v1/embeddings",
    }
    spec = folder.spec(LEAST + "metadata: {owner: me}\nlimits: {max_requests: 9}\ntimeout_hours: 3\n", defaults)
    assert spec.metadata == {"owner": "me", "team": "nlp"}
    assert (spec.limits.max_requests, spec.limits.requests_per_job, spec.timeout_hours) == (9, 7, 3)
    assert spec.endpoint == "/v1/embeddings"
    assert folder.spec(LEAST, defaults).metadata == {"owner": "all", "team": "nlp"}


# Prompt


def test_a_prompt_becomes_messages_in_the_order_of_a_conversation(folder: Folder) -> None:
    spec = folder.spec(LEAST + "prompt: {assistant: 'Sure, ', user: 'Hi {{ row.x }}', system: Be brief}\n")
    assert texts(spec.body) == {
        "messages": [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": "Hi {{ row.x }}"},
            {"role": "assistant", "content": "Sure, ", "prefix": True},
        ]
    }


def test_a_prompt_that_is_one_text_is_the_users(folder: Folder) -> None:
    folder.write(p_md="From a file: {{ row.x }}\n")
    for written in ("'From a file: {{ row.x }}'", "{file: p.md}"):
        spec = folder.spec(LEAST + f"prompt: {written}\n")
        assert texts(spec.body) == {"messages": [{"role": "user", "content": "From a file: {{ row.x }}"}]}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("prompt: hi\nbody: {messages: []}\n", "two-prompts", 4, 1),
        ("prompt: hi\nendpoint: /v1/embeddings\n", "prompt-endpoint", 4, 1),
        ("endpoint: /v1/fim/completions\nprompt:\n  system: be\n  user: x\n", "prompt-endpoint", 6, 3),
        ("body: {file: list.json}\n", "wrong-type", 4, 7),
    ],
)
def test_a_prompt_that_its_endpoint_cannot_take_is_refused(
    folder: Folder, text: str, code: str, line: int, column: int
) -> None:
    folder.write(list_json="[1]")
    found = folder.finding(LEAST + text)
    assert (found.code, start(found)) == (code, (PATH, line, column))
    assert found.hint


# Files


def test_a_text_file_is_a_template_without_the_newline_of_its_end(folder: Folder) -> None:
    folder.write(t_md="\ufeffa {{ row.x }}\r\nb\r\n", plain_md="no template\n\n", one_md="{{ row.x }}\n")
    body = folder.spec(
        LEAST + "body: {a: {file: t.md}, b: {file: plain.md}, c: {file: one.md}, d: {file: sub/../plain.md}}\n"
    ).body
    assert texts(body) == {"a": "a {{ row.x }}\r\nb", "b": "no template\n", "c": "{{ row.x }}", "d": "no template\n"}
    assert isinstance(body, dict)
    assert isinstance(body["a"], TemplateText)
    assert isinstance(body["b"], str)
    assert body["a"].origin.place(1, "x")[0].path == "specs/t.md"


def test_a_data_file_is_data_and_holds_no_templates(folder: Folder) -> None:
    folder.write(s_json='{"z": "{{ not }}", "a": 12345678901234567890123}', y_yaml="a: NO\nb: [010, {file: x}]\n")
    body = folder.spec(LEAST + "body: {a: {file: s.json}, b: {file: y.yaml}}\n").body
    assert isinstance(body, dict)
    assert body["a"] == {"z": "{{ not }}", "a": 12345678901234567890123}
    assert list(body["a"]) == ["z", "a"]
    assert body["b"] == {"a": "NO", "b": [10, {"file": "x"}]}


def test_a_mapping_with_more_keys_than_file_is_a_mapping(folder: Folder) -> None:
    body = folder.spec(LEAST + "body: {a: {file: x, type: file}, b: {file: 5}}\n").body
    assert body == {"a": {"file": "x", "type": "file"}, "b": {"file": 5}}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("absent.md", "there is no file `specs/absent.md`"),
        ("../../outside.md", "leaves"),
        ("/etc/passwd", "absolute"),
        (".", ""),
        ("broken.json", "specs/broken.json:2 is not JSON"),
        ("latin.md", "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_where_it_is_named(folder: Folder, written: str, words: str) -> None:
    folder.write(broken_json='{"a": 1,\n oops}')
    (folder.root / "specs" / "latin.md").write_bytes(b"\xe9")
    found = folder.finding(LEAST + f"body:\n  messages:\n    - content: {{file: {written}}}\n")
    assert found.code == "file"
    assert words in found.summary
    assert start(found) == (PATH, 6, 23)


def test_a_yaml_file_that_is_wrong_tells_its_own_place(folder: Folder) -> None:
    folder.write(d_yaml="a: 1\na: 2\n")
    found = folder.finding(LEAST + "body: {file: d.yaml}\n")
    assert start(found) == ("specs/d.yaml", 2, 1)


def test_a_symlink_that_leaves_the_project_is_refused(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.md"
    secret.write_text("secret")
    (folder.root / "specs").mkdir()
    (folder.root / "specs" / "link.md").symlink_to(secret)
    assert folder.finding(LEAST + "prompt: {file: link.md}\n").code == "file"


def test_all_faults_of_a_spec_are_told_at_once(folder: Folder) -> None:
    text = HEAD + "prompt: {file: a.md}\nbody: {x: {file: b.md}}\ncustom_id: same\noutput: x.txt\ninputs: ../../i.csv\n"
    assert sorted(found.code for found in folder.findings(text)) == [
        "custom-id",
        "file",
        "file",
        "file",
        "missing-key",
        "output-format",
    ]


# Inputs


def test_rows_in_the_spec_know_their_lines(folder: Folder) -> None:
    spec = folder.spec(LEAST + "inputs:\n  - {x: 1}\n\n  - x: two\n    y: {z: []}\n")
    assert isinstance(spec.inputs, InlineRows)
    assert [(row.values, row.place) for row in spec.inputs.rows] == [
        ({"x": 1}, f"{PATH}:5"),
        ({"x": "two", "y": {"z": []}}, f"{PATH}:7"),
    ]


def test_input_files_are_named_relative_to_the_spec(folder: Folder) -> None:
    assert folder.spec(LEAST + "inputs: ../data/*.csv\n").inputs == InputFiles(pattern="data/*.csv", place=(PATH, 4, 9))
    assert folder.spec(LEAST + "inputs: {path: t.dat, format: csv, encoding: cp1252, delimiter: ';'}\n").inputs == (
        InputFiles(
            pattern="specs/t.dat", place=(PATH, 4, 16), format="csv", encoding="cp1252", delimiter=";",
            format_place=(PATH, 4, 31),
        )
    )  # fmt: skip


def test_an_input_outside_the_project_is_refused_at_its_place(folder: Folder) -> None:
    assert start(folder.finding(LEAST + "inputs: ../../t.csv\n")) == (PATH, 4, 9)
    assert start(folder.finding(LEAST + "inputs:\n  path: /t.csv\n")) == (PATH, 5, 9)


def test_a_row_may_be_a_file(folder: Folder) -> None:
    assert folder.spec(LEAST + "inputs: {files: ../docs/*.pdf}\n").inputs == (
        FileList(pattern="docs/*.pdf", place=(PATH, 4, 17), spec=PATH)
    )


@pytest.mark.parametrize(
    ("written", "code", "column"),
    [
        ("{}", "missing-key", 9),
        ("{format: csv}", "missing-key", 9),
        ("{path: a.csv, files: '*'}", "two-inputs", 23),
        ("{files: '*', encoding: cp1252}", "option", 22),
        ("{files: ../../x}", "file", 17),
    ],
)
def test_inputs_name_one_source_and_say_only_what_fits_it(folder: Folder, written: str, code: str, column: int) -> None:
    found = folder.finding(LEAST + f"inputs: {written}\n")
    assert (found.code, start(found)) == (code, (PATH, 4, column))
    assert found.hint


# custom_id and output


def test_a_custom_id_may_stand_in_a_file(folder: Folder) -> None:
    folder.write(id_j2="{{ row.id }}\n")
    custom_id = folder.spec(LEAST + "custom_id: {file: id.j2}\n").custom_id
    assert custom_id is not None
    assert custom_id.text == "{{ row.id }}"


def test_a_custom_id_without_a_template_is_refused(folder: Folder) -> None:
    found = folder.finding(LEAST + "custom_id: ticket\n")
    assert (found.code, start(found)) == ("custom-id", (PATH, 4, 12))
    assert "{{ row.id }}" in (found.hint or "")


@pytest.mark.parametrize(
    ("written", "code", "column"),
    [
        ("results.xlsx", "output-format", 9),
        ("{path: results.csv.gz}", "output-format", 16),
        ("../../out.jsonl", "file", 9),
        ("/tmp/out.jsonl", "file", 9),
        ("../.git/hooks/x.jsonl", "file", 9),
        ("../.batchspec/x.jsonl", "file", 9),
    ],
)
def test_an_output_has_its_format_and_its_place(folder: Folder, written: str, code: str, column: int) -> None:
    found = folder.finding(LEAST + f"output: {written}\n")
    assert (found.code, start(found)) == (code, (PATH, 4, column))
    assert found.hint


# The way back from the body


def test_a_place_of_the_body_leads_to_what_made_it(folder: Folder) -> None:
    folder.write(s_json='{"a": {"b": 1}}', sys_md="x {{ row.y }}")
    spec = folder.spec(
        LEAST + "prompt:\n"
        "  system: {file: sys.md}\n"
        "  user: hi\n"
        "body:\n"
        "  temperature: 3\n"
        "  response_format: {file: s.json}\n"
        "  stop: [a, b]\n"
    )

    def line(*pointer: str | int, on_key: bool = False) -> tuple[int, int]:
        return start(spec.finding(pointer, "code", "summary", on_key=on_key))[1:]

    assert line("temperature") == (8, 16)
    assert line("temperature", on_key=True) == (8, 3)
    assert line("stop", 1) == (10, 13)
    assert line("response_format", "a", "b") == (9, 20)
    assert line("messages") == (5, 3)
    assert line("messages", 0, "content") == (5, 11)
    assert line("messages", 1, "content") == (6, 9)
    assert line("messages", 1, "role") == (6, 9)
    assert line("nowhere", "deep") == (8, 3)
    assert line() == (8, 3)


def test_without_a_body_a_finding_stands_at_the_spec(folder: Folder) -> None:
    assert start(folder.spec(LEAST).finding(("x",), "code", "summary", on_key=True)) == (PATH, 1, 1)
