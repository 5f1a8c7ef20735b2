"""What git says of a project: true where it answers, nothing where it does not; nothing of the repository's is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from batchspec.core.manifest import Commit
from batchspec.project.repository import Repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(root: Path, *arguments: str) -> str:
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | identity
    told = subprocess.run(["git", *arguments], cwd=root, env=environ, capture_output=True, text=True, check=True)
    return told.stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.yaml").write_text("a")
    (folder / "dir").mkdir()
    (folder / "dir/b ü\n.md").write_text("b")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def told(root: Path, *sources: str, seconds: float = 60) -> Commit | None:
    return Repository(root, os.environ, seconds=seconds).commit(sources)


def trap(root: Path) -> tuple[Path, Path]:
    """A program that leaves a trace when it is run, and where."""
    trace = root.parent / "ran"
    program = root.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch '{trace}'\ncat\n")
    program.chmod(0o755)
    return program, trace


def test_the_commit_is_told_and_nothing_differs(root: Path) -> None:
    assert told(root, "a.yaml", "dir/b ü\n.md") == Commit(git(root, "rev-parse", "HEAD"), frozenset())


def test_what_was_changed_staged_or_deleted_differs_and_so_does_a_source_that_is_not_tracked(root: Path) -> None:
    (root / "a.yaml").write_text("changed")
    (root / "dir/b ü\n.md").unlink()
    (root / "staged").write_text("x")
    git(root, "add", "staged")
    (root / "mine.yaml").write_text("x")
    (root / "other").write_text("x")
    found = told(root, "a.yaml", "mine.yaml")
    assert found is not None
    assert found.changed == frozenset({"a.yaml", "dir/b ü\n.md", "staged", "mine.yaml"})


def test_paths_are_relative_to_a_root_within_the_repository(root: Path) -> None:
    (root / "dir/b ü\n.md").write_text("changed")
    (root / "a.yaml").write_text("changed")
    found = told(root / "dir", "b ü\n.md")
    assert found is not None
    assert found.changed == frozenset({"b ü\n.md", "/a.yaml"})


def test_a_path_is_no_pattern(root: Path) -> None:
    found = told(root, "*.yaml", ":(top)a.yaml")
    assert found is not None
    assert found.changed == frozenset({"*.yaml", ":(top)a.yaml"})


def test_without_a_repository_without_a_commit_or_without_git_nothing_is_said(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    assert told(tmp_path / "empty") is None
    assert told(tmp_path) is None or git(tmp_path, "rev-parse", "HEAD")
    assert Repository(root, {"PATH": str(tmp_path / "empty")}).commit([]) is None


def test_a_git_that_does_not_answer_is_not_waited_for(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (folder / "git").chmod(0o755)
    environ = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    assert Repository(root, environ, seconds=0.2).commit([]) is None


def test_no_monitor_and_no_hook_of_the_repository_is_run(root: Path) -> None:
    program, trace = trap(root)
    git(root, "config", "core.fsmonitor", str(program))
    hooks = root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        shutil.copy(program, hooks / name)
    git(root, "config", "core.hooksPath", str(hooks))
    trace.unlink(missing_ok=True)
    os.utime(root / "a.yaml", (1, 1))
    found = told(root, "a.yaml")
    assert found is not None
    assert found.changed == frozenset()
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["clean", "process"])
@pytest.mark.parametrize("where", ["config", "included"])
def test_a_filter_of_the_repository_is_not_run_and_nothing_is_claimed(root: Path, kind: str, where: str) -> None:
    program, trace = trap(root)
    (root / ".gitattributes").write_text("* filter=evil\n")
    if where == "config":
        git(root, "config", f"filter.evil.{kind}", str(program))
    else:
        (root / ".git/more").write_text(f'[filter "evil"]\n\t{kind} = {program}\n')
        git(root, "config", "include.path", "more")
    (root / "a.yaml").write_text("A")
    found = told(root, "a.yaml")
    assert found is not None
    assert found.changed is None
    assert not trace.exists()


def test_nothing_is_fetched_for_what_a_partial_clone_lacks(root: Path) -> None:
    program, trace = trap(root)
    tree = git(root, "rev-parse", "HEAD^{tree}")
    git(root, "config", "remote.origin.url", f"ext::{program}")
    git(root, "config", "remote.origin.promisor", "true")
    git(root, "config", "remote.origin.uploadpack", str(program))
    git(root, "config", "extensions.partialClone", "origin")
    git(root, "config", "core.repositoryFormatVersion", "1")
    git(root, "config", "protocol.ext.allow", "always")
    (root / ".git/objects" / tree[:2] / tree[2:]).unlink()
    found = told(root, "a.yaml")
    assert found is None or found.changed is None
    assert not trace.exists()


def test_git_learns_nothing_of_the_key_and_nothing_of_another_repository(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\nenv >> '{tmp_path}/env'\nexec {shutil.which('git')} \"$@\"\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MISTRAL_API_KEY", "canary")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert told(root) == Commit(git(root, "rev-parse", "HEAD"), frozenset())
    env = (tmp_path / "env").read_text()
    assert "canary" not in env
    assert "elsewhere" not in env
