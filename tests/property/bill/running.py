"""Runs the real command line within this process: hundreds of runs, without the start and the end of a process each."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from driving import Outcome, Project

from batchspec.cli.app import run as program
from batchspec.cli.interrupts import Interrupts


class ProjectHere(Project):
    """A project whose commands are run in this process, one at a time, in its folder and its environment."""

    def run(self, *arguments: str, timeout: float = 0) -> Outcome:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        shown = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with _place(self.root, self.environment()), shown[0], shown[1]:
            code = program(arguments, Interrupts())
        told = [_text(stream) for stream in (out, err)]
        assert "error[bug]" not in told[1], told[1]
        return Outcome(code, *told)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextlib.contextmanager
def _place(folder: Path, environ: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
