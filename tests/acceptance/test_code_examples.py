"""Every code's page: its example is written into a folder, its commands are run, and what they say is what it shows.

`pytest --update-golden` writes what is said into the pages' files.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from driving import PROJECT_ID, Project

from batchspec.core.code_pages import CodePage
from batchspec.project.code_pages import load_pages

ROOT = Path(__file__).parents[2]
PAGES = load_pages()
NOT_RUN = {
    "refused": "the emulator checks no more than batchspec does",
    "unreadable": "a disk would have to fail",
    "submission-unknown": "it ends as `unresolved`; test_faults.py loses the answers",
    "unresolved": "it takes an answer that is lost; test_faults.py has it",
    "provider-refused": "it takes a provider that refuses; test_faults.py has it",
    "provider-unavailable": "it takes minutes of tries; test_faults.py has it, with another clock",
    "provider": "it takes a proxy that answers; test_faults.py has it",
    "locked": "it takes a second run at the same time; test_misuse.py has it",
    "interrupted": "it takes a signal; test_signals.py has it",
    "plugin-data": "it takes an installed plugin; test_plugins.py has one",
    "plugin-clash": "it takes two installed plugins; test_plugin_faults.py has them",
    "plugin-broken": "it takes an installed plugin that is broken; test_plugin_faults.py has it",
    "plugin-fault": "it takes an installed plugin that fails; test_plugin_faults.py has it",
    "bug": "a fault of batchspec itself, if one were known, would be mended",
}
"""Codes whose example is not run, and why."""

_FILE = re.compile(r"^`([^`\n]+)`\n\n```[a-z]+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BATCHSPEC = re.compile(r"(?P<environment>(?:[A-Z_]+=\S+ )*)batchspec (?P<arguments>[^|]*)(?P<tail>\| tail -n 1)?")


def commands_of(page: CodePage) -> list[str]:
    (console,) = _CONSOLE.findall(page.example)
    return [line.removeprefix("$ ") for line in console.splitlines() if line.startswith("$ ")]


def told_by(page: CodePage) -> str:
    (console,) = _CONSOLE.findall(page.example)
    return "".join(f"{line}\n" for line in console.splitlines() if not line.startswith("$ "))


def written(page: CodePage, root: Path) -> Project:
    """Return a project that holds the files of the example."""
    project = Project(root, {"BATCHSPEC_PROVIDER": "emulator", "BATCHSPEC_SETTLE_SECONDS": "0.5"})
    files = dict(_FILE.findall(page.example))
    project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    for name, text in files.items():
        project.write(name, text)
    return project


def run(page: CodePage, root: Path) -> str:
    """Run the example's commands and return what the last of them tells: beside its results, or the end of those."""
    project = written(page, root)
    told = ""
    for command in commands_of(page):
        found = _BATCHSPEC.match(command)
        if found:
            project.environ |= dict(pair.split("=") for pair in found["environment"].split())
            outcome = project.run(*found["arguments"].split())
            told = "".join(outcome.out.splitlines(keepends=True)[-1:]) if found["tail"] else outcome.err
        else:
            shell = f"{sys.executable} " + command.removeprefix("python ") if command.startswith("python ") else command
            subprocess.run(["sh", "-c", shell], cwd=root, check=True)
    text = told.replace(str(root), "~/project")
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("outputs"))


@pytest.mark.parametrize("code", [code for code in PAGES if code not in NOT_RUN])
def test_an_example_says_what_its_page_shows(code: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if code == "missing-extra" and find_spec("s3fs"):
        pytest.skip("its example wants a library that is not installed, and s3fs is")
    page = PAGES[code]
    told = run(page, tmp_path)
    assert f"[{code}]" in told or (f"{code}" in told and "--format" in commands_of(page)[-1])
    if request.config.getoption("--update-golden"):
        update(page, told)
    else:
        assert told == told_by(page), "run pytest --update-golden and review the diff"


@pytest.mark.parametrize("code", NOT_RUN)
def test_an_example_that_is_not_run_shows_its_code(code: str) -> None:
    assert f"error[{code}]" in told_by(PAGES[code])
    assert "help:" in told_by(PAGES[code])


def update(page: CodePage, told: str) -> None:
    console = "".join(f"$ {command}\n" for command in commands_of(page)) + told
    new = page.example.replace(_CONSOLE.findall(page.example)[0], console)
    for path in (ROOT / "schemas/codes").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(page.example, new), encoding="utf-8")
