"""What git says of a project's folder, asked of the `git` program: read only, bounded, running nothing else.

A repository's own settings may name programs (hooks, monitors, filters, transports): none is run, and where that
cannot be had, nothing is said. Without git, or without a repository, there is nothing to say at all.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchspec.core.manifest import Commit

_SECONDS = 5.0
_MOST_PATHS = 500
_KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT")
_SAFE = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}
_WITHOUT_PROGRAMS = ("-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "--no-pager")


class _UnknownError(Exception):
    """Git did not answer, or not in time."""


class Repository:
    """The repository around `root`. `environ` is where `git` is looked for, and its user's settings.

    `seconds` is how long git may take in all, each time that it is asked.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], *, seconds: float = _SECONDS) -> None:
        self._root = root
        self._seconds = seconds
        self._environ = {name: environ[name] for name in _KEPT if name in environ} | _SAFE
        self._until = 0.0

    def commit(self, sources: Sequence[str]) -> Commit | None:
        """Return the commit that is checked out, and which files differ from it.

        Those are all that git tracks and that were changed, and the `sources` that it does not track, relative to the
        root. They are None where git takes longer than some seconds, or a filter of the repository's own would be run.
        """
        self._until = time.monotonic() + self._seconds
        try:
            told = self._git("rev-parse", "--show-prefix", "HEAD^{commit}").removesuffix(b"\n")
        except _UnknownError:
            return None
        prefix, _, commit = told.decode("utf-8", "surrogateescape").rpartition("\n")
        try:
            changed = frozenset(self._changed(prefix) | self._untracked(sources))
        except _UnknownError:
            return Commit(commit, None)
        return Commit(commit, changed)

    def _changed(self, prefix: str) -> set[str]:
        if self._git("config", "--local", "--includes", "--get-regexp", r"^filter\..*\.(clean|process)$", fails=True):
            raise _UnknownError
        told = self._git(
            "status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=dirty", "--no-renames"
        )
        paths = (entry[3:].decode("utf-8", "surrogateescape") for entry in told.split(b"\0") if entry)
        # Git tells paths from the top of its tree; those outside of the root stay told from there.
        return {path.removeprefix(prefix) if path.startswith(prefix) else "/" + path for path in paths}

    def _untracked(self, sources: Sequence[str]) -> set[str]:
        left = set(sources)
        listed = sorted(left)
        for start in range(0, len(listed), _MOST_PATHS):
            told = self._git("ls-files", "-z", "--", *listed[start : start + _MOST_PATHS])
            left -= {path.decode("utf-8", "surrogateescape") for path in told.split(b"\0")}
        return left

    def _git(self, *arguments: str, fails: bool = False) -> bytes:
        """Run git and return what it prints. With `fails`, exit code 1 is an answer: nothing. Raises _UnknownError."""
        left = self._until - time.monotonic()
        try:
            told = subprocess.run(  # noqa: S603 - fixed arguments, and paths after `--`
                ["git", *_WITHOUT_PROGRAMS, *arguments],  # noqa: S607 - the user's own git, by the user's own PATH
                cwd=self._root,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=max(left, 0.01),
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            raise _UnknownError from None
        if told.returncode and not (fails and told.returncode == 1):
            raise _UnknownError
        return told.stdout
