"""Wrong specs, inputs and settings: the exit code, the place, the reason, the way out; and never a traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from driving import Project, chat_spec, make_project

SPEC = chat_spec()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (SPEC.replace("model:", "modle:"), ["demo.batchspec.yaml:3:1: error[unknown-key]", "did you mean `model`?"]),
        (SPEC + "timeout_hours: soon\n", ["demo.batchspec.yaml:8:16: error[wrong-type]"]),
        (SPEC + "timeout_hours: 169\n", ["error[out-of-range]", "168"]),
        (SPEC.replace("name: demo", "name: 3.10"), ["demo.batchspec.yaml:2:7: error[wrong-type]", 'quote it: "3.10"']),
        (SPEC + "name: twice\n", ["error[duplicate-key]", "line 2"]),
        (SPEC + 'vars: {a: "{{ row.word }}"}\n', ["demo.batchspec.yaml:8:11: error[variable-template]: `a` holds"]),
        (SPEC + "vars: {9a: 1}\n", ["demo.batchspec.yaml:8:8: error", "use letters, digits and `_`"]),
        (
            SPEC.replace("row.word", "vars.lang") + "vars: {long: 1}\n",
            ["demo.batchspec.yaml:6:22: error[undefined-name]", "did you mean `long`?"],
        ),
        (
            SPEC.replace("row.word", "row.wrod"),
            ["demo.batchspec.yaml:6:21: error[undefined-name]", "did you mean `word`?"],
        ),
        (
            SPEC.replace("row.word", "rwo.word"),
            ["demo.batchspec.yaml:6:17: error[undefined-name]", "did you mean `row`?"],
        ),
        (SPEC.replace("{{ row.word }}", "{% if %}"), ["error[template-syntax]"]),
        (SPEC.replace("rows.csv", "rwos.csv"), ["demo.batchspec.yaml:4:9: error[", "did you mean `rows.csv`?"]),
        (SPEC.replace("rows.csv", "../rows.csv"), ["demo.batchspec.yaml:4:9: error["]),
        (SPEC.replace("max_tokens: 20", "max_tokens: many"), ["demo.batchspec.yaml:7:20: error[wrong-type]"]),
        (SPEC.replace("max_tokens: 20", "model: m"), ["the job's model wins"]),
        (SPEC.replace("max_tokens: 20", "stream: true"), ["stream"]),
        (SPEC.replace("row.id", "row.word[:4]"), ["error[repeated-custom-id]", "rows.csv:2"]),
        (SPEC.replace('"{{ row.id }}"', "the-same"), ["`custom_id` is the same for every row"]),
        (
            SPEC.replace("prompt:", "x-prompt:") + "endpoint: /v1/ocr\n",
            ["error[missing-key]: `document` is missing", "demo.batchspec.yaml:7"],
        ),
        (SPEC + "endpoint: /v1/ocr\n", ["error[prompt-endpoint]: /v1/ocr takes no `prompt`", "`body.document`"]),
        (SPEC + "output: results/x.xlsx\n", ["error[output-format]", "results/x.jsonl"]),
        (SPEC + "output: .git/x.jsonl\n", ["error[file]"]),
        (SPEC + "metadata: {bspec_x: y}\n", ["bspec_"]),
        (SPEC.replace("prompt:", "prompt: {file: nope.md}\nx-p:"), ["nope.md"]),
        (
            SPEC.replace(
                "max_tokens: 20", "response_format: {type: json_schema, json_schema: {name: a, schema: {type: 5}}}"
            ),
            ["demo.batchspec.yaml:7:", "error[", "`type`"],
        ),
        ("- a list\n", ["error["]),
        ("", ["error["]),
        ("a: [1\n", ["error[yaml-syntax]"]),
        ("a: !!python/object:os.system {}\n", ["error[yaml-tag]"]),
        ("[" * 100_000, ["error["]),
    ],
)
def test_a_wrong_spec_is_told_with_its_place_and_a_way_out(tmp_path: Path, spec: str, told: list[str]) -> None:
    project = make_project(tmp_path)
    project.write("demo.batchspec.yaml", spec)
    checked = project.run("validate")
    assert checked.code == 3, checked.err
    for words in told:
        assert words in checked.err
    assert project.run("apply", "--provider", "emulator", "--yes").code == 3


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (b"id,word\na,b,c\n", ["rows.csv:2:1: error[ragged-row]"]),
        (b"id,id\na,b\n", ["rows.csv:1", "id"]),
        (b'id,word\na,"b\nc,d\n', ["rows.csv:2"]),
        (b"id,word\na,\xff\n", ["rows.csv:2", "utf-8"]),
        (b"id,word\na,b\x00\n", ["rows.csv:2"]),
        (b"", ["rows.csv"]),
        (b"id,word\n,b\n", ["`custom_id` came out empty"]),
    ],
)
def test_a_wrong_input_is_told_with_its_line(tmp_path: Path, rows: bytes, told: list[str]) -> None:
    project = make_project(tmp_path)
    (tmp_path / "rows.csv").write_bytes(rows)
    checked = project.run("validate")
    assert checked.code == 3, checked.out
    for words in told:
        assert words in checked.err


def test_an_input_that_is_no_gzip_is_told(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("demo.batchspec.yaml", SPEC.replace("rows.csv", "rows.csv.gz"))
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"id,word\na,b\n")[:-6])
    assert project.run("validate").code == 3


def test_all_errors_of_all_specs_are_told_at_once(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("one.batchspec.yaml", SPEC.replace("name: demo", "name: one").replace("body:", "bodi:"))
    project.write("two.batchspec.yaml", "batchspec: 2\nname: Two\n")
    project.write("three.batchspec.yaml", SPEC)
    told = project.run("validate").err
    assert "one.batchspec.yaml:7:1: error[unknown-key]" in told
    assert "two.batchspec.yaml:1:12: error[" in told
    assert "two.batchspec.yaml:2:7: error[" in told


def test_a_name_is_unique_within_a_project(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("other.batchspec.yaml", SPEC)
    told = project.run("validate")
    assert told.code == 3
    assert "error[repeated-name]" in told.err


def test_two_specs_do_not_write_one_output(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("other.batchspec.yaml", SPEC.replace("name: demo", "name: other") + "output: results/demo.jsonl\n")
    told = project.run("validate")
    assert told.code == 3
    assert "error[repeated-output]" in told.err


def test_unknown_keys_of_a_body_are_warnings(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("demo.batchspec.yaml", SPEC.replace("max_tokens", "max_token"))
    checked = project.run("validate")
    assert checked.code == 0
    assert "warning[unknown-key]" in checked.err
    assert "did you mean `max_tokens`?" in checked.err


def test_settings_and_their_defaults_are_held_to_the_schema(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("batchspec.toml", '[project]\nidd = "x"\n\n[defaults]\ntimeout_hours = 500\n')
    told = project.run("validate")
    assert told.code == 3
    assert "batchspec.toml:2:1: error[" in told.err
    project.write("batchspec.toml", "[defaults]\ntimeout_hours = 500\n")
    told = project.run("validate")
    assert told.code == 3
    assert "batchspec.toml:2:1: error[out-of-range]" in told.err


def test_validate_json_holds_every_finding(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("demo.batchspec.yaml", SPEC.replace("model:", "modle:"))
    checked = project.run("validate", "--json")
    assert checked.code == 3
    (found,) = checked.document["diagnostics"]
    assert found["code"] == "unknown-key"
    assert checked.document["valid"] is False


@pytest.mark.parametrize(
    ("environ", "code", "told"),
    [
        ({}, 4, "MISTRAL_API_KEY is not set"),
        ({"MISTRAL_API_KEY": "two words"}, 4, "MISTRAL_API_KEY"),
        ({"MISTRAL_API_KEY": "k", "MISTRAL_BASE_URL": "http://example.com"}, 3, "plain http"),
        ({"MISTRAL_API_KEY": "k", "MISTRAL_BASE_URL": "http://127.0.0.1:9"}, 1, "it takes no connection"),
        ({"MISTRAL_API_KEY": "k", "BATCHSPEC_SETTLE_SECONDS": "soon"}, 3, "BATCHSPEC_SETTLE_SECONDS"),
    ],
)
def test_a_wrong_environment_is_told(tmp_path: Path, environ: dict[str, str], code: int, told: str) -> None:
    project = make_project(tmp_path, environ=environ)
    ended = project.run("apply", "--yes")
    assert ended.code == code, ended.err
    assert told in ended.err


@pytest.mark.parametrize("arguments", [["aply"], ["apply", "--nope"], ["apply", "nosuch"], ["plan", "--provider", "x"]])
def test_a_wrong_command_line_ends_with_3(tmp_path: Path, arguments: list[str]) -> None:
    assert make_project(tmp_path).run(*arguments).code == 3


@pytest.mark.parametrize("name", [".batchspec", "results"])
def test_a_file_with_the_name_of_a_folder_is_named_and_moving_it_away_is_enough(tmp_path: Path, name: str) -> None:
    project = make_project(tmp_path)
    project.write(name, "")
    told = project.run("apply", "--yes", "--wait", "--provider", "emulator")
    assert told.code == 1
    assert f"{project.root / name}" in told.err
    assert "File exists" in told.err
    assert "move " in told.err
    (project.root / name).unlink()
    assert project.run("apply", "--yes", "--wait", "--provider", "emulator").code == 0


def test_a_folder_without_specs_says_what_a_spec_is_called(tmp_path: Path) -> None:
    (tmp_path / "batchspec.toml").write_text("")
    told = Project(tmp_path).run("plan")
    assert told.code == 3
    assert ".batchspec.yaml" in told.err
