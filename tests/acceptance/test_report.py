"""The HTML report: what stands in it, and that nothing of a row or an answer is more than text."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from driving import PROJECT_ID, Project

from batchspec.emulator.faults import Faults
from batchspec.emulator.server import EmulatorServer

SPEC = """batchspec: 1
name: wines
models: [mistral-small-latest, ministral-8b-latest]
matrix:
  tone: [calm, loud]
inputs: rows.csv
custom_id: "{{ row.id }}"
prompt: "In a {{ matrix.tone }} voice: what goes with {{ row.thing }}?"
body:
  max_tokens: 40
"""
HOSTILE = (
    "</script><script>document.title = 'run'</script>",
    "<img src=x onerror=document.title='run'>",
    "\" autofocus onfocus=document.title='run' x=\"",
    "a \u202e cheese",
    "{{ 7 * 7 }} ${7 * 7}",
    "<!-- <style>* { display: none }</style>",
    "javascript:document.title='run'",
)
_VOID = {"meta", "input"}


class Page(HTMLParser):
    """Reads a page, and holds it to be well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def project(folder: Path, things: list[str]) -> Project:
    made = Project(folder)
    made.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    made.write("wines.batchspec.yaml", SPEC)
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id", "thing"), *((f"r{at}", thing) for at, thing in enumerate(things))])
    return made


def report(made: Project) -> str:
    told = made.run("report", "--provider", "emulator", "--out", "page.html")
    assert told.code == 0, told.err
    return (made.root / "page.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = project(tmp_path_factory.mktemp("report"), [*HOSTILE, "Chablis"])
    assert made.run("apply", "--provider", "emulator", "--yes", "--wait").code == 0
    return report(made)


def test_each_row_is_shown_with_all_its_answers_side_by_side(text: str) -> None:
    page = Page(text)
    assert len(page.named("article")) == 8
    assert sum(attributes.get("class") == "answer" for attributes in page.named("div")) == 8 * 4
    words = "".join(page.words)
    assert "user: In a loud voice: what goes with Chablis?" in words
    assert "[emulated ministral-8b-latest] In a calm voice: what goes with Chablis?" in words
    assert "8 of 8 rows" in words
    assert "Cost: $" in words
    assert "4 jobs" in words
    assert re.search(r"[0-9a-f]{32}", words)


def test_nothing_of_a_row_or_an_answer_is_more_than_text(text: str) -> None:
    page = Page(text)
    assert len(page.named("script")) == len(page.named("style")) == 1
    assert page.named("img") == page.named("iframe") == page.named("a") == page.named("link") == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "\u202e" not in text
    assert "<U+202E>" in "".join(page.words)
    assert not re.search(r"(?:src|href|url)\s*[=(]", re.sub(r"<pre>.*?</pre>|<h3>.*?</h3>", "", text, flags=re.DOTALL))


def test_the_policy_lets_nothing_run_but_the_pages_own_script_and_style(text: str) -> None:
    page = Page(text)
    [policy] = [each["content"] for each in page.named("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_many_rows_make_no_large_page_and_the_same_one_each_time(tmp_path: Path) -> None:
    made = project(tmp_path, [f"{'a long thing ' * 40}{number}" for number in range(400)])
    assert made.run("apply", "--provider", "emulator", "--yes", "--wait").code == 0
    page = report(made)
    assert len(page.encode()) < 450_000
    shown = len(Page(page).named("article"))
    assert 10 < shown < 400
    assert f"{shown} of 400 rows" in page
    assert report(made) == page


def test_what_was_not_sent_yet_is_pending(tmp_path: Path) -> None:
    page = Page(report(project(tmp_path, ["Chablis"])))
    assert [each["data-status"] for each in page.named("article")] == ["pending"]


def test_failures_come_first(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "emulator") as server:
        made = project(tmp_path / "project", [f"thing {number}" for number in range(12)])
        made.environ |= {"MISTRAL_BASE_URL": server.url, "MISTRAL_API_KEY": "any"}
        server.set_faults(Faults(line_error_rate=0.2, line_error_status=422))
        assert made.run("apply", "--yes", "--wait").code == 6
    assert made.run("report", "--out", "page.html").code == 0
    page = Page((made.root / "page.html").read_text(encoding="utf-8"))
    failed = ["failed" in (each["data-status"] or "").split() for each in page.named("article")]
    assert failed == sorted(failed, reverse=True)
    assert True in failed
    assert "injected" in "".join(page.words).lower()


def test_a_later_stage_has_its_answers_side_by_side_and_says_which_rows_wait(tmp_path: Path) -> None:
    made = project(tmp_path, ["Chablis", "Comté"])
    made.write(
        "later.batchspec.yaml",
        "batchspec: 1\nname: later\nmodel: mistral-small-latest\ninputs: {spec: wines, as: before}\n"
        'matrix: {tone: [calm, loud]}\nprompt: "{{ matrix.tone }}: {{ row.before.text }}"\n',
    )
    assert "8 rows without the answer to go on from" in report(made)
    assert made.run("apply", "--provider", "emulator", "--yes", "--wait").code == 0
    page = Page(report(made))
    assert [each["data-spec"] for each in page.named("article")] == ["wines"] * 2 + ["later"] * 8
    assert sum(attributes.get("class") == "answer" for attributes in page.named("div")) == 8 * 2 + 2 * 4


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    made = project(tmp_path, ["Chablis"])
    made.write("taken/file", "")
    told = made.run("report", "--provider", "emulator", "--out", "taken")
    assert told.code != 0
    assert "taken" in told.err
    assert "Traceback" not in told.err
