"""GitLab's jobs, whose scripts run for real, and the image's recipe, held to its form: no engine runs here."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from git_ops import ROOT, call, program_on_path, scratch_repository, tool
from workflow_runs import read_yaml

EXAMPLE = ROOT / "examples/git-ops"
GITLAB_FILE = EXAMPLE / ".gitlab-ci.yml"
GITLAB: dict[str, Any] = read_yaml(GITLAB_FILE)
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8")


def script_of(name: str, folder: Path, tools: Path) -> Any:
    """Run a job's script as GitLab's runner does with bash."""
    environ = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "BATCHSPEC_PROVIDER": "emulator", "CI": "true"}
    script = "\n".join(GITLAB[name]["script"])
    return call("bash", "-e", "-o", "pipefail", "-c", script, cwd=folder, environ=environ)


def test_gitlabs_jobs_plan_apply_and_report(tmp_path: Path) -> None:
    folder, tools = scratch_repository(tmp_path / "checkout", of=EXAMPLE), program_on_path(tmp_path / "bin")
    planned = script_of("plan", folder, tools)
    assert planned.returncode == 0, planned.stderr
    assert (folder / "batchspec-plan.md").read_text("utf-8").startswith("### batchspec plan: 3 requests to send")
    assert json.loads((folder / GITLAB["plan"]["artifacts"]["reports"]["codequality"]).read_text("utf-8")) == []
    applied = script_of("apply", folder, tools)
    assert applied.returncode == 0, applied.stderr
    assert (folder / "batchspec-status.md").read_text("utf-8").startswith("### batchspec status: ")
    spec = folder / "reviews.batchspec.yaml"
    spec.write_text(spec.read_text("utf-8").replace("\nmodel:", "\nmodle:"), "utf-8")
    broken = script_of("plan", folder, tools)
    assert broken.returncode == 3
    (issue,) = json.loads((folder / "batchspec-quality.json").read_text("utf-8"))
    assert issue["location"] == {"path": "reviews.batchspec.yaml", "lines": {"begin": 6}}


def test_gitlabs_merge_requests_send_nothing_and_its_applies_wait_for_each_other() -> None:
    assert GITLAB["apply"]["resource_group"] == "batchspec-apply"
    assert GITLAB[".batchspec"]["interruptible"] is False
    assert [rule["if"] for rule in GITLAB["plan"]["rules"]] == ['$CI_PIPELINE_SOURCE == "merge_request_event"']
    (rule,) = GITLAB["apply"]["rules"]
    assert rule["if"] == '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != "merge_request_event"'
    assert "--no-refresh" in str(GITLAB["plan"]["script"])
    assert "apply" not in str(GITLAB["plan"]["script"])
    assert "MISTRAL_API_KEY" not in json.dumps(GITLAB)


def test_gitlabs_state_is_read_by_plans_and_written_by_applies_whatever_happened() -> None:
    plan, apply = GITLAB["plan"]["cache"], GITLAB["apply"]["cache"]
    assert plan["key"] == apply["key"]
    assert plan["paths"] == apply["paths"] == [".batchspec/state.db", ".batchspec/state.db-journal"]
    assert (plan["policy"], apply["policy"], apply["when"]) == ("pull", "pull-push", "always")


def test_gitlabs_file_fits_its_public_schema(tmp_path: Path) -> None:
    told = call(tool("check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", GITLAB_FILE, cwd=tmp_path)
    assert told.returncode == 0, told.stdout


def instructions() -> list[tuple[str, str]]:
    """Return the recipe's instructions with what follows them."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.MULTILINE))
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line]
    return [(word, rest) for word, rest in lines]


def test_the_image_is_of_two_stages_from_a_base_with_a_version_that_a_digest_can_replace() -> None:
    found = instructions()
    assert [rest for word, rest in found if word == "FROM"] == ["${BASE} AS build", "${BASE}"]
    (base,) = [rest for word, rest in found if word == "ARG"]
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.\d+-slim-\w+", base)
    assert "@sha256:" in CONTAINERFILE


def test_the_image_runs_as_no_root_with_its_state_in_a_volume_of_its_own_user() -> None:
    found = instructions()
    last = max(place for place, (word, _) in enumerate(found) if word == "FROM")
    final = dict(found[last:])
    assert final["USER"] == "10001:10001"
    (volume,) = json.loads(final["VOLUME"])
    assert f"BATCHSPEC_STATE={volume}/state.db" in final["ENV"]
    assert re.search(rf"install --directory --mode=0700 --owner=10001 --group=10001 {volume}\b", final["RUN"])
    order = [word for word, _ in found[last:]]
    assert order.index("RUN") < order.index("USER") < order.index("VOLUME")
    assert json.loads(final["ENTRYPOINT"]) == ["batchspec"]


def test_no_key_and_nothing_of_a_users_gets_into_the_image() -> None:
    found = instructions()
    for word, rest in found:
        assert word in {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "ENTRYPOINT", "CMD"}
        assert not re.search("KEY|TOKEN|SECRET|PASSWORD", rest)
    copied = [name for word, rest in found if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]]
    assert copied == ["pyproject.toml", "README.md", "LICENSE", "batchspec", "schemas"]


def test_what_is_copied_is_all_that_the_build_asks_for() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = about["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = about["project"]
    asked = {*wheel["packages"], *wheel["force-include"], *project["license-files"], project["readme"]}
    copied = {name for word, rest in instructions() if word == "COPY" for name in rest.split()[:-1]}
    assert {name.removeprefix("./") for name in asked} <= copied


@pytest.mark.slow
def test_the_images_build_step_installs_the_program_from_what_was_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "opt"
    source.mkdir()
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            for name in rest.split()[:-1]:
                path = ROOT / name
                copy = shutil.copytree if path.is_dir() else shutil.copy
                copy(path, source / name)
    script = next(rest for word, rest in instructions() if word == "RUN").replace("/opt/batchspec", str(target))
    script = script.replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv")
    told = call("sh", "-e", "-c", script, cwd=source)
    if told.returncode and re.search("No matching distribution|Failed to establish", told.stdout + told.stderr):
        pytest.skip("the image's dependencies cannot be fetched here")
    assert told.returncode == 0, told.stdout + told.stderr
    assert call(target / "bin/batchspec", "--version", cwd=tmp_path).stdout.startswith("batchspec, version ")


@pytest.mark.slow
def test_gitlabs_preparation_installs_what_the_variable_names(tmp_path: Path) -> None:
    script = "\n".join([*GITLAB[".batchspec"]["before_script"], "batchspec --version"])
    environ = {
        "BATCHSPEC_PACKAGE": str(ROOT),
        "CI_BUILDS_DIR": str(tmp_path),
        "CI_JOB_ID": "7",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    told = call("bash", "-e", "-o", "pipefail", "-c", script, cwd=tmp_path, environ=environ)
    if told.returncode and re.search("No matching distribution|Failed to establish", told.stdout + told.stderr):
        pytest.skip("the job's dependencies cannot be fetched here")
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("batchspec, version ")
    assert (tmp_path / "batchspec-7/bin/batchspec").exists()
