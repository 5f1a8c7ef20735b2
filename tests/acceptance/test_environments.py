"""Shared keys, environments and selectors, through the program: what is sent, where it lies, what a slip is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from driving import Project, make_project, table

BASE = """\
model: mistral-small-latest
inputs: rows.csv
custom_id: "{{ row.id }}"
prompt: {system: {file: prompts/house.md}, user: "Say {{ row.word }}"}
body: {max_tokens: 20}
tags: [nightly]
environments:
  dev: {inputs: {limit: 2}}
  prod: {body: {max_tokens: 30}, tags: [nightly, paid]}
"""
ONE = "batchspec: 1\nname: one\nextends: ../lib/base.yaml\n"
TWO = "batchspec: 1\nname: two\nextends: ../lib/base.yaml\ntags: [weekly]\nbody: {temperature: 1}\n"
PLAIN = "batchspec: 1\nname: plain\nmodel: mistral-small-latest\nprompt: Say hello\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path)
    project.environ["BATCHSPEC_PROVIDER"] = "emulator"
    (tmp_path / "demo.batchspec.yaml").unlink()
    project.write("lib/base.yaml", BASE)
    project.write("lib/rows.csv", table(3))
    project.write("lib/prompts/house.md", "Be short.\n")
    project.write("specs/one.batchspec.yaml", ONE)
    project.write("specs/two.batchspec.yaml", TWO)
    project.write("specs/plain.batchspec.yaml", PLAIN)
    return project


def sends(project: Project, *options: str) -> dict[str, int]:
    told = project.run("plan", "--json", *options)
    assert told.code == 0, told.out
    return {spec["name"]: sum(variant["submit"] for variant in spec["variants"]) for spec in told.document["specs"]}


def apply(project: Project, *options: str) -> int:
    told = project.run("apply", "--yes", "--wait", "--json", *options)
    assert told.code == 0, told.out
    count: int = told.document["sent"]["requests"]
    return count


def test_environments_share_what_was_paid_for_and_keep_their_outputs_apart(project: Project) -> None:
    assert sends(project, "--env", "dev") == {"one": 2, "plain": 1, "two": 2}
    assert apply(project, "--env", "dev") == 5
    assert len(project.rows("specs/results/dev/one.jsonl")) == 2
    assert not (project.root / "specs/results/one.jsonl").exists()
    # A spec that does not declare the environment is the same in all of them.
    assert len(project.rows("specs/results/plain.jsonl")) == 1
    assert apply(project) == 2
    assert len(project.rows("specs/results/one.jsonl")) == 3
    assert apply(project, "--env", "prod", "--select", "one") == 3
    project.environ["BATCHSPEC_ENV"] = "dev"
    assert sends(project) == {"one": 0, "plain": 0, "two": 0}
    manifest = json.loads((project.root / "specs/results/dev/one.manifest.json").read_text(encoding="utf-8"))
    assert manifest["environment"] == "dev"
    sources = [file["path"] for file in manifest["spec"]["files"]]
    assert sources == ["lib/base.yaml", "lib/prompts/house.md", "specs/one.batchspec.yaml"]


def test_nothing_that_another_environment_has_paid_for_is_garbage(project: Project) -> None:
    apply(project, "--env", "prod")
    apply(project)
    found = project.run("gc", "--dry-run", "--json")
    assert found.code == 0, found.out
    assert found.document["results"] == []
    assert sends(project, "--env", "prod") == {"one": 0, "plain": 0, "two": 0}


def test_a_saved_plan_brings_its_environment_along(project: Project) -> None:
    assert project.run("plan", "--env", "dev", "--select", "one", "--out", "plan.bspec").code == 0
    other = project.run("apply", "plan.bspec", "--env", "prod")
    assert (other.code, "was made for the environment `dev`" in other.err) == (3, True)
    chosen = project.run("apply", "plan.bspec", "--select", "one")
    assert (chosen.code, "stands alone" in chosen.err) == (3, True)
    applied = project.run("apply", "plan.bspec", "--wait", "--json")
    assert applied.code == 0, applied.out
    assert applied.document["sent"]["requests"] == 2
    assert len(project.rows("specs/results/dev/one.jsonl")) == 2


def test_every_command_about_specs_takes_selectors(project: Project) -> None:
    assert sends(project, "--select", "tag:nightly") == {"one": 3}
    # The tags of an environment stand over those of the spec.
    assert sends(project, "--select", "tag:paid", "--env", "prod") == {"one": 3, "two": 3}
    assert apply(project, "--select", "tag:weekly", "--select", "plain") == 4
    assert sends(project, "--select", "state:new") == {"one": 3}
    assert sends(project, "--exclude", "state:done") == {"one": 3}
    for command in ("validate", "render", "status", "wait", "results", "retry", "cancel"):
        told = project.run(command, "--select", "path:specs/two*", *(["--yes"] if command == "cancel" else []))
        assert told.code == 0, told.err
        slip = project.run(command, "--select", "tag:nigthly")
        assert slip.code == 3
        assert "did you mean `nightly`?" in slip.err
    assert [path.name for path in (project.root / ".batchspec/rendered").iterdir()] == ["two.jsonl"]


def test_a_spec_goes_on_from_another_that_is_not_selected(project: Project) -> None:
    apply(project, "--select", "one")
    spec = 'batchspec: 1\nname: next\nmodel: mistral-small-latest\ninputs: {spec: one}\nprompt: "{{ row.one.text }}"\n'
    project.write("specs/next.batchspec.yaml", spec)
    assert sends(project, "--select", "next") == {"next": 3}


def test_an_unknown_environment_is_an_error_and_one_of_another_spec_is_not(project: Project) -> None:
    told = project.run("plan", "--env", "prdo")
    assert told.code == 3
    assert "no spec declares the environment `prdo`" in told.err
    assert "did you mean `prod`?" in told.err
    assert sends(project, "specs/plain.batchspec.yaml", "--env", "prod") == {"plain": 1}


def test_a_spec_that_cannot_be_read_is_not_left_out_of_a_nightly_run(project: Project) -> None:
    project.write("specs/two.batchspec.yaml", "name: [two\n")
    told = project.run("plan", "--select", "tag:nightly")
    assert told.code == 3
    assert "specs/two.batchspec.yaml:1" in told.err
    assert sends(project, "--select", "path:specs/one*") == {"one": 3}


def test_what_is_wrong_with_a_base_is_told_once_and_where_it_is(project: Project) -> None:
    project.write("lib/base.yaml", BASE.replace("max_tokens: 30", "max_tokens: {{ x }}").replace("limit: 2", "lmit: 2"))
    told = project.run("validate")
    assert told.code == 3
    assert "lib/base.yaml:9:" in told.err
    project.write("lib/base.yaml", BASE.replace("limit: 2", "lmit: 2"))
    told = project.run("validate")
    assert told.err.count("unknown key `lmit`") == 1
    assert "lib/base.yaml:8:18" in told.err
