"""Colour is for terminals that have it and people who want it, and is never the only sign; widths are kept."""

from __future__ import annotations

import re

import pytest
from driving import Project, chat_spec, make_project
from terminals import run_on_terminal

from batchspec.report.safe_text import width

COLOURED = {"NO_COLOR": ""}
PLAIN = [{"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}]
COMMANDS = [
    ("plan", "--provider", "emulator"),
    ("status", "--provider", "emulator"),
    ("plan", "--nope"),
    ("explain", "access"),
    ("doctor", "--provider", "emulator"),
]
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of two specs, one of them with a long name, the other applied."""
    made = make_project(tmp_path_factory.mktemp("project"))
    made.write("long.batchspec.yaml", chat_spec("a-name-that-is-as-long-as-people-make-them-when-nobody-stops-them"))
    assert made.run("apply", "demo.batchspec.yaml", "--provider", "emulator", "--yes", "--wait").code == 0
    return made


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_words_are_the_same_with_colour_and_without(project: Project, command: tuple[str, ...]) -> None:
    coloured = run_on_terminal(project, *command, environ=COLOURED)
    assert _COLOUR.search(coloured.text)
    for environ in PLAIN:
        plain = run_on_terminal(project, *command, environ=environ)
        assert not _COLOUR.search(plain.text)
        assert plain.code == coloured.code
        # What moves while it runs is drawn or told; what is left in the end is the same.
        assert _CONTROL.sub("", coloured.text).splitlines()[-1] == _CONTROL.sub("", plain.text).splitlines()[-1]


@pytest.mark.parametrize("command", COMMANDS[:3], ids=" ".join)
def test_a_pipe_has_colour_only_where_it_is_asked_for(project: Project, command: tuple[str, ...]) -> None:
    free = Project(project.root, {"NO_COLOR": ""})
    piped = free.run(*command)
    assert "\x1b" not in piped.out + piped.err
    free.environ["FORCE_COLOR"] = "1"
    asked = free.run(*command)
    assert _COLOUR.search(asked.out + asked.err)


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(project: Project, columns: int) -> None:
    for command in COMMANDS:
        shown = run_on_terminal(project, *command, environ=COLOURED, columns=columns)
        lines = _CONTROL.sub("", shown.text).splitlines()
        # A path stays whole, however long it is.
        assert [line for line in lines if width(line) > columns and not re.search(r"\S{40}", line)] == [], command
