"""What a run imports: asking for help must not pay for templates, HTTP, SQLite or a terminal's display."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchspec.cli.verbs import VERBS

ROOT = Path(__file__).parents[2]
HEAVY = frozenset(
    {"jinja2", "jsonschema", "referencing", "requests", "urllib3", "sqlite_utils", "werkzeug", "rich", "yaml"}
    | {"backports", "duckdb", "fsspec", "pyarrow"}
)
_PROGRAM = """
import json, sys
from batchspec.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def imported_by(*arguments: str, cwd: Path = ROOT) -> set[str]:
    """Return the names of all modules that a run of the command line has imported."""
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(told.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("apply", "--help")], ids=" ".join)
def test_help_and_version_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert imported_by(*arguments) & HEAVY == set()


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)], ids=" ".join)
def test_help_over_all_commands_imports_none_of_them(arguments: tuple[str, ...]) -> None:
    imported = imported_by(*arguments)
    assert imported & {f"batchspec.cli.{verb.module}" for verb in VERBS.values()} == set()
    assert imported & {"traceback", "pathlib", "orjson", "difflib", "unicodedata"} == set()


SPEC = 'batchspec: 1\nname: demo\nmodel: m\ninputs: [{a: "1"}]\nprompt: "{{ row.a }}"\n'
# A run that uses no plugin looks for none.
PLUGINS = frozenset({"batchspec.plugins"})
NETWORK = frozenset({"requests", "urllib3", "http", "werkzeug", "batchspec.mistral", "batchspec.emulator"})
SCHEMAS = frozenset({"jsonschema", "referencing", "rpds", "attrs"})
DRAWN = frozenset({"rich"})
TABLES = frozenset({"duckdb", "pyarrow", "fsspec", "backports", "multiprocessing"})
STATE = frozenset({"sqlite_utils", "filelock", "batchspec.core.ledger", "batchspec.core.planning"})
COMMANDS: dict[tuple[str, ...], frozenset[str]] = {
    ("validate", "--quiet"): PLUGINS | NETWORK | SCHEMAS | DRAWN | TABLES | STATE | {"batchspec.report.documents"},
    ("render", "--out", "-"): PLUGINS | NETWORK | SCHEMAS | DRAWN | TABLES,
    ("plan", "--no-refresh"): PLUGINS | NETWORK | SCHEMAS | DRAWN | TABLES,
    ("status",): PLUGINS | NETWORK | SCHEMAS | DRAWN | TABLES,
}


def test_explaining_a_code_imports_nothing_heavy() -> None:
    assert imported_by("explain", "unknown-key") & (HEAVY | {"batchspec.core.schema", "batchspec.state"}) == set()


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_imports_nothing_that_it_does_not_use(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "demo.batchspec.yaml").write_text(SPEC, encoding="utf-8")
    imported = imported_by(*arguments, cwd=tmp_path)
    assert {"yaml", "jinja2"} <= imported
    assert imported & COMMANDS[arguments] == set()
