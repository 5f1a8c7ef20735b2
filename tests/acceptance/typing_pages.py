"""Types what a page of documentation shows into a shell on a terminal of its own, and compares what comes back.

A block of `console` holds commands after `$ ` and, below each, what the terminal shows; `...` stands for any text. A
command without anything below it may say what it likes, and what it asks is answered by yes. A command must end well
unless its error or death is shown. Hidden in a page's comments: `<!-- type` commands that make the page's ground ready,
and `<!-- not typed: why -->` before a block that needs what a test cannot have.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import signal
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
LONGEST = 60.0
"""Seconds that one command may take."""

_PIECE = re.compile(
    r"(?:^<!-- not typed: (?P<why>[^\n]+) -->\n+)?^```console\n(?P<shown>.*?)^```$|^<!-- type\n(?P<hidden>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
_PROMPT = re.compile(r"\x1e(\d+)\x1e\$ ")
_QUESTION = "[y/N]: "
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Step:
    """A command with all lines that are typed for it, and what is shown below it; None where the page is silent."""

    typed: str
    shown: str | None
    answers: list[str] = field(default_factory=list)

    @property
    def may_fail(self) -> bool:
        return self.shown is not None and ("error" in self.shown or "Killed" in self.shown)


@dataclass
class Page:
    """What a page has typed, in its order, and the reasons for what it shows and has not typed."""

    steps: list[Step]
    left_out: list[str]


def read_page(text: str) -> Page:
    page = Page([], [])
    for piece in _PIECE.finditer(text):
        if piece["why"]:
            page.left_out.append(piece["why"])
        elif piece["hidden"] is not None:
            page.steps += [Step(line, None) for line in _commands(piece["hidden"])]
        else:
            page.steps += _steps(piece["shown"])
    return page


def _commands(text: str) -> Iterator[str]:
    """Yield commands, each with its here-document."""
    lines = iter(text.splitlines())
    for line in lines:
        yield _with_document(line, lines)


def _with_document(line: str, lines: Iterator[str]) -> str:
    document = re.search(r"<<'(\w+)'", line)
    if not document:
        return line
    taken = [line]
    for each in lines:
        taken.append(each)
        if each == document[1]:
            break
    return "\n".join(taken)


def _steps(block: str) -> Iterator[Step]:
    lines = iter(block.splitlines())
    step: Step | None = None
    below: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            if step:
                yield _ended(step, below)
            step, below = Step(_with_document(line.removeprefix("$ "), lines), None), []
        else:
            assert step is not None, f"a block of console begins with what no command has shown: {line!r}"
            below.append(line)
    if step:
        yield _ended(step, below)


def _ended(step: Step, below: list[str]) -> Step:
    step.shown = "\n".join(below) if below else None
    step.answers = [line.split(_QUESTION)[1] for line in below if _QUESTION in line]
    return step


def fits(shown: str, seen: str) -> bool:
    """Whether `seen` is what a page shows, where `...` stands for any text."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, seen.strip(), re.DOTALL) is not None


class Terminal:
    """A shell on a pseudo-terminal: typed into, and read as a person reads it."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *, columns: int = 120, rows: int = 50) -> None:
        self._pid, self._descriptor = pty.fork()
        if not self._pid:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], dict(environ))
        termios.tcsetwinsize(self._descriptor, (rows, columns))
        self._read([])

    def enter(self, text: str, answers: list[str]) -> tuple[str, int]:
        """Type a line or more and return what is shown below them and how the last command ended."""
        os.write(self._descriptor, text.encode() + b"\n")
        seen, code = self._read(answers)
        typed = text + "\n"
        assert seen.startswith(typed), f"typed {typed!r}, and the terminal shows {seen!r}"
        return seen.removeprefix(typed), code

    def _read(self, answers: list[str]) -> tuple[str, int]:
        """Return what comes until the shell asks again; questions on the way get the answers, then yes."""
        seen, ends, left = b"", time.monotonic() + LONGEST, list(answers)
        answered = 0
        while True:
            ready = select.select([self._descriptor], [], [], max(0, ends - time.monotonic()))[0]
            assert ready, f"still nothing after {LONGEST:g} s; it has shown {seen.decode()!r}"
            seen += os.read(self._descriptor, 65_536)
            text = seen.decode(errors="replace").replace("\r\n", "\n")
            prompt = _PROMPT.search(text)
            if prompt and prompt.end() == len(text):
                return _ESCAPES.sub("", text[: prompt.start()]), int(prompt[1])
            if text.endswith(_QUESTION) and len(text) > answered:
                os.write(self._descriptor, (left.pop(0) if left else "y").encode() + b"\n")
                answered = len(text)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A shell that is hung up on tells its background jobs; one that is killed leaves them behind.
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGHUP)
        os.close(self._descriptor)
        os.waitpid(self._pid, 0)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Make the environment of a page's shell: `batchspec` on its path, the emulator as its provider."""
    programs = home / "bin"
    programs.mkdir(parents=True)
    program = programs / "batchspec"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m batchspec "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    shutil.copy(Path(__file__).with_name("served_emulator.sh"), programs)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PS1": "\x1e$?\x1e$ ",
        "PS2": "",
        "BASH_SILENCE_DEPRECATION_WARNING": "1",
        "BATCHSPEC_PROVIDER": "emulator",
        "EXAMPLES": str(ROOT / "examples"),
    } | more


def type_page(text: str, folder: Path, environ: Mapping[str, str]) -> list[str]:
    """Type a page from its top and return what was otherwise than it says."""
    wrong: list[str] = []
    with Terminal(folder, environ) as terminal:
        for step in read_page(text).steps:
            seen, code = terminal.enter(step.typed, step.answers)
            if step.shown is not None and not fits(step.shown, seen):
                wrong.append(f"$ {step.typed}\n--- the page shows\n{step.shown}\n--- the terminal shows\n{seen}")
            elif code and not step.may_fail:
                wrong.append(f"$ {step.typed}\n--- ended with {code}\n{seen}")
            if wrong:
                break
    return wrong
