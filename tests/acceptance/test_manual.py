"""Manual pages: one for each command, sound to the programs that show them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from driving import Project

from batchspec.cli.app import main
from batchspec.cli.manual import manual_pages
from batchspec.cli.teaching import taught

PAGES = manual_pages(main)
FOLDER = Path(__file__).parents[2] / "docs/man"


def test_every_command_has_a_page_and_no_other() -> None:
    names = {f"batchspec-{name.replace(' ', '-')}.1" for name, _ in taught(main)} | {"batchspec.1"}
    assert set(PAGES) == names == {path.name for path in FOLDER.iterdir()}


def test_the_command_writes_the_pages_that_the_wheel_brings(tmp_path: Path) -> None:
    told = Project(tmp_path).run("man", "--out", "share/man1")
    assert (told.code, told.out, told.err) == (0, "", "")
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "share/man1").iterdir()}
    assert written == PAGES


def test_mandoc_finds_no_error_in_any_page() -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    files = sorted(map(str, FOLDER.iterdir()))
    done = subprocess.run(["mandoc", "-Tlint", "-W", "error", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_page_shows_options_and_examples_as_they_are_typed() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    shown = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", "-ww", FOLDER / "batchspec-plan.1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    plain = shown.stdout.replace("\b", "")
    assert "batchspec plan --explain T-17" in shown.stdout
    assert "detailed-exitcode" in plain
    assert "SEE ALSO" in shown.stdout or "SSEEEE" in plain
