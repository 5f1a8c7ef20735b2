"""The tutorial and the how-tos are typed, as they stand, into a terminal, and show what they say that they show."""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_pages import ROOT, Terminal, environment, fits, read_page, type_page

TUTORIALS = sorted((ROOT / "docs/tutorial").glob("*.md"))
PAGES = [*TUTORIALS, *sorted((ROOT / "docs/how-to").glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT / "docs").as_posix())
def test_a_page_that_is_typed_shows_what_it_says(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    wrong = type_page(path.read_text(encoding="utf-8"), folder, environment(tmp_path / "home"))
    assert wrong == [], wrong[0]


def test_there_is_a_tutorial_and_all_of_it_but_the_installation_is_typed() -> None:
    assert [path.name for path in TUTORIALS] == ["first-results.md"]
    page = read_page(TUTORIALS[0].read_text(encoding="utf-8"))
    assert len(page.steps) > 10
    assert len(page.left_out) <= 3


def test_every_page_is_in_the_index_and_what_is_not_typed_has_its_reason() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert len(PAGES) > 20
    assert [path.name for path in PAGES if f"({path.parent.name}/{path.name})" not in index] == []
    reasons = {why for path in PAGES for why in read_page(path.read_text(encoding="utf-8")).left_out}
    assert reasons == {
        "it installs from a package index",
        "it needs a container engine",
        "it needs a key",
        "it needs a model on this machine",
        "it needs a secret manager",
    }


def test_a_page_that_shows_something_else_would_be_noticed(tmp_path: Path) -> None:
    environ = environment(tmp_path / "home")
    shown = "```console\n$ echo one; echo two\n{}\n```\n"
    assert type_page(shown.format("one\n..."), tmp_path, environ) == []
    assert "the terminal shows\none\ntwo" in type_page(shown.format("one\nthree"), tmp_path, environ)[0]
    assert "ended with 1" in type_page("```console\n$ false\n```\n", tmp_path, environ)[0]


def test_a_here_document_is_typed_with_its_command_and_a_question_is_answered(tmp_path: Path) -> None:
    with Terminal(tmp_path, environment(tmp_path / "home")) as terminal:
        assert terminal.enter("cat <<'EOF'\na\nEOF", []) == ("a\n", 0)
        assert terminal.enter("read -p 'Go on? [y/N]: ' told; echo $told", ["y"]) == ("Go on? [y/N]: y\ny\n", 0)


def test_dots_stand_for_any_text_within_a_line_and_over_lines() -> None:
    assert fits("a ... c\n...\nend", "a b c\nd\ne\nend\n")
    assert not fits("a ... c", "a b d")
