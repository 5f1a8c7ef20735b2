"""Imports point down, every library has one home, core is pure: read from the source, not from what happens to run."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from layer_rules import HOMES, PACKAGE, PARTS, home_table, layer_table, violations

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs/explanation/architecture.md"


def test_the_source_keeps_to_the_layers() -> None:
    assert violations(ROOT / PACKAGE) == []


def test_every_part_is_there() -> None:
    folders = {path.parent.name for path in (ROOT / PACKAGE).glob("*/__init__.py")}
    assert folders == {part.name for part in PARTS if ":" not in part.name}


def test_every_dependency_has_a_home_and_every_library_with_a_home_is_a_dependency() -> None:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    extras = project["optional-dependencies"]
    declared = [
        *project["dependencies"],
        *(line for name in extras if name not in {"docs", "test"} for line in extras[name]),
    ]
    names = {re.split(r"[\[>]", line)[0].replace("-", "_") for line in declared}
    third_party = {library for library in HOMES if library not in _STANDARD}
    assert names == {_PACKAGES.get(library, library) for library in third_party}


_PACKAGES = {"yaml": "pyyaml", "backports": "backports.zstd"}
_STANDARD = frozenset(library for library in HOMES if f"`{library}` (standard library)" in home_table())


@pytest.mark.parametrize("table", [layer_table(), home_table()], ids=["layers", "homes"])
def test_the_architecture_page_shows_the_tables_that_are_enforced(table: str) -> None:
    assert table in ARCHITECTURE.read_text(encoding="utf-8"), (
        f"{ARCHITECTURE.name} must show what tests/checks/layer_rules.py decides:\n\n{table}"
    )


PLANTS = {
    "a lower layer imports a higher one": ("core/planning.py", "import batchspec.commands.plan", "core imports comm"),
    "a command imports an adapter": ("commands/wait.py", "from batchspec.state import lock", "commands imports state"),
    "an adapter imports another": ("inputs/opening.py", "from batchspec.project import root", "inputs imports project"),
    "a report imports an adapter": ("report/text.py", "import batchspec.mistral.key", "report imports mistral"),
    "the ground imports core": ("core/model.py", "from batchspec.core import lines", "imports core (core.lines)"),
    "hidden in a function": ("core/lines.py", "def f() -> None:\n    import batchspec.cli", "core imports cli"),
    "a library outside of its home": ("commands/apply.py", "import sqlite_utils", "outside of its home (state)"),
    "a second home within core": ("core/lines.py", "from orjson import dumps", "outside of its home (core.json_text)"),
    "a standard library outside of its home": ("project/root.py", "import sqlite3", "outside of its home (state, em"),
    "a process": ("cli/app.py", "import subprocess", "subprocess is used outside of its home (project"),
    "a library that nobody chose": ("mistral/client.py", "import httpx", "httpx has no home"),
    "a third-party library on the ground": ("core/ports.py", "import orjson", "the standard library only"),
    "a clock in core": ("core/protocol.py", "from time import time", "core is pure, and time is not"),
    "a path in core": ("core/spec.py", "from pathlib import Path", "core is pure, and pathlib is not"),
    "the system in core": ("core/canonical.py", "import os", "core is pure, and os is not"),
    "a file opened in core": ("core/lines.py", "def f() -> None:\n    open('x')", "core opens no file"),
    "a clock in a command": ("commands/wait.py", "import time", "commands are handed what they need"),
    "the environment elsewhere": ("mistral/key.py", "import os\nKEY = os.environ['X']", "only cli reads the envir"),
    "the environment by another name": ("state/lock.py", "from os import getenv", "only cli reads the environment"),
    "an exit elsewhere": ("report/text.py", "import sys\nsys.exit(1)", "only cli exits"),
    "an exit by its exception": ("project/root.py", "raise SystemExit", "only cli exits"),
    "text for people elsewhere": ("inputs/opening.py", "print('x')", "only cli and report write for people"),
    "a stream elsewhere": ("emulator/app.py", "from sys import stderr", "only cli and report write for people"),
    "a cycle": ("core/origin.py", "import batchspec.core.body", "import cycle: core.body -> core.origin -> core.body"),
    "a relative import": ("core/lines.py", "from . import model", "a relative import"),
    "a part that nobody decided on": ("addons.py", '"""Addons."""', "`addons` is no part of the program"),
}


@pytest.mark.parametrize(("path", "planted", "told"), PLANTS.values(), ids=PLANTS)
def test_a_planted_violation_is_found(tmp_path: Path, path: str, planted: str, told: str) -> None:
    package = tmp_path / PACKAGE
    shutil.copytree(ROOT / PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    target = package / path
    before = target.read_text(encoding="utf-8") if target.exists() else ""
    target.write_text(f"{before}\n{planted}\n", encoding="utf-8")
    found = [breach for breach in violations(package) if told in breach]
    assert found, violations(package)
    assert any(breach.startswith((f"{path}:", "import cycle")) for breach in found)
