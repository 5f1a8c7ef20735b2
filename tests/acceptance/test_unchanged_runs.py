"""Runs over what is unchanged look at no row, and send, write and tell the same as ever.

Whether a plan was known again is told by a mark: a number of rows that is put into what is remembered, by the state's
own means, since an edit by any other hand would be noticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import Outcome, Project, chat_spec, make_project, table

from batchspec.core.json_text import encode, parse
from batchspec.state.store import SqliteLedger

EMULATED = ("--provider", "emulator")
MARK = 4_242
OUTPUT = "results/demo.jsonl"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that was applied, and of which it is remembered that there is nothing to do."""
    return applied_project(tmp_path)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same, for tests that leave everything as it is."""
    return applied_project(tmp_path_factory.mktemp("settled"))


def applied_project(folder: Path) -> Project:
    project = make_project(folder, rows=5, extra="vars: {tone: plain}\n")
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    mark(project)
    return project


def mark(project: Project, name: str = "demo") -> None:
    with SqliteLedger(project.root / ".batchspec" / "emulator" / "state.db") as ledger:
        ledger.begin_planning()
        told = ledger.remembered_plan(name)
        assert told is not None, "what has nothing to send is remembered"
        memo: Any = parse(told.encode())
        memo["variants"][0]["rows"] = MARK
        ledger.remember_plans({name: encode(memo).decode()})


def plan(project: Project, *arguments: str) -> Outcome:
    told = project.run("plan", *EMULATED, "--json", *arguments)
    assert told.code == 0, told.err
    return told


def is_marked(told: Outcome, spec: int = 0) -> bool:
    return bool(told.document["specs"][spec]["variants"][0]["rows"] == MARK)


def test_plan_apply_status_and_wait_know_it_again_any_number_of_times(settled: Project) -> None:
    assert is_marked(plan(settled, "--no-refresh"))
    for _ in range(2):
        applied = settled.run("apply", *EMULATED, "--yes", "--json")
        assert applied.document["sent"] == {"jobs": 0, "requests": 0}
        assert is_marked(applied)
        assert settled.run("status", *EMULATED).code == 0
        assert settled.run("wait", *EMULATED).code == 0
    assert is_marked(plan(settled))


@pytest.mark.parametrize("path", [OUTPUT, "results/demo.manifest.json"])
def test_an_output_that_is_gone_or_edited_is_written_again(settled: Project, path: str) -> None:
    target = settled.root / path
    assert target.exists(), sorted(each.name for each in target.parent.iterdir())
    before = target.read_bytes()
    for spoil in (target.unlink, lambda: target.write_bytes(before + b"edited\n")):
        spoil()
        assert is_marked(settled.run("apply", *EMULATED, "--yes", "--json"))
        assert target.read_bytes() == before
    assert is_marked(plan(settled))


def test_an_output_that_is_there_is_not_written_again(settled: Project) -> None:
    before = (settled.root / OUTPUT).stat()
    assert is_marked(settled.run("apply", *EMULATED, "--yes", "--json"))
    after = (settled.root / OUTPUT).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_one_edited_row_is_the_only_one_that_is_sent(project: Project) -> None:
    project.write("rows.csv", table(5).replace("word 3", "word 9"))
    seen = plan(project)
    assert not is_marked(seen)
    assert seen.document["summary"]["submit"] == 1
    applied = project.run("apply", *EMULATED, "--yes", "--wait", "--json")
    assert applied.document["sent"] == {"jobs": 1, "requests": 1}
    mark(project)
    assert is_marked(plan(project))


def test_a_job_that_is_forgotten_is_sent_again(project: Project) -> None:
    [job] = [each["id"] for each in project.run("status", *EMULATED, "--json").document["jobs"]]
    assert project.run("state", "forget", job, "--yes", "--results", *EMULATED).code == 0
    seen = plan(project)
    assert not is_marked(seen)
    assert seen.document["summary"]["submit"] == 5


@pytest.mark.parametrize(
    "arguments",
    [("--var", "tone=rude"), ("--provider", "emulator", "--state", "other.db")],
    ids=["variable", "another state"],
)
def test_another_way_to_run_is_another_plan(settled: Project, arguments: tuple[str, ...]) -> None:
    assert not is_marked(plan(settled, "--no-refresh", *arguments))
    assert is_marked(plan(settled, "--no-refresh"))


def test_a_variable_of_the_environment_counts(settled: Project) -> None:
    for tone in ("rude", "plain"):
        run = Project(settled.root, {"BATCHSPEC_VAR_tone": tone})
        assert is_marked(plan(run, "--no-refresh")) is (tone == "plain")


def test_prices_have_no_part_in_it(settled: Project) -> None:
    prices = settled.write("prices.yaml", "prices: 1\nas_of: 2026-09-01\nmodels: [{names: [m], input: 2, output: 4}]\n")
    assert is_marked(plan(settled, "--no-refresh", "--prices", str(prices)))


def test_a_saved_plan_of_nothing_is_made_and_applied(settled: Project) -> None:
    assert is_marked(plan(settled, "--out", "review.plan"))
    assert settled.run("apply", *EMULATED, "review.plan").code == 0


@pytest.mark.parametrize("command", [("render", "--out", "-"), ("results", "--out", "-"), ("plan", "--explain", "r3")])
def test_what_shows_rows_looks_at_them(settled: Project, command: tuple[str, ...]) -> None:
    told = settled.run(*command, *EMULATED)
    assert told.code == 0, told.err
    assert "r3" in told.out


def test_answers_that_another_run_collects_are_seen(project: Project) -> None:
    project.write("rows.csv", table(7))
    assert project.run("apply", *EMULATED, "--yes").code == 0
    assert project.run("wait", *EMULATED).code == 0
    seen = plan(project)
    assert not is_marked(seen)
    assert seen.document["specs"][0]["variants"][0]["done"] == 7


def test_of_two_specs_the_one_that_is_unchanged_is_known_again(project: Project) -> None:
    project.write("other.batchspec.yaml", chat_spec("other", inputs="more.csv"))
    project.write("more.csv", table(2, start=20))
    assert project.run("apply", *EMULATED, "--yes", "--wait").code == 0
    mark(project)
    project.write("more.csv", table(3, start=20))
    seen = plan(project)
    assert is_marked(seen)
    assert seen.document["specs"][1]["variants"][0]["submit"] == 1
