"""Runs the real command line over project folders, as a user does."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forking import ForkServer

PROJECT_ID = "00000000-0000-4000-8000-000000000001"


@cache
def _forks() -> ForkServer:
    """The server of forks that this process of pytest uses: starting Python anew takes most of a short run's time."""
    from forking import ForkServer  # noqa: PLC0415 - it imports this module

    server = ForkServer()
    atexit.register(server.close)
    return server


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Project:
    """A folder with specs, and the environment that commands are run in."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MISTRAL_", "BATCHSPEC_", "GITHUB_")) and name not in {"CI", "FORCE_COLOR"}
        }
        return kept | {"PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"} | self.environ

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "batchspec", *arguments],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, timeout: float = 120) -> Outcome:
        """Run the command line to its end, in a process forked from one that has imported it."""
        return _forks().begin(self, arguments, None).wait(timeout)

    def run_anew(self, *arguments: str, timeout: float = 120) -> Outcome:
        """Run the command line in a Python of its own, where what it imports is the matter."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        assert "Traceback (most recent call last)" not in err, err
        return Outcome(process.returncode, out, err)

    def rows(self, path: str) -> list[dict[str, Any]]:
        with (self.root / path).open(encoding="utf-8", newline="\n") as stream:
            return [json.loads(line) for line in stream]


def chat_spec(name: str = "demo", *, extra: str = "", inputs: str = "rows.csv") -> str:
    return (
        f"batchspec: 1\nname: {name}\nmodel: mistral-small-latest\ninputs: {inputs}\n"
        'custom_id: "{{ row.id }}"\nprompt: "Say {{ row.word }}"\nbody: {max_tokens: 20}\n' + extra
    )


def table(count: int, *, start: int = 0) -> str:
    return "id,word\n" + "".join(f"r{number},word {number}\n" for number in range(start, start + count))


def make_project(
    root: Path, *, rows: int = 3, extra: str = "", environ: Mapping[str, str] | None = None, **more: str
) -> Project:
    """A project of one chat spec over a table of `rows` rows."""
    project = Project(root, dict(environ or {}) | more)
    project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    project.write("demo.batchspec.yaml", chat_spec(extra=extra))
    project.write("rows.csv", table(rows))
    return project
