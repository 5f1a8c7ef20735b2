"""Makes the n-th change of files by a process fail, as a disk does: `failing_calls.c` preloaded into forked runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forking import ForkedProject, ForkServer, fork_server


@dataclass(frozen=True, kw_only=True)
class Failed:
    """How a run ended in which changes of files failed: `first` names the first of them, `changes` counts all made."""

    code: int
    out: str
    err: str
    first: str
    changes: int


@contextlib.contextmanager
def failing_forks(folder: Path) -> Iterator[ForkServer]:
    """A server of forks whose runs can be made to fail; skips the test where there is no way to do so."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("calls can be made to fail where there is Linux and a C compiler")
    library = folder / "failing_calls.so"
    source = Path(__file__).with_name("failing_calls.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True, timeout=60)
    earlier = os.environ.get("LD_PRELOAD")
    os.environ["LD_PRELOAD"] = str(library)
    try:
        opened = fork_server()
        forks = opened.__enter__()
    finally:
        if earlier is None:
            del os.environ["LD_PRELOAD"]
        else:
            os.environ["LD_PRELOAD"] = earlier
    try:
        yield forks
    finally:
        opened.__exit__(None, None, None)


def run_failing(project: ForkedProject, arguments: tuple[str, ...], told: Path, **how: int) -> Failed:
    """Run with the change numbered `at` failing `with_errno`; with `on`, all that come later too. `at` 0 is none."""
    told.unlink(missing_ok=True)
    ended = project.but(
        {
            "FAIL_UNDER": f"{project.root}/",
            "FAIL_TOLD": str(told),
            "FAIL_AT": str(how["at"]),
            "FAIL_WITH": str(how["with_errno"]),
            "FAIL_ON": "1" if how.get("on") else "",
        }
    ).run(*arguments)
    lines = told.read_text(encoding="utf-8").splitlines()
    return Failed(
        code=ended.code,
        out=ended.out,
        err=ended.err,
        first=lines[0] if len(lines) > 1 else "none",
        changes=int(lines[-1].split()[0]),
    )
