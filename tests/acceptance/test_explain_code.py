"""`explain`: a code explained in the terminal and as JSON, all codes listed, a misspelt one told the closest."""

from __future__ import annotations

from pathlib import Path

from driving import Project

from batchspec.project.code_pages import load_pages


def test_a_code_is_explained_without_a_project(tmp_path: Path) -> None:
    told = Project(tmp_path).run("explain", "error[unknown-key]")
    assert (told.code, told.err) == (0, "")
    parts = told.out.split("\n\n")
    assert parts[0] == "unknown-key  Specs"
    assert "    modle: mistral-small-latest" in told.out
    assert "    $ batchspec validate\n    demo.batchspec.yaml:3:1: error[unknown-key]" in told.out
    assert [part.partition("\n")[0] for part in parts[-2:]] == ["why", "way out"]
    assert "```" not in told.out
    assert "docs/reference/spec.md" in told.out


def test_without_a_code_all_are_listed_in_the_width_of_a_terminal(tmp_path: Path) -> None:
    told = Project(tmp_path).run("explain")
    listed = [line.split()[0] for line in told.out.splitlines() if line.startswith("  ") and line[2] != " "]
    assert listed == list(load_pages())
    assert max(map(len, told.out.splitlines())) <= 100


def test_a_misspelt_code_is_told_the_closest(tmp_path: Path) -> None:
    told = Project(tmp_path).run("explain", "unknwon-key")
    assert told.code == 3
    assert "there is no code `unknwon-key`" in told.err
    assert "did you mean `unknown-key`?" in told.err


def test_what_looks_like_a_row_is_sent_to_plan(tmp_path: Path) -> None:
    told = Project(tmp_path).run("explain", "T-17")
    assert told.code == 3
    assert "batchspec plan --explain CUSTOM_ID" in told.err


def test_json_has_the_pages_as_they_are_written(tmp_path: Path) -> None:
    document = Project(tmp_path).run("explain", "limit", "--json").document
    assert document["format_version"] == "1.0"
    [page] = document["codes"]
    assert page["code"] == "limit"
    assert set(page) == {"code", "group", "meaning", "example", "why", "way_out"}
    assert len(Project(tmp_path).run("explain", "--json").document["codes"]) == len(load_pages())


def test_a_schema_that_there_is_not_is_told_the_closest(tmp_path: Path) -> None:
    told = Project(tmp_path).run("schema", "embedings.schema.json")
    assert (told.code, told.out) == (3, "")
    assert "did you mean `embeddings.schema.json`?" in told.err


def test_a_project_is_not_begun_in_a_file(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("taken", "")
    told = project.run("init", "taken")
    assert told.code == 3
    assert "`taken` is a file" in told.err
    assert "help: name a folder" in told.err
