"""The hooks for pre-commit: what they say can be run, and the real pre-commit runs them from a clone."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from git_ops import ROOT, call, commit, git, program_on_path, scratch_repository, tool

from batchspec.core.source import load_source

HOOKS: Any = load_source((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"), "hooks").value
IDS = ["batchspec-validate", "batchspec-validate-changed", "batchspec-lock"]


def project(tmp_path: Path) -> Path:
    return scratch_repository(tmp_path / "project", of=ROOT / "examples/pinned-models")


def break_spec(folder: Path) -> None:
    spec = folder / "answers.batchspec.yaml"
    spec.write_text(re.sub("^prompt:", "promt:", spec.read_text(encoding="utf-8"), flags=re.MULTILINE), "utf-8")


def test_every_hook_says_what_it_does_and_is_on_the_page() -> None:
    assert [hook["id"] for hook in HOOKS] == IDS
    page = (ROOT / "docs/how-to/git-ops.md").read_text(encoding="utf-8")
    for hook in HOOKS:
        assert hook["language"] == "python"
        assert hook["description"].endswith(".")
        assert f"`{hook['id']}`" in page
        # A hook has either the files that it is given, or every commit.
        assert hook.get("pass_filenames", True) is not hook.get("always_run", False)


@pytest.mark.parametrize("hook", HOOKS, ids=IDS)
def test_a_hooks_entry_passes_on_a_sound_project_and_fails_on_a_broken_one(
    tmp_path: Path, hook: dict[str, Any]
) -> None:
    folder = project(tmp_path)
    environ = {"PATH": f"{program_on_path(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}"}
    given = ["answers.batchspec.yaml"] if hook.get("pass_filenames", True) else []
    command = [*shlex.split(hook["entry"]), *given]
    assert call(*command, cwd=folder, environ=environ).returncode == 0
    assert not given or re.search(hook["files"], given[0])
    break_spec(folder)
    told = call(*command, cwd=folder, environ=environ)
    assert told.returncode == 3
    assert "unknown key `promt`" in told.stderr


@pytest.mark.slow
def test_the_real_pre_commit_runs_the_hooks_from_a_clone_by_its_path(tmp_path: Path) -> None:
    pre_commit = tool("pre-commit")
    told = call("git", "clone", "--quiet", ROOT, tmp_path / "hooks", cwd=tmp_path)
    if told.returncode:
        pytest.skip("this source tree is no git repository")
    folder = project(tmp_path)
    listed = "".join(f"      - id: {name}\n" for name in IDS)
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {tmp_path / 'hooks'}\n    rev: {git(tmp_path / 'hooks', 'rev-parse', 'HEAD')}\n"
        f"    hooks:\n{listed}",
        encoding="utf-8",
    )
    commit(folder, "Check specs before each commit")
    environ = {"PRE_COMMIT_HOME": str(tmp_path / "cache")}
    told = call(pre_commit, "run", "--all-files", cwd=folder, environ=environ)
    if re.search("ConnectionError|Failed to establish|No matching distribution", told.stdout):
        pytest.skip("the hooks' environment cannot be installed here")
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("Passed") == len(IDS)
    break_spec(folder)
    git(folder, "add", "--all")
    told = call(pre_commit, "run", cwd=folder, environ=environ)
    assert told.returncode == 1
    assert told.stdout.count("exit code: 3") == len(IDS)
    assert "help: did you mean `prompt`?" in told.stdout
