"""Runs the program on a pseudo-terminal of a given size, and types into it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from driving import Project

# Without it the keys that send signals would send none.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Shown(NamedTuple):
    """How a run ended, and every byte that it has sent to its terminal."""

    code: int
    text: str


def run_on_terminal(
    project: Project,
    *arguments: str,
    columns: int = 80,
    lines: int = 50,
    environ: Mapping[str, str] | None = None,
    then: Sequence[tuple[str, str | Callable[[], None]]] = (),
    timeout: float = 60,
) -> Shown:
    """Run the program; each of `then` is what is typed, or called, once the words before it have been shown."""
    terminal, inner = pty.openpty()
    termios.tcsetwinsize(terminal, (lines, columns))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, sys.executable, "-m", "batchspec", *arguments],
        cwd=project.root,
        env=project.environment() | {"TERM": "xterm-256color"} | dict(environ or {}),
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    shown, waiting, ends = b"", list(then), time.monotonic() + timeout
    while time.monotonic() < ends:
        try:
            block = os.read(terminal, 65_536) if select.select([terminal], [], [], 1)[0] else None
        except OSError:
            break
        if block == b"":
            break
        shown += block or b""
        if waiting and waiting[0][0].encode() in shown:
            _, act = waiting.pop(0)
            if callable(act):
                act()
            else:
                os.write(terminal, act.encode())
    os.close(terminal)
    return Shown(process.wait(timeout), shown.decode().replace("\r\n", "\n"))
