"""What the README and the documentation show is what happens: commands, options, the spec, the plan, JSON keys."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from driving import Project, make_project

from batchspec.cli.app import main as program
from batchspec.emulator.options import EmulatorOptions
from batchspec.emulator.server import EmulatorServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# The mistakes that the page of errors shows are run by a test of their own.
MISTAKES = ROOT / "docs/reference/errors.md"
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")} - {MISTAKES})
EXAMPLE = "examples/cheeses-and-wines"
EMULATED = ("--provider", "emulator")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return [body for name, body in _BLOCK.findall(text) if name == language]


def shown_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield every batchspec command of every page, in blocks of code and between backticks, with the page's name."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        page = path.relative_to(ROOT).as_posix()
        # In a console's block the other lines are what a command prints.
        code = [line for block in blocks(text, "console") for line in block.splitlines() if line.startswith("$ ")]
        code += blocks(text, "sh")
        outside = _BLOCK.sub("", text)
        code += re.findall(r"^ {4}(\S.*)$", outside, re.MULTILINE)
        code += re.findall(r"`(batchspec [^`\n]+)`", outside)
        for line in "\n".join(code).splitlines():
            for part in re.split(r"&&|\||>", line.removeprefix("$ ")):
                words = shlex.split(part, comments=True)
                while words and re.fullmatch(r"\w+=\S*", words[0]):
                    words.pop(0)
                if words and words[0].rsplit("/", 1)[-1] == "batchspec":
                    yield page, words[1:]


def misuse(words: list[str]) -> str | None:
    """Return what click knows of a command's verb and options, where it is not all of it."""
    options = [option for option in program.params if isinstance(option, click.Option)]
    known = {name for option in options for name in option.opts} | {"--help", "--version"}
    verbs = [word for word in words if not word.startswith("-")]
    if verbs and verbs[0].islower():
        command = program.commands.get(verbs[0])
        if command is None:
            return f"no verb `{verbs[0]}`"
        if isinstance(command, click.Group) and len(verbs) > 1 and verbs[1].islower():
            command = command.commands.get(verbs[1])
            if command is None:
                return f"no verb `{verbs[0]} {verbs[1]}`"
        known |= {name for option in command.params for name in option.opts}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    return f"no option {unknown}" if unknown else None


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    shown = list(shown_commands())
    assert len(shown) > 30
    assert [(page, words, wrong) for page, words in shown if (wrong := misuse(words))] == []


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert misuse(["plan", "--json", "specs/"]) is None
    assert misuse(["applie"]) == "no verb `applie`"
    assert misuse(["plan", "--wait"]) == "no option ['--wait']"
    assert misuse(["state", "list", "--open"]) is None
    assert misuse(["state", "lost"]) == "no verb `state lost`"
    assert misuse(["state", "list", "--wait"]) == "no option ['--wait']"


@pytest.fixture
def clone(tmp_path: Path) -> Project:
    """The examples, as they lie in a clone."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("results", ".batchspec"))
    return Project(tmp_path)


def test_the_readme_says_what_it_is_in_one_sentence_then_shows_a_spec_and_two_commands() -> None:
    first_screen = README.split("\n## ")[0]
    sentence = first_screen.split("\n\n")[1]
    assert sentence.startswith("batchspec ")
    assert (sentence.count("."), len(sentence) < 160) == (1, True)
    assert [language for language, _ in _BLOCK.findall(first_screen)] == ["yaml", "console", "sh", "sh"]
    assert len(blocks(first_screen, "yaml")[0].splitlines()) <= 14
    assert [len(block.splitlines()) for block in blocks(first_screen, "sh")] == [1, 1]
    assert len(first_screen.splitlines()) <= 45


def test_the_spec_of_the_readme_is_the_examples_own(clone: Project) -> None:
    shown = blocks(README, "yaml")[0]
    mode_line, _, text = (ROOT / EXAMPLE / "wines.batchspec.yaml").read_text(encoding="utf-8").partition("\n")
    assert mode_line.startswith("#")
    assert shown == text
    clone.write(f"{EXAMPLE}/wines.batchspec.yaml", shown)
    assert clone.run("validate", f"{EXAMPLE}/wines.batchspec.yaml").code == 0
    rendered = clone.run("render", "--out", "-", f"{EXAMPLE}/wines.batchspec.yaml")
    assert rendered.out.count('{"custom_id":') == 20


def test_the_experiment_of_the_readme_is_one(clone: Project) -> None:
    experiment = next(block for block in blocks(README, "yaml") if "matrix:" in block)
    for name in ("short", "careful"):
        clone.write(f"trial/prompts/{name}.md.j2", f"Be {name}: {{{{ row.text }}}}\n")
    keys = experiment + 'body: {temperature: "{{ matrix.temperature }}"}\ninputs: [{text: a}]\n'
    clone.write("trial/trial.batchspec.yaml", f"batchspec: 1\nname: trial\n{keys}")
    told = clone.run("plan", "--no-refresh", "--provider", "emulator", "--json", "trial/trial.batchspec.yaml")
    assert told.code == 0, told.err
    assert told.document["summary"]["submit"] == 2 * 2 * 2 * 3


def test_the_readmes_command_leaves_results_and_its_plan_is_the_real_one(clone: Project) -> None:
    command = blocks(README, "sh")[0].split("&&")[-1].split()
    assert command[0] == ".venv/bin/batchspec"
    assert clone.run(*command[1:]).code == 0
    for name, count in (("cheeses", 36), ("wines", 20)):
        assert [row["status"] for row in clone.rows(f"{EXAMPLE}/results/{name}.jsonl")] == ["succeeded"] * count
    old, new = re.findall(r"from `(\w+)` to `(\w+)`", README)[0]
    table = clone.root / EXAMPLE / "data/wines.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    edited = [line.replace(old, new) if line.startswith("Chablis,") else line for line in lines]
    assert edited != lines
    table.write_text("".join(edited), encoding="utf-8")
    asked, _, plan = next(text for text in blocks(README, "console") if "$ batchspec plan --" in text).partition("\n")
    assert clone.run(*asked.split()[2:]).out == plan


def test_the_readmes_table_of_faults_has_the_rows_of_the_page_that_tells_how_it_was_tried() -> None:
    page = (ROOT / "docs/explanation/reliability.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in README.splitlines() if line.count(" | ") == 6]
    assert len(rows) > 8
    assert [row for row in rows if row not in page] == []


def test_the_readmes_own_csv_comes_to_the_table_that_it_shows(tmp_path: Path) -> None:
    assert Project(tmp_path).run("init", "shop").code == 0
    shop = Project(tmp_path / "shop")
    spec = shop.root / "reviews.batchspec.yaml"
    output = next(block for block in blocks(README, "yaml") if block.startswith("output:"))
    spec.write_text(spec.read_text(encoding="utf-8") + output, encoding="utf-8")
    assert shop.run("apply", *EMULATED, "--yes", "--wait").code == 0
    table = (shop.root / "results/reviews.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "custom_id,model,status,review,mood,error"
    assert len(table) == 4


def test_the_readmes_second_command_is_the_one_that_ci_runs() -> None:
    install, test = blocks(README, "sh")[1].split(" && ")[1:]
    script = (ROOT / ".ci/run").read_text(encoding="utf-8").replace('"$work/venv/bin/python"', "python")
    assert "-e '.[test]'" in install
    assert "-e '.[test]'" in script
    assert test.strip().removeprefix(".venv/bin/") in script


def test_no_command_is_called_missing_and_no_key_is_put_off() -> None:
    missing = README.split("## Not in this version")[1].split("\n## ")[0]
    assert [name for name in re.findall(r"`(\w+)`", missing) if name in program.commands] == []
    assert "Planned keys" not in (ROOT / "docs/reference/spec.md").read_text(encoding="utf-8")


def test_every_key_of_every_json_document_is_on_its_page(tmp_path: Path) -> None:
    page = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8")
    with EmulatorServer(tmp_path / "emulator", options=EmulatorOptions()) as server:
        project = make_project(tmp_path / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url)
        documents = [
            project.run("plan", "--json").document,
            project.run("apply", "--yes", "--wait", "--json").document,
            project.run("status", "--json").document,
            project.run("wait", "--json").document,
            project.run("jobs", "--json").document,
        ]
    project.write("demo.batchspec.yaml", "batchspec: 1\nnmae: demo\n")
    documents += [project.run("validate", "--json").document, project.run("plan", "--json").document]
    keys = {key for document in documents for key in keys_of(document)}
    assert {"format_version", "converged", "diagnostics", "exit_code", "sent"} <= keys
    assert [key for key in sorted(keys) if f"`{key}`" not in page and f'"{key}"' not in page] == []


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            # What is below these is data: statuses, and a user's own keys.
            if key not in {"metadata", "rows"}:
                yield from keys_of(item)
