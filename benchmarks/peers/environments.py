"""An environment for each tool, with the pinned release in it, in a folder outside the repository."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.catalogue import BATCHSPEC, Peer

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Environment:
    """The interpreter of a tool's environment, and what is in it: the tool's version and the openai client's."""

    python: Path
    version: str
    client: str


class NotInstallableError(Exception):
    """A tool that cannot be installed here; the text is pip's last line about it."""


def prepared(peer: Peer, folder: Path) -> Environment:
    """Return a tool's environment, made if it is not there yet. Raises NotInstallableError."""
    home = folder / peer.script
    python = home / "bin" / "python"
    complete = home / "complete"
    wanted = " ".join((peer.requirement, *peer.beside))
    if not complete.exists() or complete.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        what = str(ROOT) if peer.requirement == BATCHSPEC else peer.requirement
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", what, *peer.beside],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NotInstallableError(done.stderr.strip().splitlines()[-1])
        complete.write_text(wanted, encoding="utf-8")
    distribution = peer.requirement.partition("==")[0].partition("[")[0]
    return Environment(python, _version(python, distribution), _version(python, "openai"))


def _version(python: Path, distribution: str) -> str:
    """Return the version of a distribution, or "-" where there is none."""
    code = f"import importlib.metadata as m; print(next(iter(m.distributions(name={distribution!r}))).version)"
    said = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return said.stdout.strip() if said.returncode == 0 else "-"
