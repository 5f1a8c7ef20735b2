"""Mistakes on the command line: told like all others, with the way out, and never in the words of a library."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import Project, make_project


@pytest.mark.parametrize(
    ("arguments", "told", "way_out"),
    [
        ("status --wacth", "`batchspec status` has no option `--wacth`", "did you mean `--watch`?"),
        ("--nosuch", "`batchspec` has no option `--nosuch`", "`batchspec --help` lists its options"),
        ("stats", "`batchspec` has no command `stats`", "did you mean `batchspec status`?"),
        ("submit all", "`batchspec` has no command `submit`", "did you mean `batchspec apply`?"),
        ("frobnicate", "`batchspec` has no command `frobnicate`", "`batchspec --help` lists the commands"),
        ("state lst", "`batchspec state` has no command `lst`", "did you mean `batchspec state list`?"),
        ("demo.batchspec.yaml", "is a file, and no command", "`batchspec plan demo.batchspec.yaml`"),
        ("show", "`batchspec show` needs SPEC", "for example `batchspec show wines`"),
        ("plan --jobs 0", "`--jobs`: 0 is not in the range", "`batchspec plan --help` says what it takes"),
        ("wait --timeout 5x", "`--timeout`: `5x` is not a duration", "`batchspec wait --help`"),
        ("plan --state", "`--state` needs a value", "`batchspec plan --help`"),
        ("plan --json=1", "`--json` takes no value", "`batchspec plan --help`"),
        ("doctor please", "does not know what to do with `please`", "leave it out"),
    ],
)
def test_it_says_what_is_wrong_and_the_way_out(tmp_path: Path, arguments: str, told: str, way_out: str) -> None:
    outcome = make_project(tmp_path).run(*arguments.split())
    first, *rest = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (3, "")
    assert first.startswith("error[command-line]: ")
    assert told in first
    assert rest[-1].startswith("  help: ")
    assert way_out in rest[-1]


def test_a_provider_that_nobody_offers_says_what_is_meant_and_where_the_name_may_come_from(tmp_path: Path) -> None:
    for outcome in (
        make_project(tmp_path, BATCHSPEC_PROVIDER="mistrall").run("plan"),
        make_project(tmp_path).run("plan", "--provider", "mistrall"),
    ):
        assert outcome.code == 3
        assert outcome.err.startswith("error[no-plugin]: there is no provider `mistrall`")
        assert "BATCHSPEC_PROVIDER in the environment" in outcome.err
        assert "did you mean `mistral`?" in outcome.err


def test_a_value_from_the_environment_says_where_it_comes_from(tmp_path: Path) -> None:
    outcome = make_project(tmp_path, BATCHSPEC_PROVIDER="Mi/stral").run("plan")
    assert outcome.code == 3
    assert "  why:  it comes from BATCHSPEC_PROVIDER in the environment\n" in outcome.err


def test_who_wants_json_gets_json(tmp_path: Path) -> None:
    outcome = Project(tmp_path).run("status", "--json", "--wacth")
    assert (outcome.code, outcome.err) == (3, "")
    assert outcome.document["error"]["code"] == "command-line"
    assert outcome.document["error"]["exit_code"] == 3


def test_what_was_typed_cannot_steer_the_terminal(tmp_path: Path) -> None:
    outcome = Project(tmp_path).run("pla\x1b]0;owned\x07n")
    assert outcome.code == 3
    assert "\x1b" not in outcome.err
    assert "owned" in outcome.err


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    outcome = Project(tmp_path).run()
    assert outcome.code == 3
    assert "batchspec apply --wait" in outcome.err
