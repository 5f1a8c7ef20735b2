"""Results as a user asks for them: columns, CSV, warnings that lose nothing; a change of them costs nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from driving import Project, make_project
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]

COLUMNS = """\
output:
  path: results/demo.csv
  columns:
    word: "{{ row.word }}"
    tokens: "{{ usage.total_tokens }}"
    said: "{{ text }}"
    why: "{{ error.message }}"
"""
APPLY = ("apply", "--provider", "emulator", "--yes", "--wait")


def table(project: Project, path: str = "results/demo.csv") -> list[dict[str, str]]:
    with (project.root / path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", extra=COLUMNS)


def test_columns_come_as_a_csv_table_in_input_order(project: Project) -> None:
    ran = project.run(*APPLY)
    assert (ran.code, ran.err.count("warning")) == (0, 0), ran.err
    rows = table(project)
    assert list(rows[0]) == ["custom_id", "model", "status", "word", "tokens", "said", "why", "error"]
    assert [(row["custom_id"], row["word"], row["status"]) for row in rows] == [
        (f"r{number}", f"word {number}", "succeeded") for number in range(3)
    ]
    assert all(int(row["tokens"]) > 0 and row["said"] and not row["why"] and not row["error"] for row in rows)
    assert stat.S_IMODE((project.root / "results/demo.csv").stat().st_mode) == 0o600


def test_a_change_of_columns_writes_the_file_again_and_sends_nothing(project: Project) -> None:
    assert project.run(*APPLY).code == 0
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("said:", "answer:"), encoding="utf-8")
    again = project.run(*APPLY, "--json")
    assert again.document["sent"] == {"jobs": 0, "requests": 0}
    assert [each["path"] for each in again.document["outputs"]] == ["results/demo.csv"]
    assert "answer" in table(project)[0]
    assert project.run(*APPLY, "--json").document["outputs"] == []


def test_a_column_that_fails_is_null_and_told_and_the_file_is_whole(project: Project) -> None:
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("{{ text }}", "{{ json.queue }}"), encoding="utf-8")
    ran = project.run(*APPLY, "--json")
    assert ran.code == 0
    assert [row["said"] for row in table(project)] == ["", "", ""]
    assert "warning[null-cell]: column `said` is null" in ran.err
    assert "the answer's text holds no JSON" in ran.err
    [output] = ran.document["outputs"]
    [warning] = output["warnings"]
    assert (warning["code"], warning["row"]) == ("null-cell", "rows.csv:2")
    assert "the same in 2 more" in warning["detail"]


def test_a_column_that_does_not_compile_is_found_before_anything_is_sent(project: Project) -> None:
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("{{ text }}", "{{ txt }}"), encoding="utf-8")
    for command in (("validate",), APPLY):
        ran = project.run(*command)
        assert ran.code == 3
        assert "did you mean `text`?" in ran.err
    assert not (project.root / "results").exists()


def test_results_come_in_another_form_where_they_are_asked_for(project: Project) -> None:
    assert project.run(*APPLY).code == 0
    lines = project.run("results", "--provider", "emulator", "--out", "-", "--format", "jsonl")
    rows = [json.loads(line) for line in lines.out.splitlines()]
    assert [list(row) for row in rows] == [
        ["custom_id", "model", "status", "word", "tokens", "said", "why", "error"]
    ] * 3
    assert all(isinstance(row["tokens"], int) and row["why"] is None for row in rows)
    assert project.run("results", "--provider", "emulator", "--out", "named.jsonl").code == 0
    assert project.rows("named.jsonl") == rows
    unnamed = project.run("results", "--provider", "emulator", "--out", "named.txt")
    assert "named.txt  3 rows, as csv" in unnamed.out
    assert (project.root / "named.txt").read_text(encoding="utf-8").startswith("custom_id,model,")
    refused = project.run("results", "--provider", "emulator", "--format", "csv")
    assert refused.code == 3
    assert "--out" in refused.err


def test_rows_without_an_answer_keep_their_place(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", extra=COLUMNS)
    ran = project.run("results", "--provider", "emulator", "--out", "-")
    assert ran.out.splitlines() == [
        "custom_id,model,status,word,tokens,said,why,error",
        *(f"r{number},mistral-small-latest,pending,word {number},,,," for number in range(3)),
    ]
    assert ran.err == ""


def test_csv_without_columns_holds_rows_and_answers_as_json(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", extra="output: results/demo.csv\n")
    assert project.run(*APPLY).code == 0
    rows = table(project)
    assert list(rows[0]) == ["custom_id", "model", "status", "row", "text", "response", "usage", "error"]
    assert json.loads(rows[1]["row"]) == {"id": "r1", "word": "word 1"}
    assert json.loads(rows[1]["response"])["usage"] == json.loads(rows[1]["usage"])


# Manifests


def manifest(project: Project, path: str = "results/demo.manifest.json") -> Any:
    document = json.loads((project.root / path).read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "schemas/manifest.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    return document


def sha256(project: Project, path: str) -> str:
    return hashlib.sha256((project.root / path).read_bytes()).hexdigest()


def git(project: Project, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True).stdout.strip()


def test_a_manifest_tells_what_an_output_was_made_of(project: Project) -> None:
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace('"Say {{ row.word }}"', "{file: p.md}"), encoding="utf-8")
    project.write("p.md", "Say {{ row.word }} {% include 'part.md' %}")
    project.write("part.md", "please")
    project.write("rows.csv", "id,word\na,x\nb,y\nc,x\n")
    ran = project.run(*APPLY, "--json").document
    told = manifest(project)
    assert ran["outputs"][0]["manifest"] == "results/demo.manifest.json"
    assert told["spec"]["files"] == [
        {"path": path, "sha256": sha256(project, path)} for path in ("demo.batchspec.yaml", "p.md", "part.md")
    ]
    assert told["inputs"]["files"] == [{"path": "rows.csv", "sha256": sha256(project, "rows.csv")}]
    assert told["output"] == {
        "path": "results/demo.csv",
        "sha256": sha256(project, "results/demo.csv"),
        "rows": 3,
        "statuses": {"succeeded": 3},
        "finish_reasons": {"stop": 3},
    }
    assert told["jobs"] == [job["id"] for job in ran["status"]["jobs"]]
    first, second, shared = (int(row["tokens"]) for row in table(project))
    assert first == shared
    assert told["answers"] == 2
    assert sum(told["tokens"].values()) == first + second
    assert [(model["asked"], model["answered"]) for model in told["models"]] == [
        ("mistral-small-latest", ["mistral-small-latest"])
    ]
    assert stat.S_IMODE((project.root / "results/demo.manifest.json").stat().st_mode) == 0o600


def test_the_same_run_gives_the_same_manifest_and_writes_nothing_again(project: Project, tmp_path: Path) -> None:
    assert project.run(*APPLY).code == 0
    paths = [project.root / "results" / name for name in ("demo.csv", "demo.manifest.json")]
    before = [(path.read_bytes(), path.stat().st_ino) for path in paths]
    assert project.run(*APPLY, "--json").document["outputs"] == []
    assert project.run("results", "--provider", "emulator").code == 0
    assert [path.read_bytes() for path in paths] == [content for content, _ in before]
    assert paths[1].stat().st_ino == before[1][1]
    paths[1].unlink()
    assert len(project.run(*APPLY, "--json").document["outputs"]) == 1
    assert [path.read_bytes() for path in paths] == [content for content, _ in before]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_manifest_names_the_commit_and_whether_the_tree_was_clean(project: Project) -> None:
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "first")
    assert project.run(*APPLY).code == 0
    commit = git(project, "rev-parse", "HEAD")
    assert manifest(project)["git"] == {"commit": commit, "clean": True}
    git(project, "add", "-A")
    git(project, "commit", "-qm", "with results")
    spec = project.root / "demo.batchspec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("said:", "answer:"), encoding="utf-8")
    assert project.run(*APPLY).code == 0
    assert manifest(project)["git"] == {"commit": git(project, "rev-parse", "HEAD"), "clean": False}
    git(project, "commit", "-qm", "columns", "demo.batchspec.yaml")
    # The tracked outputs differ from the commit now, and follow from what is in it.
    assert project.run("results", "--provider", "emulator").code == 0
    assert manifest(project)["git"] == {"commit": git(project, "rev-parse", "HEAD"), "clean": True}


def test_two_outputs_that_would_share_a_manifest_are_refused(project: Project) -> None:
    text = (project.root / "demo.batchspec.yaml").read_text(encoding="utf-8")
    project.write("other.batchspec.yaml", text.replace("name: demo", "name: other").replace("demo.csv", "demo.jsonl"))
    ran = project.run("validate")
    assert ran.code == 3
    assert "error[repeated-output]" in ran.err


@pytest.mark.parametrize(
    ("more", "code"), [(("--yes", "--max-requests", "0"), 9), ((), 8)], ids=["over a limit", "not approved"]
)
def test_what_was_collected_is_written_also_where_nothing_more_is_sent(
    project: Project, more: tuple[str, ...], code: int
) -> None:
    project.environ["BATCHSPEC_PROVIDER"] = "emulator"
    assert project.run("apply", "--yes").code == 0
    with (project.root / "rows.csv").open("a", encoding="utf-8") as stream:
        stream.write("r9,word 9\n")
    ended = ""
    # The emulator runs jobs while it is asked.
    while "SUCCESS" not in ended:
        ended = project.run("jobs").out
    assert not (project.root / "results/demo.csv").exists()
    assert project.run("apply", *more).code == code
    assert [row["status"] for row in table(project)] == ["succeeded"] * 3 + ["pending"]
