"""Runs the shell steps of workflows and of the action for real; what GitHub itself does stands as a word for it.

Checking out, caches and artifacts are GitHub's: here they are what a test does between two runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from git_ops import ROOT, call

from batchspec.core.source import load_source

ACTION = "your-organisation/batchspec"
_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")


def read_yaml(path: Path) -> Any:
    return load_source(path.read_text(encoding="utf-8"), path.name).value


@dataclass(frozen=True)
class Ended:
    """How a step ended, and what it has told GitHub."""

    code: int
    out: str
    err: str
    outputs: Mapping[str, str]
    summary: str


@dataclass
class Runner:
    """A machine of GitHub's: a checked-out folder, a temporary one, and a program that is installed already."""

    workspace: Path
    temporary: Path
    environ: Mapping[str, str]
    contexts: dict[str, str] = field(default_factory=dict)

    def filled(self, text: object) -> str:
        return _EXPRESSION.sub(lambda found: self.contexts[found[1]], _word(text))

    def shell(self, script: str, environ: Mapping[str, str]) -> Ended:
        """Run a script as `shell: bash` does."""
        assert "${{" not in script
        output, summary = self.temporary / "output", self.temporary / "summary"
        for path in (output, summary):
            path.write_text("", encoding="utf-8")
        told = call(
            *("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script),
            cwd=self.workspace,
            environ={
                **self.environ,
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(ROOT),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "RUNNER_TEMP": str(self.temporary),
                **environ,
            },
        )
        pairs = (line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
        outputs = dict(pairs)
        return Ended(told.returncode, told.stdout, told.stderr, outputs, summary.read_text(encoding="utf-8"))

    def act(self, given: Mapping[str, object], environ: Mapping[str, str]) -> Ended:
        """Run the action's own step, after that which installs it."""
        action = read_yaml(ROOT / "action.yml")
        assert set(given) <= set(action["inputs"])
        inputs = {name: about.get("default", "") for name, about in action["inputs"].items()} | dict(given)
        inner = Runner(self.workspace, self.temporary, {**self.environ, **environ})
        inner.contexts = {f"inputs.{name}": self.filled(value) for name, value in inputs.items()}
        inner.contexts["steps.install.outputs.program"] = str(self.temporary / "bin/batchspec")
        step = action["runs"]["steps"][-1]
        return inner.shell(step["run"], {name: inner.filled(value) for name, value in step["env"].items()})

    def job(self, job: Mapping[str, Any]) -> Iterator[tuple[str, Ended]]:
        """Run a job's steps in turn, to the first that fails; those of GitHub's own actions are left to the test."""
        for step in job["steps"]:
            if step.get("if", "always()") != "always()" and self.contexts.get(step["if"]) != "true":
                continue
            environ = {name: self.filled(value) for name, value in step.get("env", {}).items()}
            if "run" in step:
                ended = self.shell(step["run"], environ)
            elif step["uses"].startswith(ACTION):
                ended = self.act(step["with"], environ)
            else:
                continue
            for name, value in ended.outputs.items():
                self.contexts[f"steps.{step.get('id')}.outputs.{name}"] = value
            yield step["name"], ended
            if ended.code:
                return


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
