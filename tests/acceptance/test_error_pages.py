"""What is said of each code: examples are run as they stand on the page, and `explain` shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from driving import PROJECT_ID, Project

from batchspec.core.error_pages import ErrorPage, error_pages, files_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
TEXT = PAGE.read_text(encoding="utf-8")
PAGES = error_pages(TEXT)
EXAMPLES = [page for page in PAGES.values() if page.call is not None]
COMMON = files_of(TEXT.split("## ", 1)[0])
# What has no example here needs another system, several runs, or bytes that a page cannot hold.
MOST_WITHOUT = 40


def run(page: ErrorPage, folder: Path) -> str:
    """Run a page's example in a project of its own; return what it prints."""
    project = Project(folder, {"COLUMNS": "100"})
    files = {"batchspec.toml": f'[project]\nid = "{PROJECT_ID}"\n', **COMMON, **page.files}
    for path, content in files.items():
        project.write(path, content)
    assert page.call is not None
    words = page.call[0].split()
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        project.environ[name] = value
    assert words[0] == "batchspec"
    outcome = project.run(*words[1:])
    return (outcome.out + outcome.err).rstrip() + "\n"


@pytest.mark.parametrize("page", EXAMPLES, ids=[page.code for page in EXAMPLES])
def test_an_example_ends_in_its_code_and_with_the_words_of_the_page(page: ErrorPage, tmp_path: Path) -> None:
    told = run(page, tmp_path)
    assert re.search(rf"(error|warning)\[{page.code}\]", told)
    assert page.call is not None
    assert told == page.call[1]


def test_most_codes_have_an_example() -> None:
    assert set(COMMON) == {"colours.batchspec.yaml", "rows.csv"}
    assert len(EXAMPLES) > len(PAGES) - MOST_WITHOUT


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_each_code_has_a_meaning_and_a_way_out(page: ErrorPage) -> None:
    assert len(page.meaning) > 10
    assert len(page.way_out) > 5


def test_a_code_is_explained(tmp_path: Path) -> None:
    told = Project(tmp_path).run("explain", "unknown-key", "error[stale]")
    assert told.code == 0
    assert told.out.startswith("unknown-key\n\nA key that is not known here")
    assert "    $ batchspec validate\n    colours.batchspec.yaml:3:1: error[unknown-key]" in told.out
    assert "\nWay out: mend the spelling.\n\nstale\n" in told.out
    assert "```" not in told.out


def test_all_codes_are_listed_in_a_line_each(tmp_path: Path) -> None:
    told = Project(tmp_path).run("explain")
    assert [line.split()[0] for line in told.out.splitlines()] == [*PAGES]
    assert max(map(len, told.out.splitlines())) <= 102


def test_a_code_that_there_is_not_is_refused_with_the_nearest(tmp_path: Path) -> None:
    told = Project(tmp_path).run("explain", "unknow-key")
    assert told.code == 3
    assert "did you mean `unknown-key`?" in told.err
