"""`plan --explain`: which input to a row's digests has changed, by each kind of edit, and nothing that has not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import Project, chat_spec, make_project
from forking import ForkedProject, ForkServer, fork_server

SPEC = """\
batchspec: 1
name: demo
model: mistral-small-latest
inputs: {path: rows.csv, columns: {size: integer}}
custom_id: "{{ row.id }}"
vars: {tone: kindly}
prompt: {system: {file: prompts/system.md}, user: "Say {{ row.word }} {{ vars.tone }}"}
body: {max_tokens: "{{ row.size }}"}
"""
ROWS = "id,word,size,note\nr0,zero,10,x\nr1,one,11,y\nr2,two,12,z\n"
PAGE = Path(__file__).parents[2] / "docs/reference/json.md"


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with fork_server() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, forks: ForkServer) -> ForkedProject:
    made: Project = make_project(tmp_path, BATCHSPEC_PROVIDER="emulator")
    made.write("demo.batchspec.yaml", SPEC)
    made.write("rows.csv", ROWS)
    made.write("prompts/system.md", "Be brief.\n{% include 'prompts/more.md' %}\n")
    made.write("prompts/more.md", "And polite.\n")
    return ForkedProject(made.root, made.environ, server=forks)


def apply(project: Project) -> None:
    told = project.run("apply", "--yes")
    assert told.code == 0, told.err


def edit(project: Project, path: str, old: str, new: str) -> None:
    text = (project.root / path).read_text(encoding="utf-8")
    assert old in text
    project.write(path, text.replace(old, new))


def explained(project: Project, name: str = "r1", *more: str) -> Any:
    told = project.run("plan", "--explain", name, "--json", *more)
    assert told.code == 0, told.out
    return told.document


def parts(document: Any) -> set[tuple[str, str]]:
    return {(part["kind"], part["name"]) for part in document["parts"]}


def test_a_row_that_was_never_applied_is_shown_with_what_its_digest_is_made_of(project: Project) -> None:
    document = explained(project)
    assert document["row"] == "rows.csv:3"
    assert document["columns"] == ["id", "word", "size"]
    assert (document["applied_before"], document["parts"]) == (False, None)
    (request,) = document["requests"]
    assert (request["action"], request["reason"], request["changed"]) == ("submit", "spec added", [])
    assert request["made_of"]["model"] == "mistral-small-latest"
    text = project.run("plan", "--explain", "r1").out
    assert request["digest"] in text
    assert request["made_of"]["body"][:12] in text
    assert "never applied" in text


def test_nothing_has_changed_after_an_apply_nor_by_a_remark(project: Project) -> None:
    apply(project)
    edit(project, "demo.batchspec.yaml", "name: demo", "name: demo  # a remark")
    document = explained(project)
    (request,) = document["requests"]
    assert request["action"] in {"in_flight", "done"}
    assert (request["changed"], document["parts"]) == ([], [])
    assert (document["row_changed"], document["rows_changed"], document["rows_same"]) == (False, 0, 3)
    assert "are what they were" in project.run("plan", "--explain", "r1").out


@pytest.mark.parametrize(
    ("path", "old", "new", "changed"),
    [
        ("prompts/system.md", "brief", "short", {("file", "prompts/system.md"), ("body", "messages")}),
        ("prompts/more.md", "polite", "rude", {("include", "prompts/more.md")}),
        ("demo.batchspec.yaml", "kindly", "rudely", {("variable", "tone")}),
        ("demo.batchspec.yaml", "Say", "Sing", {("body", "messages")}),
        ("demo.batchspec.yaml", "body: {", "body: {temperature: 0, ", {("body", "temperature")}),
        ("demo.batchspec.yaml", "integer", "number", {("inputs", "inputs")}),
    ],
)
def test_an_edit_of_what_every_row_shares_is_named(
    project: Project, path: str, old: str, new: str, changed: set[tuple[str, str]]
) -> None:
    apply(project)
    edit(project, path, old, new)
    document = explained(project)
    assert parts(document) == changed
    if changed != {("inputs", "inputs")}:
        assert document["requests"][0]["changed"] == ["body"]
        assert (document["row_changed"], document["rows_changed"]) == (None, 3)
    told = project.run("plan", "--explain", "r1").out
    assert all(name in told for _, name in changed)


def test_what_is_not_of_the_body_is_no_cause_beside_the_row_itself(project: Project) -> None:
    project.write("base.yaml", "metadata: {team: a}\n")
    spec = SPEC + "extends: base.yaml\noutput: {path: results/demo.csv, columns: {a: {file: column.j2}}}\n"
    project.write("demo.batchspec.yaml", spec)
    project.write("column.j2", "{{ text }}")
    apply(project)
    edit(project, "base.yaml", "a}", "b}")
    project.write("column.j2", "{{ text }}!")
    assert explained(project)["row_changed"] is False
    edit(project, "rows.csv", "one", "eins")
    document = explained(project)
    assert (parts(document), document["row_changed"]) == ({("file", "column.j2")}, True)


def test_a_file_in_a_matrix_is_named_with_its_place_there(project: Project) -> None:
    project.write("a.md", "Be brief.")
    project.write("b.md", "Be long.")
    matrix = "matrix: {how: [{file: a.md}, {file: b.md}]}\n"
    project.write("demo.batchspec.yaml", SPEC.replace("Say", "{{ matrix.how }} Say") + matrix)
    apply(project)
    project.write("b.md", "Be longer.")
    document = explained(project)
    assert parts(document) == {("file", "b.md"), ("matrix", "how")}
    assert [request["changed"] for request in document["requests"]] == [[], ["body"]]


def test_where_no_part_has_changed_the_row_itself_has(project: Project) -> None:
    apply(project)
    edit(project, "rows.csv", "one", "eins")
    document = explained(project)
    assert (document["parts"], document["row_changed"]) == ([], True)
    assert (document["rows_changed"], document["rows_same"]) == (1, 2)
    assert document["requests"][0]["changed"] == ["body"]
    assert document["requests"][0]["declared_body"] != document["requests"][0]["made_of"]["body"]
    assert "the row itself" in project.run("plan", "--explain", "r1").out
    assert explained(project, "r2")["row_changed"] is False


@pytest.mark.parametrize(
    ("old", "new", "changed", "was"),
    [
        ("model: mistral-small-latest", "model: ministral-8b-latest", ["model"], "mistral-small-latest"),
        ("name: demo", "name: demo\nrevision: 2", ["revision"], "it was 0"),
        ("name: demo", "name: demo\nreplicates: 2", ["replicate"], "changed"),
    ],
)
def test_a_target_is_named_by_what_is_new_of_it(
    project: Project, old: str, new: str, changed: list[str], was: str
) -> None:
    apply(project)
    edit(project, "demo.batchspec.yaml", old, new)
    sent = [request for request in explained(project)["requests"] if request["action"] == "submit"]
    assert [request["changed"] for request in sent] == [changed]
    text = project.run("plan", "--explain", "r1").out
    assert "<- changed" in text
    assert was in text


def test_a_change_of_endpoint_is_told_with_what_it_was(project: Project) -> None:
    apply(project)
    fim = "batchspec: 1\nname: demo\nendpoint: /v1/fim/completions\nmodel: codestral-latest\ninputs: rows.csv\n"
    project.write("demo.batchspec.yaml", fim + 'custom_id: "{{ row.id }}"\nbody: {prompt: "{{ row.word }}"}\n')
    assert explained(project)["requests"][0]["changed"] == ["endpoint", "model", "body"]
    assert "it was /v1/chat/completions" in project.run("plan", "--explain", "r1").out


def test_the_commit_that_was_applied_is_offered_for_a_diff(project: Project) -> None:
    def git(*arguments: str) -> str:
        options = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", *options, *arguments]
        return subprocess.run(command, cwd=project.root, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    apply(project)
    edit(project, "prompts/system.md", "brief", "short")
    commit = git("rev-parse", "HEAD")
    assert explained(project)["commit"] == commit
    assert f"git diff {commit[:12]} -- prompts/system.md" in project.run("plan", "--explain", "r1").out
    apply(project)
    assert explained(project)["commit"] is None


def test_a_row_in_two_specs_has_to_be_named_with_its_spec(project: Project) -> None:
    project.write("other.batchspec.yaml", chat_spec("other"))
    told = project.run("plan", "--explain", "r1")
    assert (told.code, "2 specs have a row `r1`" in told.err) == (3, True)
    assert project.run("plan", "other.batchspec.yaml", "--explain", "r1").code == 0


def test_a_row_that_is_not_there_is_told_with_what_is_known_of_it(project: Project) -> None:
    told = project.run("plan", "--explain", "r9")
    assert (told.code, "no row has the custom_id `r9`" in told.err) == (3, True)
    apply(project)
    project.write("rows.csv", ROWS.replace("r1,one,11,y\n", ""))
    told = project.run("plan", "--explain", "r1")
    assert (told.code, "any more" in told.err) == (3, True)
    assert project.run("state", "show", "--spec", "demo", "r1").code == 0


def test_what_goes_with_it_and_what_does_not(project: Project) -> None:
    assert project.run("plan", "--explain", "r1", "--detailed-exitcode").code == 2
    assert project.run("plan", "--explain", "r1", "--markdown").code == 3
    assert project.run("plan", "--explain", "r1", "--out", "a.plan").code == 3
    assert "the provider was not asked" in project.run("plan", "--explain", "r1", "--no-refresh").out


def test_a_row_that_repeats_another_and_one_in_variants_are_told(project: Project) -> None:
    project.write("rows.csv", ROWS + "r3,one,11,w\n")
    matrix = "matrix: {heat: [0, 1]}\n"
    project.write("demo.batchspec.yaml", SPEC.replace("body: {", 'body: {temperature: "{{ matrix.heat }}", ') + matrix)
    document = explained(project, "r3")
    assert [(each["matrix"], each["repeats"]) for each in document["requests"]] == [
        ({"heat": 0}, True),
        ({"heat": 1}, True),
    ]
    assert "sent once for both" in project.run("plan", "--explain", "r3").out


def test_every_key_of_its_document_is_on_the_page(project: Project) -> None:
    apply(project)
    edit(project, "prompts/system.md", "brief", "short")
    document = explained(project)
    page = PAGE.read_text(encoding="utf-8")
    keys = {*document, *document["requests"][0], *document["requests"][0]["made_of"], *document["parts"][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f'"{key}"' not in page] == []


def test_an_answer_that_does_not_fit_is_told_as_a_plan_tells_it(project: Project) -> None:
    schema = "response: {json_schema: {type: object}, on_invalid: fail}\n"
    project.write("demo.batchspec.yaml", SPEC + schema)
    assert project.run("apply", "--yes", "--wait").code == 6
    assert explained(project)["requests"][0]["action"] == "invalid"
    assert "x invalid" in project.run("plan", "--explain", "r1").out
    edit(project, "demo.batchspec.yaml", "fail}", "retry}")
    (request,) = explained(project)["requests"]
    assert (request["action"], request["reason"]) == ("retry", "answer does not fit")
