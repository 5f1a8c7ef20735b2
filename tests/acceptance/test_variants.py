"""Matrix, replicates and revision, run by the real program: what each change sends is what the provider was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from driving import Outcome, Project, make_project

SPEC = """\
batchspec: 1
name: demo
models: [mistral-small-latest, ministral-8b-latest]
inputs: rows.csv
custom_id: "{{ row.id }}"
matrix:
  prompt: [{file: a.md.j2}, {file: b.md.j2}]
  heat: [0, 1]
  exclude: [{heat: 1, prompt: {file: b.md.j2}}]
prompt: "{{ matrix.prompt }}"
body: {max_tokens: 20, temperature: "{{ matrix.heat }}"}
"""
VARIANTS = 3
MODELS = 2
ROWS = 4


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path, rows=ROWS)
    project.environ["BATCHSPEC_PROVIDER"] = "emulator"
    project.write("demo.batchspec.yaml", SPEC)
    project.write("a.md.j2", "Say {{ row.word }}\n")
    project.write("b.md.j2", "Shout {{ row.word }}\n")
    return project


def apply(project: Project) -> int:
    """Apply, and return how many requests that sent."""
    told = project.run("apply", "--yes", "--wait", "--json")
    assert told.code == 0, told.err
    sent: int = told.document["sent"]["requests"]
    return sent


def edit(project: Project, old: str, new: str, path: str = "demo.batchspec.yaml") -> None:
    text = (project.root / path).read_text(encoding="utf-8")
    assert old in text
    project.write(path, text.replace(old, new))


def plan(project: Project) -> list[Any]:
    told: list[Any] = project.run("plan", "--json").document["specs"][0]["variants"]
    return told


def test_every_row_is_asked_in_every_variant_and_its_result_says_which(project: Project) -> None:
    assert apply(project) == ROWS * VARIANTS * MODELS
    rows = project.rows("results/demo.jsonl")
    told = [(row["custom_id"], row["matrix"]["prompt"], row["matrix"]["heat"], row["model"]) for row in rows]
    models = ["mistral-small-latest", "ministral-8b-latest"]
    combinations = [("a.md.j2", 0), ("a.md.j2", 1), ("b.md.j2", 0)]
    assert told == [(f"r{row}", *each, model) for row in range(ROWS) for each in combinations for model in models]
    for row in rows:
        word = "Say" if row["matrix"]["prompt"] == "a.md.j2" else "Shout"
        assert word in row["text"]
    assert apply(project) == 0


def test_an_edit_of_one_prompt_is_paid_for_in_its_variants_alone(project: Project) -> None:
    apply(project)
    edit(project, "Shout", "Whisper", "b.md.j2")
    sends = {json.dumps(each["matrix"]): each["submit"] for each in plan(project)}
    assert sends == {
        '{"prompt": "a.md.j2", "heat": 0}': 0,
        '{"prompt": "a.md.j2", "heat": 1}': 0,
        '{"prompt": "b.md.j2", "heat": 0}': ROWS,
    }
    assert {reason["reason"] for each in plan(project) for reason in each["reasons"]} == {"body changed"}
    assert apply(project) == ROWS * MODELS


def test_a_value_more_sends_its_variants_and_one_less_sends_nothing(project: Project) -> None:
    apply(project)
    edit(project, "heat: [0, 1]", "heat: [0, 1, 0.5]")
    reasons = [reason for each in plan(project) for reason in each["reasons"]]
    assert {reason["reason"] for reason in reasons} == {"variant added"}
    assert apply(project) == ROWS * MODELS * 2
    edit(project, "heat: [0, 1, 0.5]", "heat: [0.5]")
    edit(project, "  exclude: [{heat: 1, prompt: {file: b.md.j2}}]\n", "")
    assert apply(project) == 0
    assert len(project.rows("results/demo.jsonl")) == ROWS * MODELS * 2


def test_the_order_of_values_costs_nothing(project: Project) -> None:
    apply(project)
    edit(project, "heat: [0, 1]", "heat: [1, 0]")
    assert apply(project) == 0


def test_replicates_are_requests_of_their_own_and_more_of_them_send_what_is_added(project: Project) -> None:
    apply(project)
    project.write("demo.batchspec.yaml", SPEC + "replicates: 3\n")
    variants = plan(project)
    assert {reason["reason"] for each in variants for reason in each["reasons"]} == {"replicate added"}
    assert {each["replicates"] for each in variants} == {3}
    assert apply(project) == ROWS * VARIANTS * MODELS * 2
    rows = project.rows("results/demo.jsonl")
    assert [row["replicate"] for row in rows[:3]] == [0, 1, 2]
    assert len(rows) == ROWS * VARIANTS * MODELS * 3


def test_a_template_that_reads_the_replicate_makes_a_body_for_each(project: Project) -> None:
    project.write(
        "demo.batchspec.yaml", SPEC.replace("body: {", 'replicates: 3\nbody: {random_seed: "{{ replicate }}", ')
    )
    assert apply(project) == ROWS * VARIANTS * MODELS * 3
    lines = project.run("render", "--out", "-").out.splitlines()
    seeds = [json.loads(line)["body"]["random_seed"] for line in lines]
    assert {seed: seeds.count(seed) for seed in seeds} == dict.fromkeys((0, 1, 2), ROWS * VARIANTS)
    assert apply(project) == 0


def test_a_revision_runs_everything_again_and_going_back_brings_the_answers_back(project: Project) -> None:
    everything = ROWS * VARIANTS * MODELS
    apply(project)
    before = (project.root / "results/demo.jsonl").read_bytes()
    project.write("demo.batchspec.yaml", SPEC + "revision: 1\n")
    assert {reason["reason"] for each in plan(project) for reason in each["reasons"]} == {"revision changed"}
    assert apply(project) == everything
    project.write("demo.batchspec.yaml", SPEC)
    assert apply(project) == 0
    assert (project.root / "results/demo.jsonl").read_bytes() == before


def test_a_lost_state_knows_revisions_and_replicates_again(project: Project) -> None:
    project.write("demo.batchspec.yaml", SPEC + "revision: 2\nreplicates: 2\n")
    apply(project)
    before = (project.root / "results/demo.jsonl").read_bytes()
    for path in (project.root / ".batchspec").glob("state*.db"):
        path.unlink()
    assert apply(project) == 0
    assert (project.root / "results/demo.jsonl").read_bytes() == before


def refused(told: Outcome, *words: str) -> None:
    assert told.code == 3, told.out
    assert all(word in told.err + told.out for word in words), told.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("heat: [0, 1]", "heat: [0, 0]", ["matrix-repeated", ":8:13"]),
        ("{heat: 1, prompt", "{heat: 7, prompt", ["matrix-exclude", "no such value"]),
        ("{heat: 1, prompt", "{hate: 1, prompt", ["matrix-exclude", "did you mean `heat`"]),
        ("{{ matrix.heat }}", "{{ matrix.hate }}", ["hate", ":11:"]),
        ("heat: [0, 1]", "heat: 1", ["wrong-type", ":8:9"]),
        ("{file: b.md.j2}]", "{file: c.md.j2}]", ["c.md.j2", ":7:"]),
        ("matrix:\n", "replicates: 0\nmatrix:\n", ["replicates"]),
        ("matrix:\n", "revision: -1\nmatrix:\n", ["revision"]),
        ("exclude: [{heat: 1, prompt: {file: b.md.j2}}]", "exclude: [{heat: 0}, {heat: 1}]", ["matrix-empty"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(project: Project, old: str, new: str, words: list[str]) -> None:
    edit(project, old, new)
    refused(project.run("validate"), *words)


def test_a_row_that_a_prompt_cannot_be_made_of_is_told_with_the_prompts_own_line(project: Project) -> None:
    edit(project, "{{ row.word }}", "{{ row.wrod }}", "b.md.j2")
    refused(project.run("validate"), "b.md.j2:1:", "wrod", "rows.csv:2")


def test_too_many_combinations_are_refused_before_any_row_is_read(project: Project) -> None:
    edit(project, "heat: [0, 1]", f"heat: {list(range(200))}")
    refused(project.run("validate"), "matrix-size", "256")
    project.write(
        "demo.batchspec.yaml", SPEC.replace("body: {", 'replicates: 90\nbody: {random_seed: "{{ replicate }}", ')
    )
    refused(project.run("validate"), "matrix-size", "270 bodies")
