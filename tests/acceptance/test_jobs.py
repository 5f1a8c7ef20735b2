"""`--jobs`: the same outcome for any number of processes, which never outlive whoever has started them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import Project, make_project, table

EMULATOR = ("--provider", "emulator")


@pytest.mark.parametrize("more", ["", "matrix: {tone: [dry, warm]}\n"], ids=["one form", "a matrix"])
def test_plans_runs_and_results_are_the_same(tmp_path: Path, more: str) -> None:
    told = []
    for jobs in ("1", "3"):
        project = make_project(tmp_path / jobs, rows=4_100, extra=more)
        plan = project.run("plan", "--no-refresh", "--json", "--jobs", jobs)
        assert project.run("render", "--out", "lines", "--jobs", jobs).code == 0
        applied = project.run("apply", "--yes", "--wait", "--jobs", jobs, *EMULATOR)
        assert (plan.code, applied.code) == (0, 0), plan.err + applied.err
        lines = (project.root / "lines/demo.jsonl").read_bytes()
        told.append((plan.document, lines, project.rows("results/demo.jsonl")))
    assert told[0] == told[1]


def test_what_is_wrong_is_said_in_the_same_words(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    rows = table(4_500).splitlines()
    rows[20], rows[3_000], rows[4_400] = "r19", "r2999,a,b", "r19,again"
    project.write("rows.csv", "\n".join(rows) + "\n")
    alone, shared = (project.run("validate", "--jobs", jobs) for jobs in ("1", "3"))
    assert alone.code == 3
    assert "rows.csv:3001" in alone.err
    assert (shared.code, shared.out, shared.err) == (alone.code, alone.out, alone.err)


@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda name: name.name)
def test_no_process_is_left_behind(tmp_path: Path, deadly: signal.Signals) -> None:
    project = make_project(tmp_path / "project", rows=200_000)
    with project.start("plan", "--no-refresh", "--jobs", "2") as process:
        started = _until(lambda: len(_children(process)) == 2, process) and _children(process)
        process.send_signal(deadly)
        process.communicate(timeout=60)
    assert started
    assert process.returncode in {130, 143, -9}
    assert _until(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in started), None)


def _children(process: subprocess.Popen[str]) -> set[str]:
    return set(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split())


def _until(happened: Callable[[], bool], process: subprocess.Popen[str] | None) -> bool:
    for _ in range(600):
        if happened():
            return True
        assert process is None or process.poll() is None, "it ended before"
        time.sleep(0.05)
    return False


def test_a_number_of_processes_is_one_at_least(tmp_path: Path) -> None:
    refused = Project(tmp_path).run("plan", "--jobs", "0")
    assert refused.code == 3
    assert "--jobs" in refused.err
