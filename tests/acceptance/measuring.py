"""Runs the command line and tells how much memory it had."""

from __future__ import annotations

import subprocess
import sys

from driving import Project

_SCRIPT = (
    "import resource, subprocess, sys;"
    "code = subprocess.run(sys.argv[1:]).returncode;"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);"
    "sys.exit(code)"
)


def peak(project: Project, *arguments: str, code: int = 0) -> int:
    """Return the most memory, in kilobytes, that a run had which ended with this code."""
    told = subprocess.run(
        [sys.executable, "-c", _SCRIPT, sys.executable, "-m", "batchspec", *arguments],
        cwd=project.root,
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == code, told.stderr
    return int(told.stdout.split()[-1])
