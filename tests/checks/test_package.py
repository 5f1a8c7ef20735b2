"""The wheel holds what a run needs, and works in an environment without a checkout or any tool of development."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NO_NETWORK = re.compile(
    "Temporary failure in name resolution|Failed to establish a new connection|Network is unreachable"
    "|No matching distribution found for hatchling|Read timed out|ConnectTimeoutError|ProxyError"
)
_LEFT_OUT = (
    "*.pyc",
    "__pycache__",
    ".git",
    ".venv",
    ".node",
    ".*_cache",
    ".hypothesis",
    ".batchspec",
    "results",
    "build",
    "dist",
)


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BATCHSPEC_"))}
    return subprocess.run(list(map(str, command)), cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def copy_of_project(target: Path) -> Path:
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    return target


def skip_without_network(told: subprocess.CompletedProcess[str]) -> None:
    if told.returncode and (found := _NO_NETWORK.search(told.stdout + told.stderr)):
        pytest.skip(f"the build back end cannot be fetched here: {found[0]}")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if run(sys.executable, "-m", "pip", "--version", cwd=ROOT).returncode:
        pytest.skip("this environment has no pip")
    work = tmp_path_factory.mktemp("wheel")
    project = copy_of_project(work / "project")
    told = run(sys.executable, "-m", "pip", "wheel", project, "--no-deps", "--wheel-dir", work / "out", cwd=work)
    skip_without_network(told)
    assert told.returncode == 0, told.stdout + told.stderr
    (built,) = (work / "out").glob("*.whl")
    return built


def test_the_wheel_holds_the_package_its_schemas_its_marker_and_its_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "batchspec").rglob("*.py")}
    schemas = {f"batchspec/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "schemas").rglob("*.*")}
    assert modules | schemas | {"batchspec/py.typed"} == {name for name in names if name.startswith("batchspec/")}
    rest = {name.partition("/")[2] for name in names if not name.startswith("batchspec/")}
    assert {"METADATA", "RECORD", "entry_points.txt", "licenses/LICENSE"} <= rest
    assert {f"data/share/man/man1/{path.name}" for path in (ROOT / "docs/man").iterdir()} <= rest
    assert not any(name.startswith(("tests/", "docs/", "examples/")) for name in names)


def test_the_console_script_works_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    assert run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path).returncode == 0
    python = tmp_path / "venv/bin/python"
    installed = run(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    # The dependencies are those of this environment; they come after the wheel on the path.
    (site,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    script = tmp_path / "venv/bin/batchspec"
    place = run(python, "-c", "import batchspec; print(batchspec.__file__)", cwd=tmp_path)
    assert place.stdout.startswith(str(site))
    assert run(script, "--version", cwd=tmp_path).stdout.startswith("batchspec, version ")
    begun = run(script, "init", "shop", cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    applied = run(script, "apply", "--provider", "emulator", "--yes", "--wait", cwd=tmp_path / "shop")
    assert applied.returncode == 0, applied.stderr
    assert (tmp_path / "shop/results/reviews.jsonl").read_text(encoding="utf-8").count('"status":"succeeded"') == 3


@pytest.mark.slow
def test_the_first_command_of_the_readme_leaves_results_in_a_fresh_clone(tmp_path: Path) -> None:
    project = copy_of_project(tmp_path / "clone")
    command = re.findall(r"^```sh\n(.+)\n```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)[0]
    told = run("bash", "-c", command, cwd=project)
    skip_without_network(told)
    assert told.returncode == 0, told.stdout + told.stderr
    results = [path.read_text(encoding="utf-8") for path in sorted(project.glob("examples/*/results/*.jsonl"))]
    assert [text.count('"status":"succeeded"') for text in results] == [36, 20]
