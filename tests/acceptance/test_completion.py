"""Completion as the shells ask for it: bash, zsh and fish are run, PowerShell's questions are asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from driving import Project, make_project

from batchspec.cli.verbs import VERBS

SHELLS = ("bash", "zsh", "fish")
_ZSH = """\
fpath=({folder} $fpath)
autoload -U compinit && compinit -u -D
# What completion would show, written down instead.
compadd() {{ print -rl -- "${{(@P)@[-1]}}" >> {told} }}
_describe() {{ shift 2; print -rl -- "${{(P)1}}" >> {told} }}
words=({words})
CURRENT=$#words
source {folder}/_batchspec
_batchspec_completion
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path / "project", BATCHSPEC_PROVIDER="emulator")
    made.write("specs/wines.batchspec.yaml", "batchspec: 1\nname: wines\nenvironments:\n  staging:\n    model: m\n")
    program = made.write("bin/batchspec", f'#!/bin/sh\nexec {sys.executable} -m batchspec "$@"\n')
    program.chmod(0o755)
    made.environ["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return made


def script(project: Project, shell: str) -> str:
    told = project.run("completion", shell)
    assert (told.code, told.err) == (0, "")
    return told.out


def shell_says(project: Project, shell: str, command: str) -> str:
    done = subprocess.run(
        [shell, *(["-f"] if shell == "zsh" else []), "-c", command],
        cwd=project.root,
        env=project.environment() | {"HOME": str(project.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def completed_by(project: Project, shell: str, line: str) -> set[str]:
    """Return what a shell completes at the end of a line."""
    file = project.write("completion/_batchspec", script(project, shell))
    words = " ".join(f"'{word}'" for word in line.split(" "))
    if shell == "bash":
        count = len(line.split(" ")) - 1
        told = shell_says(
            project,
            shell,
            f"source {file}; COMP_WORDS=({words}); COMP_CWORD={count}; _batchspec_completion batchspec;"
            ' printf "%s\\n" "${COMPREPLY[@]}"',
        )
    elif shell == "zsh":
        note = project.write("told", "")
        shell_says(project, shell, _ZSH.format(folder=file.parent, told=note, words=words))
        told = note.read_text(encoding="utf-8")
    else:
        told = shell_says(project, shell, f"source {file}; complete -C '{line}'")
    return {each.split("\t")[0].split(":")[0] for each in told.splitlines()}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_specs_and_codes(project: Project, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert {"validate"} <= completed_by(project, shell, "batchspec val")
    assert {"--detailed-exitcode"} <= completed_by(project, shell, "batchspec plan --det")
    assert {"demo.batchspec.yaml"} <= completed_by(project, shell, "batchspec plan dem")
    assert {"wines"} <= completed_by(project, shell, "batchspec plan --select wi")
    assert {"unknown-key"} <= completed_by(project, shell, "batchspec explain unknown-k")


def answers(project: Project, *words: str, incomplete: str = "") -> list[str]:
    """Return what PowerShell is told, line by line."""
    asked = Project(project.root, project.environ | {"_BATCHSPEC_COMPLETE": "powershell_complete"})
    asked.environ |= {"COMP_WORDS": "\n".join(["batchspec", *words, incomplete]).strip(), "COMP_CWORD": incomplete}
    told = asked.run_anew()
    assert (told.code, told.err) == (0, "")
    return told.out.strip("\n").splitlines()


def values(project: Project, *words: str, incomplete: str = "") -> list[str]:
    return [line.split("\t")[1] for line in answers(project, *words, incomplete=incomplete)]


def test_powershell_is_told_type_value_and_help(project: Project) -> None:
    assert answers(project, incomplete="doc") == [f"plain\tdoctor\t{VERBS['doctor'].summary}"]
    assert values(project) == list(VERBS)
    assert values(project, "state", incomplete="re") == ["rebuild"]


def test_the_script_for_powershell_asks_as_the_program_expects(project: Project) -> None:
    text = script(project, "powershell")
    assert "Register-ArgumentCompleter -Native -CommandName batchspec" in text
    for name in ("COMP_WORDS", "COMP_CWORD", "_BATCHSPEC_COMPLETE"):
        assert f"$env:{name} = " in text
        assert text.count(f"Env:{name}") == 1
    assert [text.count(each) for each in "{(["] == [text.count(each) for each in "})]"]


@pytest.mark.parametrize("shell", [*SHELLS, "powershell"])
def test_a_script_says_in_its_head_how_it_is_installed(project: Project, shell: str) -> None:
    head = script(project, shell).splitlines()[:3]
    assert any(line.startswith(f"#   batchspec completion {shell} >") for line in head)


def test_environments_names_and_recorded_jobs_are_completed(project: Project) -> None:
    assert values(project, "plan", "--env", incomplete="") == ["staging"]
    assert values(project, "show", incomplete="wi") == ["wines"]
    assert values(project, "state", "show") == []
    assert project.run("apply", "--yes", "--wait", "demo.batchspec.yaml").code == 0
    [job] = values(project, "state", "show")
    assert project.run("state", "show", job).code == 0
    assert values(project, "state", "adopt", incomplete=job[:4]) == [job]


def test_what_cannot_be_read_is_left_out_without_a_word(project: Project) -> None:
    project.write("broken.batchspec.yaml", "name: [")
    project.write("batchspec.toml", "not toml")
    assert values(project, "state", "show") == []
    assert "demo" in values(project, "plan", "--select")


def test_a_shell_that_there_is_not_is_refused(project: Project) -> None:
    told = project.run("completion", "csh")
    assert told.code == 3
    assert "`bash`, `zsh`, `fish`, `powershell`" in told.err
