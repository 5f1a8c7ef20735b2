"""What the tests of git-ops share: scratch repositories, tools that may be absent, and shell steps that really run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE_MODULES = Path(os.environ.get("BATCHSPEC_TEST_NODE_MODULES", ROOT / ".node/node_modules"))


def tool(name: str) -> str:
    """Return a program of this environment or of the path; skips the test where there is none."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"{name} is not installed; CONTRIBUTING.md says how")
    return found


def node_package(name: str) -> Path:
    """Return the folder of an npm package; skips the test where it, or Node, is missing."""
    tool("node")
    folder = NODE_MODULES / name
    if not folder.is_dir():
        pytest.skip(f"the npm package {name} is not in {NODE_MODULES}; CONTRIBUTING.md says how to install it")
    return folder


def call(
    *command: str | Path, cwd: Path, environ: Mapping[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MISTRAL_", "BATCHSPEC_", "GITHUB_", "RUNNER_", "CI_", "PYTHON", "GIT_"))
        and name not in {"CI", "FORCE_COLOR"}
    }
    told = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=kept | {"NO_COLOR": "1"} | dict(environ or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert "Traceback (most recent call last)" not in told.stderr, told.stderr
    return told


def scratch_repository(folder: Path, *, of: Path) -> Path:
    """Return a git repository with one commit that holds a copy of a folder."""
    shutil.copytree(of, folder, ignore=shutil.ignore_patterns("results", ".batchspec"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "Begin")
    return folder


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "--quiet", "--message", message)


def git(folder: Path, *arguments: str) -> str:
    told = call("git", *arguments, cwd=folder)
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def program_on_path(folder: Path) -> Path:
    """Return a folder with a `batchspec` that runs this source tree, as an installed one would."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "batchspec"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m batchspec "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return folder
