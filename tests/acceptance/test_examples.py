"""Every folder of `examples/` is a project that its README's command brings to results."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from driving import Project

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
TABLES = {
    "columns-csv": "results/triage.csv",
    "compare-prompts": "results/compare-prompts.csv",
    "pipeline": "results/judge.csv",
}


_EXTRAS = {"batchspec[duckdb]": "duckdb"}


def copy_of(name: str, target: Path) -> Project:
    """Copy an example; skips a test of one whose README names an extra that is not installed."""
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    for extra, module in _EXTRAS.items():
        if extra in readme:
            pytest.importorskip(module, reason=f"{extra} is not installed")
    shutil.copytree(EXAMPLES / name, target, ignore=shutil.ignore_patterns("results", ".batchspec"))
    return Project(target)


def command_of(name: str) -> list[str]:
    """Return the arguments of the command that the example's README gives."""
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    batchspec (.+)$", text, re.MULTILINE)
    return shlex.split(command)


def outputs_of(name: str) -> set[str]:
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    return set(re.findall(r"`(results/[^`]+)`", text))


def rows_of(project: Project, path: str) -> list[dict[str, Any]]:
    if not path.endswith(".csv"):
        return project.rows(path)
    with (project.root / path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_there_are_the_examples_that_a_newcomer_looks_for() -> None:
    assert {"cheeses-and-wines", "embeddings", "prompt-files", "two-models"} <= set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_example_comes_to_results_by_its_own_command_and_a_second_run_sends_nothing(
    tmp_path: Path, name: str
) -> None:
    project = copy_of(name, tmp_path / name)
    command = command_of(name)
    first = project.run(*command, "--json")
    assert first.code == 0, first.err
    assert first.document["sent"]["requests"] > 0
    assert first.document["status"]["converged"] is True
    written = {output["path"] for output in first.document["outputs"]}
    assert written
    assert outputs_of(name) <= written
    for path in written:
        rows = rows_of(project, path)
        assert rows
        assert {row["status"] for row in rows} == {"succeeded"}
    second = project.run(*command, "--json")
    assert second.code == 0
    assert second.document["sent"] == {"jobs": 0, "requests": 0}


def shown_rows(name: str) -> list[dict[str, object]]:
    """Return the result lines that the example's README shows, of each of its files the first."""
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```json\n(.+?)^```$", text, re.MULTILINE | re.DOTALL)
    return [json.loads(line) for line in block.splitlines()]


@pytest.mark.parametrize("name", [name for name in FOLDERS if name not in TABLES])
def test_an_examples_readme_shows_its_result_files(tmp_path: Path, name: str) -> None:
    project = copy_of(name, tmp_path / name)
    assert project.run(*command_of(name)).code == 0
    written = sorted(path.relative_to(project.root).as_posix() for path in (project.root / "results").rglob("*.jsonl"))
    firsts = [project.rows(path)[0] for path in written]
    told = [{key: row[key] for key in ("custom_id", "model", "status", "text", "error")} for row in firsts]
    assert told == shown_rows(name)


@pytest.mark.parametrize(("name", "path"), TABLES.items())
def test_an_examples_readme_shows_its_table(tmp_path: Path, name: str, path: str) -> None:
    project = copy_of(name, tmp_path / name)
    assert project.run(*command_of(name)).code == 0
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^```csv\n(.+?)^```$", text, re.MULTILINE | re.DOTALL) == [
        (project.root / path).read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", FOLDERS)
def test_an_example_is_valid_without_a_key(tmp_path: Path, name: str) -> None:
    checked = copy_of(name, tmp_path / name).run("validate", "--json")
    assert checked.code == 0
    assert checked.document["diagnostics"] == []


def test_what_the_cheese_example_says_of_its_rows_is_true(tmp_path: Path) -> None:
    project = copy_of("cheeses-and-wines", tmp_path / "project")
    assert project.run(*command_of("cheeses-and-wines")).code == 0
    assert (len(project.rows("results/cheeses.jsonl")), len(project.rows("results/wines.jsonl"))) == (36, 20)
    table = tmp_path / "project/data/wines.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",white,", ",pale,", 1), encoding="utf-8")
    plan = project.run("plan", "--provider", "emulator", "--json")
    assert plan.document["summary"]["submit"] == 1


def test_two_models_share_one_upload_and_a_third_model_costs_its_own_requests_alone(tmp_path: Path) -> None:
    project = copy_of("two-models", tmp_path / "project")
    first = project.run(*command_of("two-models"), "--json")
    assert first.document["sent"] == {"jobs": 2, "requests": 12}
    questions = [(row["custom_id"], row["model"]) for row in project.rows("results/compare.jsonl")]
    assert [model for _, model in questions[:2]] == ["mistral-small-latest", "ministral-8b-latest"]
    assert [custom_id for custom_id, _ in questions[::2]] == [custom_id for custom_id, _ in questions[1::2]]
    spec = tmp_path / "project/compare.batchspec.yaml"
    text = spec.read_text(encoding="utf-8").replace("ministral-8b-latest]", "ministral-8b-latest, open-nemo]")
    spec.write_text(text, encoding="utf-8")
    assert project.run(*command_of("two-models"), "--json").document["sent"] == {"jobs": 1, "requests": 6}


def test_an_edit_of_an_included_part_changes_every_request_that_holds_it(tmp_path: Path) -> None:
    project = copy_of("prompt-files", tmp_path / "project")
    sent = project.run(*command_of("prompt-files"), "--json").document["sent"]["requests"]
    part = tmp_path / "project/prompts/parts/queues.md"
    part.write_text(part.read_text(encoding="utf-8") + "- `other`: everything else\n", encoding="utf-8")
    plan = project.run("plan", "--provider", "emulator", "--json").document
    assert plan["summary"]["submit"] == sent
    assert plan["specs"][0]["variants"][0]["reasons"] == [{"reason": "body changed", "count": sent}]


def test_the_pipelines_readme_shows_the_plan_after_one_edited_row(tmp_path: Path) -> None:
    project = copy_of("pipeline", tmp_path / "pipeline")
    project.environ["BATCHSPEC_PROVIDER"] = "emulator"
    assert project.run("apply", "--yes", "--wait").code == 0
    table = (project.root / "data/invoices.csv").read_text(encoding="utf-8")
    project.write("data/invoices.csv", table.replace("0042.pdf", "0042-rescanned.pdf"))
    text = (EXAMPLES / "pipeline" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^```text\n(.+?)^```$", text, re.MULTILINE | re.DOTALL) == [project.run("plan").out]
    told = project.run("apply", "--yes", "--wait", "--json").document
    assert told["sent"]["requests"] == 5
