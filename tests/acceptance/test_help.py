"""Every command's help teaches: what it does, options in groups, and examples, each of which is run as it stands."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner
from driving import Project, make_project

from batchspec.cli.app import main
from batchspec.cli.teaching import Taught, examples_in, taught
from batchspec.cli.verbs import VERBS
from batchspec.emulator.server import EmulatorServer

COMMANDS = dict(taught(main))
EXAMPLES = [(name, line) for name, command in COMMANDS.items() for line in examples_in(command.help)]
_JOB = "8f2d4c1a-0d5e-4a53-9d0f-6d2f7f3f5b1e"
SERVES = "batchspec emulator --port 8790 --data ./emulator"
ENDS_OTHERWISE = {
    "batchspec plan specs/ --detailed-exitcode": 2,
    # The job of the example is nobody's, which is what is said.
    f"batchspec state adopt {_JOB}": 3,
    "batchspec state forget --yes 3fd1a9c0": 3,
}
WITHOUT_END = (SERVES,)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose specs are answered; examples are run in it one after the other."""
    root = tmp_path_factory.mktemp("help")
    with EmulatorServer(root / "emulator") as server:
        made = make_project(root / "project", MISTRAL_API_KEY="any", MISTRAL_BASE_URL=server.url)
        (made.root / "demo.batchspec.yaml").unlink()
        spec = "batchspec: 1\nname: {}\nmodel: mistral-small-latest\ninputs: ../{}.csv\ncustom_id: '{{{{ row.id }}}}'\n"
        made.write("specs/triage.batchspec.yaml", spec.format("triage", "t") + "prompt: 'Say {{ row.id }}'\n")
        made.write("specs/wines.batchspec.yaml", spec.format("wines", "w") + "prompt: 'Praise {{ row.id }}'\n")
        made.write("t.csv", "id\nT-17\n")
        made.write("w.csv", "id\nChablis\n")
        assert made.run("apply", "--yes", "--wait").code == 0
        yield made


def run_line(project: Project, line: str) -> int:
    """Run a line of a shell: commands after each other by `&&`, what they write by `>` or `|` taken away."""
    code = 0
    for part in line.replace("~", "home").split(" && "):
        words = shlex.split(re.split(r" [>|] ", part)[0])
        assert words[0] == "batchspec"
        told = project.run(*words[1:], *(["--yes"] if words[1] in {"apply", "gc", "cancel"} else []))
        code = told.code
        assert "error[bug]" not in told.err
    return code


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_with_options_in_groups_and_examples(name: str) -> None:
    told = CliRunner().invoke(main, [*name.split(), "--help"], prog_name="batchspec", obj=SimpleNamespace()).output
    assert isinstance(COMMANDS[name], Taught), "declare it by @click.command(cls=Taught)"
    usage, what, *_ = told.split("\n\n")
    assert usage.startswith(f"Usage: batchspec {name}")
    assert what.strip().endswith(".")
    assert len(what.strip().splitlines()[0]) <= 80
    sections = re.findall(r"^([A-Z][a-z ]+):$", told, re.MULTILINE)
    assert sections[-1] == "Examples"
    assert told.count(f"  batchspec {name}") >= 1
    has_shared = any(each.name == "lock_timeout" for each in COMMANDS[name].params)
    assert ("Options of every command" in sections) is has_shared


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_its_words(name: str) -> None:
    options = [each for each in COMMANDS[name].params if isinstance(each, click.Option) and not each.hidden]
    assert [each.name for each in options if not (each.help or "").strip()] == []


def test_the_summaries_of_the_list_are_those_of_the_commands() -> None:
    told = {name: " ".join((main.commands[name].help or "").split("\n\n")[0].split()) for name in VERBS}
    assert {name: verb.summary for name, verb in VERBS.items()} == told


@pytest.mark.parametrize("line", [line for _, line in EXAMPLES if line not in WITHOUT_END])
def test_an_example_runs(line: str, project: Project) -> None:
    if " plan " in line or "review.plan" in line:
        rows = project.root / "t.csv"
        with rows.open("a", encoding="utf-8", newline="") as stream:
            stream.write(f"T-{len(rows.read_bytes()) + 100}\n")
    if "apply review.plan" in line and "plan --out" not in line:
        assert project.run("plan", "--out", "review.plan").code == 0
    assert run_line(project, line) == ENDS_OTHERWISE.get(line, 0)
    # A project within this one would be looked at by the examples after it.
    shutil.rmtree(project.root / "my-project", ignore_errors=True)


@pytest.mark.parametrize("line", WITHOUT_END)
def test_an_example_that_goes_on_begins(line: str, project: Project) -> None:
    words = line.replace("8790", "0").split()[1:]
    process = project.start(*words)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.7 if sys.platform == "linux" else 2)
    finally:
        process.terminate()
        process.communicate(timeout=20)
