"""`status --watch` on a real pseudo-terminal and in a log: drawn in its place, ended by itself or by Ctrl-C."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from driving import Project, make_project
from terminals import run_on_terminal

from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

QUEUED_SECONDS = 600


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[Project]:
    """A project whose one job is queued until `let_it_run`."""
    options = EmulatorOptions(queue_seconds=QUEUED_SECONDS)
    with EmulatorServer(tmp_path / "emulator", options=options) as server:
        project = make_project(tmp_path / "project", MISTRAL_BASE_URL=server.url, MISTRAL_API_KEY="any")
        assert project.run("apply", "--yes").code == 0
        yield project


def let_it_run(sent: Project) -> None:
    with closing(sqlite3.connect(sent.root.parent / "emulator" / "emulator.db")) as database, database:
        database.execute("UPDATE jobs SET created_at = created_at - ?", [QUEUED_SECONDS])


def test_on_a_terminal_it_is_drawn_in_its_place_and_ends_by_itself(sent: Project) -> None:
    shown = run_on_terminal(sent, "status", "--watch", then=[("Ctrl-C ends", lambda: let_it_run(sent))])
    assert shown.code == 0
    first, *_, last = re.split(r"\x1b\[\d+F", shown.text)
    assert "Ctrl-C ends the watch; jobs go on." in first
    assert "Not converged: 3 requests in flight." in first
    assert "Ctrl-C" not in last
    assert "Converged: every request has its end." in last
    assert "results/demo.jsonl  3 succeeded" in last
    assert "\x1b[2J" not in shown.text, "what stood on the terminal before is not taken away"


def test_ctrl_c_ends_it_with_the_published_code_and_leaves_the_table(sent: Project) -> None:
    shown = run_on_terminal(sent, "status", "--watch", then=[("Ctrl-C ends", "\x03")])
    assert shown.code == 130
    left = re.split(r"\x1b\[\d+F", shown.text)[-1]
    assert "~ in flight            3" in left
    assert "Ctrl-C ends" not in left
    assert "error[interrupted]: stopped by SIGINT" in left


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"TERM": "dumb"}])
def test_where_nothing_can_be_drawn_over_it_is_lines(sent: Project, environ: dict[str, str]) -> None:
    let_go = ("Not converged", lambda: let_it_run(sent))
    shown = run_on_terminal(sent, "status", "--watch", environ=environ, then=[let_go])
    assert shown.code == 0
    assert "\x1b" not in shown.text
    assert re.match(r"\d\d:\d\d:\d\d  Not converged: 3 requests in flight\.", shown.text)
    assert shown.text.count("Converged: every request has its end.") == 1


def test_in_a_log_it_is_told_once_for_each_change_and_never_as_json(sent: Project) -> None:
    with sent.start("status", "--watch") as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert "Not converged: 3 requests in flight." in told
        let_it_run(sent)
        told += process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert told.count("Not converged") == 1
    assert told.count("Converged: every request has its end.") == 1
    assert sent.run("status", "--watch", "--json").code == 3
